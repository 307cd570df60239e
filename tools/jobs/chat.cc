#include "tools/jobs/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "models/registry.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "tools/jobs/finite_generation.h"
#include "tools/jobs/sampler_settings.h"
#include "tools/jobs/text_input.h"
#include "tools/jobs/texts.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostContext = 8192;  // where none was asked for: memory for the cache
constexpr std::size_t kRoomForReply = 512;  // tokens, or a quarter of a small context

Json message(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

bool is_from(const Json& message, std::string_view role) { return message["role"] == role; }

Json tools_of(const std::string& file) {
  if (file.empty()) return nullptr;
  Json tools = Json::parse(read_text_file(file), nullptr, false);
  if (!tools.is_array()) throw bad_input(file, "expected a JSON list of tools");
  return tools;
}

Json tool_calls_of(const std::vector<ToolCall>& calls) {
  Json list = Json::array();
  for (const ToolCall& call : calls) {
    const Json arguments = Json::parse(call.arguments, nullptr, false);
    // Mistral's templates want ids of nine letters.
    const std::string id = call.id.empty() ? fmt::format("call{:05}", list.size()) : call.id;
    list.push_back(
        {{"id", id},
         {"type", "function"},
         {"function",
          {{"name", call.name},
           {"arguments", arguments.is_discarded() ? Json(call.arguments) : arguments}}}});
  }
  return list;
}

bool is_text_of(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string();
}

bool is_tool_call(const Json& call) {
  return is_text_of(call, "id") && call.contains("function") &&
         is_text_of(call["function"], "name");
}

bool is_message(const Json& m) {
  if (!is_text_of(m, "role")) return false;
  if (!m.contains("tool_calls")) return m.contains("content");
  const Json& calls = m["tool_calls"];
  return calls.is_array() && !calls.empty() &&
         std::all_of(calls.begin(), calls.end(), is_tool_call);
}

// Error (kBadInput) for what is no conversation.
void check_messages(const Json& messages, const std::string& where) {
  if (!messages.is_array()) throw bad_input(where, "expected a JSON list of messages");
  if (std::all_of(messages.begin(), messages.end(), is_message)) return;
  throw bad_input(where, "expected messages with \"role\" and \"content\"");
}

}  // namespace

struct Chat::State {
  State(const ChatRequest& r, const Notes& notes)
      : request(r),
        open(r.engine, r.isa),
        tokenizer(Tokenizer::from_metadata(open.file.metadata(), r.engine.model)),
        chat(open_chat_template(r.chat_template, open.file, tokenizer)),
        tools(tools_of(r.tools_file)),
        kept(r.prompt_cache) {
    for (const std::string& warning : tokenizer.warnings()) notes.warn(warning);
    for (const std::string& warning : metadata_warnings(open.file.metadata())) notes.warn(warning);
    const std::size_t trained = open.model->traits().n_ctx_train;
    n_ctx = r.engine.n_ctx > 0 ? r.engine.n_ctx : std::min(trained, kMostContext);
    for (const std::string& warning : context_warnings(open.file.metadata(), n_ctx)) {
      notes.warn(warning);
    }
    session = std::make_unique<Session>(*open.model, open.kernels, open.pool,
                                        session_options(r.engine, n_ctx, r.draft.n_rows()));
    draft = std::make_unique<OpenDraft>(r.draft, r.engine, open, tokenizer, n_ctx);
    stats.speculates = r.draft.given();
    kept.load(open, {}, *session);  // refuses here what is no cache of this run
    if (!r.chat_template.system.empty()) {
      messages.push_back(message("system", r.chat_template.system));
    }
  }

  std::size_t first_turn() const { return !messages.empty() && is_from(messages[0], "system"); }
  std::size_t room_for_reply() const;
  std::vector<Token> prompt(std::size_t* n_left_out) const;
  ChatReply reply(const GenerationCallbacks& callbacks);
  // With what `change` makes of the conversation, which an Error leaves as it was.
  template <typename Change>
  ChatReply reply_after(const Change& change, const GenerationCallbacks& callbacks);
  void keep_reply(ChatReply& reply, const GenerationResult& result);

