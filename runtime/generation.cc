#include "runtime/generation.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/finite.h"
#include "runtime/text/text_stream.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Stopped {};  // thrown out of the layer hook, caught below

TokenMask all_but_end_tokens(const Tokenizer& tokenizer) {
  TokenMask mask(tokenizer.n_vocab());
  for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
    if (!tokenizer.is_end_of_generation(t)) mask.add(t);
  }
  return mask;
}

SamplerParams sampler_params(const Tokenizer& tokenizer, const GenerationOptions& options) {
  SamplerParams params = options.sampler;
  if (params.dry.multiplier == 0) return params;
  for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
    const std::string piece = tokenizer.piece(t);
    const auto is_inside = [&](const std::string& breaker) {
      return !breaker.empty() && piece.find(breaker) != piece.npos;
    };
    if (std::any_of(options.dry_breakers.begin(), options.dry_breakers.end(), is_inside)) {
      params.dry.breakers.push_back(t);
    }
  }
  return params;
}

// One generation, from the first token of the prompt to the last one.
class Generation {
 public:
  Generation(Session& session, const Tokenizer& tokenizer, const GenerationOptions& options,
             const GenerationCallbacks& callbacks)
      : session_(session),
        tokenizer_(tokenizer),
        options_(options),
        callbacks_(callbacks),
        sampler_(sampler_params(tokenizer, options)),
        stream_(tokenizer, {options.special, options.stops}) {
    if (options.ignore_eos) never_ending_ = all_but_end_tokens(tokenizer);
    if (options.grammar) grammar_ = options.grammar->start();
    session_.set_layer_hook([this] { after_layer(); });
  }
  ~Generation() { session_.set_layer_hook({}); }
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  GenerationResult run(std::span<const Token> prompt, std::span<const Token> held) {
    try {
      read(prompt.subspan(reuse(prompt, held)));
      go_on();
    } catch (const Stopped&) {
      result_.end = GenerationEnd::kStopped;
      session_.truncate(0, n_past_);  // what a pass left that did not come to its end
    }
    emit(stream_.finish());
    result_.n_kept = static_cast<std::size_t>(n_past_);
    return std::move(result_);
  }

 private:
  void after_layer() {
    ++n_layers_done_;
    if (callbacks_.should_stop && callbacks_.should_stop()) throw Stopped{};
    if (n_layers_in_all_ == 0 || !callbacks_.on_prompt) return;
    callbacks_.on_prompt(
        std::min(static_cast<double>(n_layers_done_) / static_cast<double>(n_layers_in_all_), 1.0));
  }

  // The tokens that need not be read; the last one is, for its logits.
  std::size_t reuse(std::span<const Token> prompt, std::span<const Token> held) {
    const auto [end, _] = std::mismatch(prompt.begin(), prompt.end() - 1, held.begin(), held.end());
    const auto n = static_cast<std::size_t>(end - prompt.begin());
    n_past_ = static_cast<std::int32_t>(n);
    session_.truncate(0, n_past_);
    result_.tokens.assign(prompt.begin(), end);
    for (const Token token : result_.tokens) sampler_.accept(token);
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
    result_.prompt = {prompt.size(), seconds_since(start)};
  }

  void read_batch(std::span<const Token> tokens, bool last) {
    std::vector<BatchItem> batch;
    for (const Token token : tokens) {
      batch.push_back({token, n_past_ + static_cast<std::int32_t>(batch.size()), 1, false});
    }
    batch.back().want_logits = last;
    if (!decode(batch, MatmulPath::kPanel)) {
      throw usage_error("the prompt has more tokens than the context");
    }
    for (const Token token : tokens) sampler_.accept(token);
  }

  bool decode(std::span<const BatchItem> batch, MatmulPath path) {
    for (const BatchItem& item : batch) result_.tokens.push_back(item.token);
    if (!session_.decode(batch, path)) return false;
    n_past_ += static_cast<std::int32_t>(batch.size());
    return true;
  }

  void go_on() {
    start_ = Clock::now();
    while (!is_over()) {
      if (!all_finite(session_.logits())) {
        result_.end = GenerationEnd::kNotFinite;
        break;
      }
      const Token token = next_token();
      if (token == kNoToken) break;
      if (!options_.ignore_eos && tokenizer_.is_end_of_generation(token)) {
        if (options_.special) emit(stream_.push(token));
        result_.end = GenerationEnd::kEndOfText;
        break;
      }
      sampler_.accept(token);
      if (grammar_) grammar_->accept(token);
      result_.reply.push_back(token);
      emit(stream_.push(token));
      result_.generated = {result_.generated.n + 1, seconds_since(start_)};
      if (is_over()) break;
      const BatchItem item{token, n_past_, 1, true};
      if (!decode({&item, 1}, MatmulPath::kMatvec)) {
        result_.end = GenerationEnd::kContextFull;
        break;
      }
    }
  }

  // Says why, too.
  bool is_over() noexcept {
    const bool enough = options_.n_predict >= 0 &&
                        result_.generated.n >= static_cast<std::size_t>(options_.n_predict);
    const bool complete = grammar_ && grammar_->is_complete();
    result_.end = stream_.stopped() ? GenerationEnd::kStopText
                  : complete        ? GenerationEnd::kEndOfText
                                    : GenerationEnd::kEnough;
    return enough || complete || stream_.stopped();
  }

  // kNoToken where the grammar leaves no other end than here.
  Token next_token() {
    const TokenMask* allowed = never_ending_ ? &*never_ending_ : nullptr;
    if (grammar_) {
      allowed = allowed_by_grammar();
      if (!allowed->any()) {
        if (!grammar_->may_end()) throw failed(dead_end_text());
        result_.end = GenerationEnd::kEndOfText;
        return kNoToken;
      }
    }
    const MatrixView<const float> logits = session_.logits();
    return sampler_.sample({logits.row(0), logits.cols}, allowed);
  }

  const TokenMask* allowed_by_grammar() {
    const TokenMask& allowed = grammar_->allowed();
    if (!never_ending_ || !grammar_->may_end()) return &allowed;
    allowed_ = allowed;
    allowed_.keep_common(*never_ending_);
    return &allowed_;
  }

  std::string dead_end_text() const {
    return options_.grammar->name() +
           ": the text cannot go on: no token of this model spells what the grammar wants next";
  }

  void emit(std::string_view text) {
    if (callbacks_.on_text) callbacks_.on_text(text);
  }

  Session& session_;
  const Tokenizer& tokenizer_;
  const GenerationOptions& options_;
  const GenerationCallbacks& callbacks_;
  Sampler sampler_;
  TextStream stream_;
  std::optional<TokenMask> never_ending_;  // all tokens but those that end a text
  std::optional<GrammarState> grammar_;    // where the reply stands in it
  TokenMask allowed_;                      // by both of them
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
                          const GenerationCallbacks& callbacks, std::span<const Token> held) {
  if (prompt.empty()) throw usage_error("a generation needs a prompt of at least one token");
  return Generation(session, tokenizer, options, callbacks).run(prompt, held);
}

}  // namespace lathe
