// lathe chat: a conversation with a model, in the terminal or line by line through a pipe.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/text/chat_template.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/line_editor.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/prompt_progress.h"
#include "tools/cli/standard_output.h"
#include "tools/cli/terminal.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/chat_options.h"
#include "tools/commands/options/draft_options.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/grammar_options.h"
#include "tools/commands/options/prompt_cache_options.h"
#include "tools/commands/options/sampling_options.h"
#include "tools/jobs/chat.h"
#include "tools/report/chat_report.h"

namespace lathe {
namespace {

constexpr int kInterrupted = 130;  // the exit code that Ctrl-C has
constexpr std::string_view kBlock = "\"\"\"";

struct ChatCommand {
  ChatRequest request;
  std::int64_t seed = -1;  // -1: another one each time
  std::string when_full = "drop";
  bool no_history = false, verbose = false;
};

// The conversation as the person sees it: lines in, commands, replies out.
class Screen {
 public:
  Screen(const ChatCommand& command, Chat& chat)
      : chat_(chat),
        verbose_(command.verbose),
        editor_(command.no_history ? std::string() : state_file("chat-history")) {}

  int run() {
    if (editor_.is_interactive()) say("/help lists the commands; Ctrl-D or /quit leaves.");
    while (!done_) {
      std::string text;
      switch (read(text)) {
        case LineEditor::End::kEndOfInput:
          if (editor_.is_interactive()) say("");
          return exit_code_;
        case LineEditor::End::kInterrupt:
          if (!interrupted_at_prompt()) return InterruptGuard::exit_code();
          continue;
        case LineEditor::End::kLine:
          was_interrupted_ = false;
          take(text);
      }
    }
    return exit_code_;
  }

 private:
  // One line, or several: after a backslash at the end of a line, and between two lines of """.
  LineEditor::End read(std::string& text) {
    std::string line;
    LineEditor::End end = editor_.read("> ", line);
    if (end != LineEditor::End::kLine) return end;
    if (line == kBlock) {
      while ((end = editor_.read(". ", line)) == LineEditor::End::kLine && line != kBlock) {
        text += (text.empty() ? "" : "\n") + line;
      }
    } else {
      while (end == LineEditor::End::kLine && line.ends_with('\\')) {
        text += line.substr(0, line.size() - 1) + "\n";
        end = editor_.read(". ", line);
      }
      if (end == LineEditor::End::kLine) text += line;
    }
    // What a pipe ends with counts, even in the middle of a block.
    if (end == LineEditor::End::kEndOfInput && !text.empty()) end = LineEditor::End::kLine;
    if (end == LineEditor::End::kLine && !text.empty()) editor_.remember(text);
    return end;
  }

  // False: leave.
  bool interrupted_at_prompt() {
    const bool by_key = InterruptGuard::exit_code() == kInterrupted;
    if (!by_key || !editor_.is_interactive() || was_interrupted_) {
      say("");
      return false;
    }
    was_interrupted_ = true;
    say("\n(Ctrl-C once more, or Ctrl-D, leaves)");
    return true;
  }

  void take(const std::string& text) {
    if (text.find_first_not_of(" \t\n") == std::string::npos) return;
    try {
      if (text.starts_with('/') && !text.starts_with("//"))
        obey(text);
      else
        answer([&](const GenerationCallbacks& c) {
          return chat_.ask(text.starts_with("//") ? text.substr(1) : text, c);
        });
    } catch (const LostOutput&) {
      throw;
    } catch (const Error& error) {
      // A person reads it and goes on; a script learns of it by the exit code.
      complain(error.what());
      if (!editor_.is_interactive()) exit_code_ = 1;
    }
  }

  void obey(const std::string& text) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string name = text.substr(1, end - 1);
    const std::size_t begin = std::min(text.find_first_not_of(' ', end), text.size());
    const std::string rest = text.substr(begin);
    const auto is = [&](std::string_view command) { return name == command; };
    if (is("help") || is("?")) {
      say(chat_help_text());
    } else if (is("quit") || is("exit") || is("bye")) {
      done_ = true;
    } else if (is("system")) {
      rest.empty() ? say(system_text(chat_.system())) : chat_.set_system(rest);
    } else if (is("reset") || is("clear")) {
      chat_.reset();
      say("the conversation begins anew");
    } else if (is("retry")) {
      answer([&](const GenerationCallbacks& c) { return chat_.retry(c); });
    } else if (is("undo")) {
      chat_.undo();
      say("the last turn is gone");
    } else if (is("tool")) {
      answer([&](const GenerationCallbacks& c) { return chat_.answer_tool(rest, c); });
    } else if (is("save") || is("load")) {
      if (rest.empty()) throw usage_error(fmt::format("/{0} wants a file: /{0} talk.json", name));
      is("save") ? save(rest) : load(rest);
    } else if (is("stats")) {
      say(chat_stats_text(chat_.stats()));
    } else if (is("set")) {
      set(rest);
    } else {
      throw usage_error("no such command: " + text.substr(0, 40) +
                        " (/help lists them; // begins a message with a slash)");
    }
  }