  ChatRequest request;
  OpenModel open;
  Tokenizer tokenizer;
  ChatTemplate chat;
  Json tools;
  std::size_t n_ctx = 0;
  std::unique_ptr<Session> session;
  std::unique_ptr<OpenDraft> draft;
  KeptPrompt kept;
  bool kept_is_used = false;  // by the first reply
  std::vector<Token> held;    // what the session holds
  Json messages = Json::array();
  std::uint64_t n_replies = 0;  // ever: each has draws of its own
  ChatStats stats;
};

std::size_t Chat::State::room_for_reply() const {
  const std::size_t quarter = std::max<std::size_t>(1, n_ctx / 4);
  const std::int64_t n = request.generation.n_predict;
  return std::min(quarter, n >= 0 ? static_cast<std::size_t>(n) : kRoomForReply);
}

// The conversation as tokens, without the oldest turns where it is too long. A turn begins with a
// message of the user.
std::vector<Token> Chat::State::prompt(std::size_t* n_left_out) const {
  const std::time_t now = std::time(nullptr);
  Json seen = messages;
  *n_left_out = 0;
  for (;;) {
    std::vector<Token> tokens = chat.tokens(seen, tools, now);
    if (tokens.size() + room_for_reply() <= n_ctx) return tokens;
    const auto first = seen.begin() + static_cast<std::ptrdiff_t>(first_turn());
    const auto is_user = [](const Json& m) { return is_from(m, "user"); };
    const auto next = first == seen.end() ? first : std::find_if(first + 1, seen.end(), is_user);
    if (next == seen.end() || request.stop_when_full) {
      if (next == seen.end() && tokens.size() < n_ctx) return tokens;
      throw usage_error(fmt::format(
          "the context of {} tokens is full: the conversation has {}, and a reply needs room (see "
          "-c, /reset, /undo)",
          n_ctx, tokens.size()));
    }
    seen.erase(first, next);
    ++*n_left_out;
  }
}

ChatReply Chat::State::reply(const GenerationCallbacks& callbacks) {
  ChatReply reply;
  const std::vector<Token> tokens = prompt(&reply.n_left_out);
  if (!std::exchange(kept_is_used, true)) held = kept.load(open, tokens, *session);
  GenerationOptions options = request.generation;
  options.sampler.seed += n_replies++;
  GenerationCallbacks watched = callbacks;
  watched.on_text = [&](std::string_view text) {
    reply.text += text;
    if (callbacks.on_text) callbacks.on_text(text);
  };
  GenerationResult result;
  try {
    result = generate_finite(open, *session, tokenizer, tokens, options, watched, held,
                             draft->speculation());
  } catch (...) {
    session->clear();
    held.clear();
    throw;
  }
  held.assign(result.tokens.begin(),
              result.tokens.begin() + static_cast<std::ptrdiff_t>(result.n_kept));
  keep_reply(reply, result);
  return reply;
}

template <typename Change>
ChatReply Chat::State::reply_after(const Change& change, const GenerationCallbacks& callbacks) {
  const Json before = messages;
  change();
  try {
    return reply(callbacks);
  } catch (const Error&) {
    messages = before;
    throw;
  }
}

void Chat::State::keep_reply(ChatReply& reply, const GenerationResult& result) {
  reply.end = result.end;
  reply.calls = find_tool_calls(tokenizer.decode(result.reply, true));
  Json said = message("assistant", reply.text);
  if (!tools.is_null() && !reply.calls.empty()) {
    said["content"] = "";
    said["tool_calls"] = tool_calls_of(reply.calls);
  }
  messages.push_back(std::move(said));
  stats.prompt.n += result.prompt.n;
  stats.prompt.seconds += result.prompt.seconds;
  stats.generated.n += result.generated.n;
  stats.generated.seconds += result.generated.seconds;
  stats.passes.n_passes += result.passes.n_passes;
  stats.passes.n_drafted += result.passes.n_drafted;
  stats.passes.n_accepted += result.passes.n_accepted;
  stats.n_reused += result.n_held;
}

