#include "runtime/generation.h"

#include <algorithm>
#include <chrono>

#include "runtime/base/error.h"
#include "runtime/base/finite.h"
#include "runtime/speculation/speculation.h"
#include "runtime/text/text_stream.h"
#include "runtime/token_choice.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Stopped {};  // thrown out of the layer hook, caught below

// One generation, from the first token of the prompt to the last one.
class Generation {
 public:
  Generation(Session& session, const Tokenizer& tokenizer, const GenerationOptions& options,
             const GenerationCallbacks& callbacks, Speculation* speculation)
      : session_(session),
        options_(options),
        callbacks_(callbacks),
        speculation_(speculation),
        choice_(tokenizer, options),
        stream_(tokenizer, {options.special, options.stops}) {
    session_.set_layer_hook([this] { after_layer(); });
    if (speculation_ != nullptr)
      speculation_->set_hook([this](double share) { draft_worked(share); });
  }
  ~Generation() {
    session_.set_layer_hook({});
    if (speculation_ != nullptr) speculation_->set_hook({});
  }
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  GenerationResult run(std::span<const Token> prompt, std::span<const Token> held) {
    try {
      read(prompt.subspan(reuse(prompt, held)));
      go_on();
    } catch (const Stopped&) {
      result_.end = GenerationEnd::kStopped;
      if (!in_pass_) result_.drafted = drafted_;
    }
    settle(false);
    session_.truncate(0, n_past_);  // what was read ahead, or left by a pass without an end
    emit(stream_.finish());
    result_.n_kept = static_cast<std::size_t>(n_past_);
    return std::move(result_);
  }

 private:
  void after_layer() {
    ++n_layers_done_;
    stop_if_told();
    if (n_layers_in_all_ == 0 || !callbacks_.on_prompt) return;
    callbacks_.on_prompt(
        std::min(static_cast<double>(n_layers_done_) / static_cast<double>(n_layers_in_all_), 1.0));
  }

  void draft_worked(double share_read) const {
    stop_if_told();
    if (draft_reads_prompt_ && callbacks_.on_draft_prompt) callbacks_.on_draft_prompt(share_read);
  }

  void stop_if_told() const {
    if (callbacks_.should_stop && callbacks_.should_stop()) throw Stopped{};
  }

  // The tokens that need not be read; the last one is, for its logits.
  std::size_t reuse(std::span<const Token> prompt, std::span<const Token> held) {
    const auto [end, _] = std::mismatch(prompt.begin(), prompt.end() - 1, held.begin(), held.end());
    const auto n = static_cast<std::size_t>(end - prompt.begin());
    n_past_ = static_cast<std::int32_t>(n);
    session_.truncate(0, n_past_);
    result_.tokens.assign(prompt.begin(), end);
    for (const Token token : result_.tokens) choice_.accept_prompt(token);
    result_.n_held = n;
    return n;
  }

  void read(std::span<const Token> prompt) {
    const Clock::time_point start = Clock::now();
    const std::size_t step = session_.options().n_batch;
    n_layers_in_all_ = (prompt.size() + step - 1) / step * session_.model().traits().n_layer;
    for (std::size_t i = 0; i < prompt.size(); i += step) {
      read_batch(prompt.subspan(i, std::min(step, prompt.size() - i)), i + step >= prompt.size());
    }
    n_layers_in_all_ = 0;
    if (speculation_ != nullptr) {
      draft_reads_prompt_ = true;
      speculation_->read(result_.tokens);
      draft_reads_prompt_ = false;
    }
    result_.prompt = {prompt.size(), seconds_since(start)};
  }

  void read_batch(std::span<const Token> tokens, bool last) {
    std::vector<BatchItem> batch;
    for (const Token token : tokens) {
      batch.push_back({token, n_past_ + static_cast<std::int32_t>(batch.size()), 1, false});
    }
    batch.back().want_logits = last;
    for (const Token token : tokens) result_.tokens.push_back(token);
    if (!session_.decode(batch, MatmulPath::kPanel)) {
      throw usage_error("the prompt has more tokens than the context");
    }
    n_past_ += static_cast<std::int32_t>(batch.size());
    for (const Token token : tokens) choice_.accept_prompt(token);
  }

  void go_on() {
    start_ = Clock::now();
    while (!is_over()) {
      const std::span<const float> logits(session_.logits().row(n_accepted_),
                                          session_.logits().cols);
      if (!all_finite(logits.data(), logits.size())) {
        result_.end = GenerationEnd::kNotFinite;
        break;
      }
      const Token token = choice_.choose(logits);
      if (token == kNoToken) {
        if (!choice_.may_end()) throw failed(dead_end_text());
        result_.end = GenerationEnd::kEndOfText;
        break;
      }
      if (choice_.ends_text(token)) {
        if (options_.special) emit(stream_.push(token));
        result_.end = GenerationEnd::kEndOfText;
        break;
      }
      choice_.accept(token);
      result_.reply.push_back(token);
      emit(stream_.push(token));
      result_.generated = {result_.generated.n + 1, seconds_since(start_)};
      if (is_over()) break;
      if (!step(token)) {
        result_.end = GenerationEnd::kContextFull;
        break;
      }
    }
  }