  void save(const std::string& file) {
    chat_.save(file);
    say("saved to " + file);
  }

  void load(const std::string& file) {
    chat_.load(file);
    const std::size_t n = chat_.stats().n_turns;
    say(fmt::format("{} turn{} loaded", n, n == 1 ? " is" : "s are"));
  }

  void set(const std::string& rest) {
    const std::size_t end = rest.find(' ');
    const std::size_t value = rest.find_first_not_of(' ', end);
    if (value == std::string::npos) {
      say(chat_.settings());
      return;
    }
    chat_.set(rest.substr(0, end), rest.substr(value));
  }

  template <typename Reply>
  void answer(const Reply& reply) {
    const InterruptGuard interrupt;
    PromptProgress progress("reading");
    GenerationCallbacks callbacks;
    callbacks.on_text = [](std::string_view text) {
      put_text(text);
      flush_output();
    };
    progress.show_by(callbacks);
    callbacks.should_stop = InterruptGuard::requested;
    const ChatReply result = reply(callbacks);
    if (!result.text.ends_with('\n')) put_text("\n");
    flush_output();
    for (const std::string& note : chat_notes(result, chat_.stats())) say(note);
    if (verbose_) say(chat_stats_text(chat_.stats()));
    if (!InterruptGuard::requested()) return;
    done_ = !editor_.is_interactive() || InterruptGuard::exit_code() != kInterrupted;
    if (done_) exit_code_ = InterruptGuard::exit_code();
  }

  Chat& chat_;
  bool verbose_;
  LineEditor editor_;
  bool done_ = false, was_interrupted_ = false;
  int exit_code_ = 0;
};

int run(const ChatCommand& command) {
  ChatRequest request = command.request;
  Progress hashing("chat");
  request.prompt_cache.hashing = [&](double fraction) {
    hashing.update(fraction, "hashing the model");
    return true;
  };
  Chat chat(request, notes_on_screen());
  hashing.clear();
  if (command.verbose) say(fmt::format("seed {}", command.request.generation.sampler.seed));
  const int code = Screen(command, chat).run();
  chat.keep_prompt();
  if (command.verbose || is_watched()) say(chat_stats_text(chat.stats()));
  return code;
}

}  // namespace

void add_chat(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<ChatCommand>();
  CLI::App* command = root.add_subcommand("chat", "Talk with a model");
  EngineOptions& engine = options->request.engine;
  add_engine_options(*command, engine);
  // The model may also stand alone: lathe chat model.gguf
  CLI::Option* model = command->get_option("--model")->required(false);
  command->add_option("model", engine.model, "The model, as -m")
      ->type_name("MODEL")
      ->excludes(model);
  add_chat_template_options(*command, options->request.chat_template);
  add_prompt_cache_options(*command, options->request.prompt_cache);
  command
      ->add_option("--tools", options->request.tools_file,
                   "JSON list of tools that the model may call; /tool TEXT answers a call")
      ->type_name("FILE");
  command
      ->add_option("-n,--predict,--n-predict", options->request.generation.n_predict,
                   "Most tokens of a reply; -1: as many as the model likes")
      ->check(whole_number(-1))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--context-full", options->when_full,
                   "When the context is full: drop the oldest turns from what the model sees, or "
                   "stop")
      ->check(CLI::IsMember({"drop", "stop"}))
      ->capture_default_str();
  command->add_flag("--no-history", options->no_history, "Keep no history of what is typed");
  command->add_flag("-v,--verbose", options->verbose, "Print speeds after each reply");
  add_grammar_options(*command, options->request.grammar);
  add_sampling_options(*command, options->request.generation, options->seed);
  add_draft_options(*command, options->request.draft);
  command->footer(chat_help_text());
  command->callback([options, &context] {
    ChatRequest& request = options->request;
    if (request.engine.model.empty()) throw CLI::RequiredError("MODEL");
    request.isa = context.isa;
    request.stop_when_full = options->when_full == "stop";
    request.generation.sampler.seed =
        options->seed < 0 ? std::random_device{}() : static_cast<std::uint64_t>(options->seed);
    OutputGate gate;
    admit_prompt_cache(gate, request.engine, request.prompt_cache);
    context.exit_code = run(*options);
  });
}

}  // namespace lathe