Chat::Chat(const ChatRequest& request, const Notes& notes) {
  const auto start = std::chrono::steady_clock::now();
  Sampler(request.generation.sampler);  // settings that make no sense, before the model is opened
  const std::optional<Grammar> grammar = read_grammar(request.grammar);
  state_ = std::make_unique<State>(request, notes);
  state_->request.generation.grammar = over_vocabulary(grammar, state_->tokenizer);
  state_->stats.load_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Chat::~Chat() = default;

ChatReply Chat::ask(const std::string& text, const GenerationCallbacks& callbacks) {
  return state_->reply_after([&] { state_->messages.push_back(message("user", text)); }, callbacks);
}

ChatReply Chat::answer_tool(const std::string& result, const GenerationCallbacks& callbacks) {
  Json& messages = state_->messages;
  if (messages.empty() || !messages.back().contains("tool_calls")) {
    throw usage_error("no tool was called");
  }
  const Json call = messages.back()["tool_calls"][0];
  Json answer = message("tool", result);
  answer["tool_call_id"] = call["id"];
  answer["name"] = call["function"]["name"];
  return state_->reply_after([&] { messages.push_back(std::move(answer)); }, callbacks);
}

ChatReply Chat::retry(const GenerationCallbacks& callbacks) {
  Json& messages = state_->messages;
  if (messages.empty() || !is_from(messages.back(), "assistant")) {
    throw usage_error("there is no reply to make again");
  }
  return state_->reply_after([&] { messages.erase(messages.size() - 1); }, callbacks);
}

void Chat::undo() {
  Json& messages = state_->messages;
  std::size_t at = messages.size();
  while (at > 0 && !is_from(messages[at - 1], "user")) --at;
  if (at == 0) throw usage_error("there is no turn to undo");
  messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(at) - 1, messages.end());
}

void Chat::reset() {
  Json& messages = state_->messages;
  messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(state_->first_turn()),
                 messages.end());
}

void Chat::set_system(const std::string& text) {
  Json& messages = state_->messages;
  if (state_->first_turn() > 0) messages.erase(std::size_t{0});
  if (!text.empty()) messages.insert(messages.begin(), message("system", text));
}

std::string Chat::system() const {
  const bool has_text = state_->first_turn() > 0 && is_text_of(state_->messages[0], "content");
  return has_text ? state_->messages[0]["content"].get<std::string>() : std::string();
}

void Chat::set(std::string_view name, std::string_view value) {
  GenerationOptions changed = state_->request.generation;
  change_setting(changed, name, value);
  Sampler check(changed.sampler);
  state_->request.generation = std::move(changed);
}

std::string Chat::settings() const { return settings_text(state_->request.generation); }

void Chat::save(const std::string& path) const {
  OutputGate gate;
  const OutputTarget target =
      gate.admit(path, {.what = "the conversation", .kind = OutputKind::kText});
  constexpr auto kReplace = Json::error_handler_t::replace;
  write_text(target, state_->messages.dump(2, ' ', false, kReplace) + "\n");
}

void Chat::load(const std::string& path) {
  Json messages = Json::parse(read_text_file(path), nullptr, false);
  check_messages(messages, path);
  state_->messages = std::move(messages);
}

void Chat::keep_prompt() const {
  state_->kept.save(state_->held, state_->held.size(), *state_->session);
}

ChatStats Chat::stats() const {
  ChatStats stats = state_->stats;
  const Json& messages = state_->messages;
  stats.n_turns = static_cast<std::size_t>(std::count_if(
      messages.begin(), messages.end(), [](const Json& m) { return is_from(m, "user"); }));
  stats.n_ctx = state_->n_ctx;
  stats.n_used = state_->held.size();
  return stats;
}

}  // namespace lathe