  // Has the logits after the token, which was drawn: they are there where it had been guessed.
  // False where the context is full.
  bool step(Token token) {
    result_.tokens.push_back(token);
    if (n_accepted_ < drafted_.size() && drafted_[n_accepted_] == token) {
      stop_if_told();
      ++n_accepted_;
      ++n_past_;
      return true;
    }
    settle(n_accepted_ < drafted_.size());
    return pass(token);
  }

  // Ends a pass whose drafts are used up, and forgets what was read ahead in vain.
  void settle(bool refuted) {
    if (speculation_ == nullptr || !in_pass_) return;
    in_pass_ = false;
    result_.passes.n_accepted += n_accepted_;
    speculation_->accepted(n_accepted_, refuted);
    session_.truncate(0, n_past_);
  }

  bool pass(Token token) {
    draft();
    batch_.assign(1, {token, n_past_, 1, true});
    for (const Token guess : drafted_) {
      batch_.push_back({guess, n_past_ + static_cast<std::int32_t>(batch_.size()), 1, true});
    }
    const Clock::time_point start = Clock::now();
    if (!session_.decode(batch_, MatmulPath::kMatvec)) return false;
    in_pass_ = true;
    ++n_past_;
    ++result_.passes.n_passes;
    result_.passes.n_drafted += drafted_.size();
    if (speculation_ != nullptr) speculation_->pass_took(seconds_since(start));
    return true;
  }

  void draft() {
    drafted_.clear();
    n_accepted_ = 0;
    if (speculation_ == nullptr) return;
    const std::span<const Token> draft =
        speculation_->draft(result_.tokens, choice_, n_worth_drafting());
    drafted_.assign(draft.begin(), draft.end());
  }

  // Guesses beside the token that a pass is for: what is wanted after it, and what there is room
  // for.
  std::size_t n_worth_drafting() const noexcept {
    const SessionOptions& o = session_.options();
    std::size_t n = std::min({o.n_batch, o.max_logits, o.n_ctx - session_.cache().n_used()});
    if (options_.n_predict >= 0) {
      n = std::min(n, static_cast<std::size_t>(options_.n_predict) - result_.generated.n);
    }
    return n > 0 ? n - 1 : 0;
  }

  // Says why, too.
  bool is_over() noexcept {
    const bool enough = options_.n_predict >= 0 &&
                        result_.generated.n >= static_cast<std::size_t>(options_.n_predict);
    const bool complete = choice_.is_complete();
    result_.end = stream_.stopped() ? GenerationEnd::kStopText
                  : complete        ? GenerationEnd::kEndOfText
                                    : GenerationEnd::kEnough;
    return enough || complete || stream_.stopped();
  }

  std::string dead_end_text() const {
    return options_.grammar->name() +
           ": the text cannot go on: no token of this model spells what the grammar wants next";
  }

  void emit(std::string_view text) {
    if (callbacks_.on_text) callbacks_.on_text(text);
  }

  Session& session_;
  const GenerationOptions& options_;
  const GenerationCallbacks& callbacks_;
  Speculation* const speculation_;
  TokenChoice choice_;
  TextStream stream_;
  std::vector<BatchItem> batch_;  // of a pass: a token that was drawn, and
  std::vector<Token> drafted_;    // guesses at what follows it
  std::size_t n_accepted_ = 0;    // of these
  bool in_pass_ = false;          // drawn tokens are compared with them
  bool draft_reads_prompt_ = false;
  std::int32_t n_past_ = 0;
  std::size_t n_layers_done_ = 0, n_layers_in_all_ = 0;  // of the prompt; 0: it is read
  Clock::time_point start_;                              // of the first drawn token
  GenerationResult result_;
};

}  // namespace

std::vector<Token> prompt_tokens(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens = tokenizer.encode(text, {.add_special = true, .parse_special = true});
  if (tokenizer.add_eos() && tokens.size() > 1 && tokens.back() == tokenizer.eos()) {
    tokens.pop_back();
  }
  if (tokens.empty() && tokenizer.bos() != kNoToken) tokens.push_back(tokenizer.bos());
  if (tokens.empty()) throw usage_error("the prompt is empty, and the model has no first token");
  return tokens;
}

GenerationResult generate(Session& session, const Tokenizer& tokenizer,
                          std::span<const Token> prompt, const GenerationOptions& options,
                          const GenerationCallbacks& callbacks, std::span<const Token> held,
                          Speculation* speculation) {
  if (prompt.empty()) throw usage_error("a generation needs a prompt of at least one token");
  return Generation(session, tokenizer, options, callbacks, speculation).run(prompt, held);
}

}  // namespace lathe
