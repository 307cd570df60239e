// Speculation changes when tokens come, and nothing else: everything that a generation gives is
// compared with the run without it.
#include "runtime/speculation/speculation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "runtime/base/error.h"
#include "runtime/generation.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/speculation/lookup_drafter.h"
#include "runtime/speculation/model_drafter.h"
#include "runtime/text/grammar/token_grammar.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

// Knows how the text will go on, and says something else at every `wrong_every`th token.
class KnowingDrafter : public Drafter {
 public:
  KnowingDrafter(std::vector<Token> tokens, std::size_t wrong_every)
      : tokens_(std::move(tokens)), wrong_every_(wrong_every) {}

  void read(std::span<const Token> text) override { at_ = text.size(); }
  std::optional<Guess> next(TokenChoice& choice) override {
    if (hook_) hook_(1);
    if (at_ >= tokens_.size()) return std::nullopt;
    const bool wrong = wrong_every_ > 0 && at_ % wrong_every_ == 0;
    const Token token = wrong ? (tokens_[at_] + 1) % 4096 : tokens_[at_];
    ++at_;
    choice.accept(token);
    return Guess{token, 0.9f};
  }
  bool is_free() const noexcept override { return true; }
  void set_hook(std::function<void(double)> hook) override { hook_ = std::move(hook); }

 private:
  std::vector<Token> tokens_;
  std::size_t wrong_every_;
  std::size_t at_ = 0;
  std::function<void(double)> hook_;
};

struct LoadedModel {
  explicit LoadedModel(const char* path)
      : file(GgufFile::open(test::source_path(path))), model(load_model(file)) {}

  GgufFile file;
  std::unique_ptr<Model> model;
};

class SpeculationOfTinyModel : public testing::Test {
 protected:
  struct Run {
    GenerationResult result;
    std::string text;
  };

  void SetUp() override {
    ASSERT_TRUE(select_kernels("", &kernels_));
    options_.sampler.temperature = 0;
    options_.n_predict = 24;
  }

  std::unique_ptr<Session> session(const Model& model, std::size_t n_ctx = 256) {
    return std::make_unique<Session>(
        model, kernels_, pool_,
        SessionOptions{.n_ctx = n_ctx, .n_batch = 64, .max_logits = kMostDrafted});
  }

  Run run(Session& session, Speculation* speculation = nullptr, std::span<const Token> held = {}) {
    Run run;
    GenerationCallbacks callbacks = callbacks_;
    callbacks.on_text = [&](std::string_view text) {
      run.text += text;
      if (callbacks_.on_text) callbacks_.on_text(text);
    };
    run.result = generate(session, tokenizer_, prompt_, options_, callbacks, held, speculation);
    return run;
  }

  Run plain(std::size_t n_ctx = 256) {
    const auto alone = session(*llama_.model, n_ctx);
    return run(*alone);
  }

  static void expect_same(const Run& run, const Run& plain, const Session& session) {
    EXPECT_EQ(run.text, plain.text);
    EXPECT_EQ(run.result.end, plain.result.end);
    EXPECT_EQ(run.result.reply, plain.result.reply);
    EXPECT_EQ(run.result.tokens, plain.result.tokens);
    EXPECT_EQ(run.result.n_kept, plain.result.n_kept);
    EXPECT_EQ(run.result.generated.n, plain.result.generated.n);
    EXPECT_EQ(const_cast<Session&>(session).cache().n_used(), plain.result.n_kept);
  }

  // With this drafter, drafts of several lengths.
  void expect_same_with(Drafter& drafter, const Run& plain, std::size_t n_ctx = 256) {
    for (const std::size_t most : lengths_) {
      // The longest as long as they pay, the others as they are.
      const bool adapts = most > 8;
      Speculation speculation(drafter, {.most = most, .least = 0, .adapts = adapts});
      const auto own = session(*llama_.model, n_ctx);
      SCOPED_TRACE(most);
      expect_same(run(*own, &speculation), plain, *own);
    }
  }

  // The text as it comes without, and guesses at all of it.
  KnowingDrafter knowing(std::size_t wrong_every = 0) {
    GenerationOptions whole = options_;
    whole.stops.clear();
    whole.n_predict = 32;
    std::swap(whole, options_);
    const GenerationCallbacks callbacks = std::exchange(callbacks_, {});
    std::vector<Token> tokens = plain().result.tokens;
    std::swap(whole, options_);
    callbacks_ = callbacks;
    return KnowingDrafter(std::move(tokens), wrong_every);
  }

  // By settings of the sampler that have a state of their own.
  std::vector<SamplerParams> samplers() {
    std::vector<SamplerParams> all(8);
    all[0].temperature = 0;
    all[1].temperature = 0.8f;
    all[2].temperature = 1.5f;
    all[2].top_k = 0;
    all[3].repeat_penalty = 1.3f;
    all[3].frequency_penalty = 0.4f;
    all[3].penalty_window = 7;
    all[4].temperature = 0;
    all[4].dry.multiplier = 0.8f;
    all[4].repeat_penalty = 1.1f;
    all[4].penalty_window = -1;
    all[5].xtc_probability = 0.5f;
    all[5].dry.multiplier = 0.8f;
    all[6].mirostat = 2;
    all[7].dynatemp_range = 0.5f;
    all[7].typical_p = 0.9f;
    for (SamplerParams& s : all) s.seed = 11;
    return all;
  }

  LoadedModel llama_{"tests/data/tiny-llama-f16.gguf"}, olmo2_{"tests/data/tiny-olmo2-f16.gguf"};
  KernelTable kernels_;
  ThreadPool pool_{{.n_threads = 1}};
  Tokenizer tokenizer_ = Tokenizer::from_metadata(llama_.file.metadata());
  std::vector<Token> prompt_ = prompt_tokens(tokenizer_, "The old man said that the old man said");
  GenerationOptions options_;
  GenerationCallbacks callbacks_;
  std::vector<std::size_t> lengths_ = {3, 16};
};

using LongSpeculationOfTinyModel = SpeculationOfTinyModel;

TEST_F(SpeculationOfTinyModel, IsTheSameTextWithAnySampler) {
  lengths_ = {3};
  for (const SamplerParams& sampler : samplers()) {
    options_.sampler = sampler;
    const Run alone = plain();
    KnowingDrafter mixed = knowing(4);
    expect_same_with(mixed, alone);
    const auto drafts = session(*olmo2_.model);
    ModelDrafter drafter(*drafts, 0);
    expect_same_with(drafter, alone);
  }
}

TEST_F(LongSpeculationOfTinyModel, IsTheSameTextWithAnySampler) {
  lengths_ = {1, 3, 8, 9, 16};
  options_.n_predict = 80;
  for (const SamplerParams& sampler : samplers()) {
    options_.sampler = sampler;
    const Run alone = plain();
    KnowingDrafter right = knowing(), wrong = knowing(1), mixed = knowing(4);
    LookupDrafter lookup;
    for (Drafter* d : std::initializer_list<Drafter*>{&right, &wrong, &mixed, &lookup}) {
      expect_same_with(*d, alone);
    }
    for (const LoadedModel* draft : {&llama_, &olmo2_}) {
      const auto drafts = session(*draft->model);
      ModelDrafter drafter(*drafts, 0);
      expect_same_with(drafter, alone);
    }
  }
}

TEST_F(SpeculationOfTinyModel, IsTheSameTextWithAGrammar) {
  options_.sampler.seed = 5;
  options_.sampler.temperature = 1;
  for (const char* text : {"root ::= (\" \" [a-z]+)+ \".\"", "root ::= [a-z ]{12}",
                           "root ::= \" and\" (\" the old\" | \" the young\")+ \" man.\""}) {
    options_.grammar = std::make_shared<TokenGrammar>(Grammar::from_gbnf(text, "g"), tokenizer_);
    for (options_.ignore_eos = false;; options_.ignore_eos = true) {
      const Run alone = plain();
      KnowingDrafter right = knowing(), mixed = knowing(3);
      LookupDrafter lookup;
      const auto drafts = session(*olmo2_.model);
      ModelDrafter model(*drafts, 0);
      for (Drafter* d : std::initializer_list<Drafter*>{&right, &mixed, &lookup, &model}) {
        expect_same_with(*d, alone);
      }
      if (options_.ignore_eos) break;
    }
  }
}

// The draws are the same where the logits are: the random numbers, penalties and all.
TEST_F(SpeculationOfTinyModel, AModelGuessesWhatItWouldDrawItself) {
  options_.n_predict = 37;  // the prompt gives one, each pass nine
  for (const SamplerParams& sampler : samplers()) {
    options_.sampler = sampler;
    const auto drafts = session(*llama_.model), own = session(*llama_.model);
    ModelDrafter drafter(*drafts, 0);
    Speculation speculation(drafter, {.most = 8, .least = 0, .adapts = false});
    const PassCounts passes = run(*own, &speculation).result.passes;
    EXPECT_GT(passes.share_accepted(), 0.95);  // the prompt may have been read by another path
    EXPECT_GT(passes.tokens_per_pass(), 7.0);
  }
}

// Another model is right far more often than its probabilities of single tokens would make it: what
// is drawn at this temperature is the best token in a fifth of all cases.
TEST_F(SpeculationOfTinyModel, AModelDrawsWithTheSameRandomNumbers) {
  options_.sampler.temperature = 1.5f;
  options_.n_predict = 60;
  std::size_t n_right = 0, n_best = 0, n = 0;
  for (options_.sampler.seed = 0; options_.sampler.seed < 3; ++options_.sampler.seed) {
    const Run alone = plain();
    const auto drafts = session(*olmo2_.model);
    ModelDrafter drafter(*drafts, 0);
    TokenChoice choice(tokenizer_, options_);
    GenerationOptions greedy = options_;
    greedy.sampler.temperature = 0;
    TokenChoice best(tokenizer_, greedy);
    const std::vector<Token>& tokens = alone.result.tokens;
    for (std::size_t at = prompt_.size(); at < tokens.size(); ++at, ++n) {
      drafter.read(std::span(tokens).first(at));
      const TokenChoice::State before = choice.save();
      n_right += drafter.next(choice)->token == tokens[at];
      choice.restore(before);
      const MatrixView<const float> logits = drafts->logits();
      n_best += best.choose({logits.row(0), logits.cols}) == tokens[at];
      choice.choose({logits.row(0), logits.cols});  // the random number of this position
      choice.accept(tokens[at]);
    }
  }
  EXPECT_GT(n_right, n * 4 / 10);
  EXPECT_LT(n_best, n * 3 / 10);
}

TEST_F(SpeculationOfTinyModel, CountsPassesAndGuesses) {
  const auto own = session(*llama_.model);
  KnowingDrafter right = knowing();
  Speculation speculation(right, {.most = 5, .least = 0, .adapts = false});
  options_.n_predict = 13;
  const PassCounts passes = run(*own, &speculation).result.passes;
  EXPECT_EQ(passes.n_passes, 2u);  // the prompt's gives one token, these 6 each
  EXPECT_EQ(passes.n_drafted, 10u);
  EXPECT_EQ(passes.n_accepted, 10u);
  EXPECT_EQ(passes.tokens_per_pass(), 6.0);
  KnowingDrafter wrong = knowing(1);
  Speculation in_vain(wrong, {.most = 5, .least = 0, .adapts = false});
  const PassCounts more = run(*session(*llama_.model), &in_vain).result.passes;
  EXPECT_EQ(more.n_passes, 12u);
  EXPECT_EQ(more.n_accepted, 0u);
}

TEST_F(SpeculationOfTinyModel, EndsAfterAnyNumberOfTokens) {
  KnowingDrafter drafter = knowing();
  for (int n = 0; n < 9; ++n) {
    options_.n_predict = n;
    expect_same_with(drafter, plain());
  }
}

TEST_F(SpeculationOfTinyModel, EndsWhereTheContextIsFull) {
  options_.n_predict = -1;
  options_.ignore_eos = true;
  KnowingDrafter drafter = knowing();
  LookupDrafter lookup;
  for (std::size_t n_ctx = prompt_.size(); n_ctx < prompt_.size() + 8; ++n_ctx) {
    const Run alone = plain(n_ctx);
    EXPECT_EQ(alone.result.end, GenerationEnd::kContextFull);
    expect_same_with(drafter, alone, n_ctx);
    expect_same_with(lookup, alone, n_ctx);
    const auto drafts = session(*llama_.model, n_ctx);
    ModelDrafter model(*drafts, 0);
    expect_same_with(model, alone, n_ctx);
  }
}

TEST_F(SpeculationOfTinyModel, EndsBeforeAStopText) {
  const std::string whole = plain().text;
  KnowingDrafter drafter = knowing();
  for (std::size_t at = 5; at < 45; at += 7) {
    options_.stops = {whole.substr(at, 5)};
    const Run alone = plain();
    EXPECT_EQ(alone.result.end, GenerationEnd::kStopText);
    expect_same_with(drafter, alone);
  }
}

// The end of the text comes at different places of a batch; a guess that it ends is no token.
TEST_F(SpeculationOfTinyModel, EndsWhereTheModelEndsIt) {
  std::set<std::size_t> lengths;
  options_.sampler.temperature = 1.5f;
  options_.sampler.top_k = 0;
  options_.sampler.min_p = 0;
  options_.sampler.top_p = 1;
  options_.sampler.logit_bias = {{tokenizer_.eos(), 15.0f}};
  for (options_.sampler.seed = 0; options_.sampler.seed < 8; ++options_.sampler.seed) {
    options_.special = options_.sampler.seed % 2 == 0;
    const Run alone = plain();
    if (alone.result.end == GenerationEnd::kEndOfText) lengths.insert(alone.result.reply.size());
    std::vector<Token> guesses = alone.result.tokens;
    guesses.insert(guesses.end(), {tokenizer_.eos(), 1});
    KnowingDrafter drafter(guesses, 0);
    expect_same_with(drafter, alone);
    const auto drafts = session(*llama_.model);
    ModelDrafter model(*drafts, 0);
    expect_same_with(model, alone);
  }
  EXPECT_GE(lengths.size(), 3u);
}

// Asked to stop after so many pieces of text, it does so at the same token.
TEST_F(SpeculationOfTinyModel, StopsAtTheSameToken) {
  int n_pieces = 0;
  for (int n = 1; n < 12; n += 2) {
    callbacks_.on_text = [&](std::string_view) { ++n_pieces; };
    callbacks_.should_stop = [&] { return n_pieces >= n; };
    n_pieces = 0;
    const Run alone = plain();
    EXPECT_EQ(alone.result.end, GenerationEnd::kStopped);
    KnowingDrafter drafter = knowing(), mixed = knowing(3);
    for (KnowingDrafter* d : {&drafter, &mixed}) {
      n_pieces = 0;
      Speculation speculation(*d, {.most = 5, .least = 0, .adapts = false});
      const auto own = session(*llama_.model);
      expect_same(run(*own, &speculation), alone, *own);
    }
  }
}

// Within a pass of the model, or of the draft: what is kept is a beginning of the text, and both
// go on from there.
TEST_F(SpeculationOfTinyModel, StopsWithinAPassAndGoesOn) {
  options_.n_predict = 12;
  const Run alone = plain();
  for (int n = 1; n < 70; n += 9) {
    const auto own = session(*llama_.model), drafts = session(*olmo2_.model);
    ModelDrafter drafter(*drafts, 0);
    Speculation speculation(drafter, {.most = 4, .least = 0, .adapts = false});
    int n_asked = 0;
    callbacks_.should_stop = [&] { return ++n_asked == n; };
    const Run stopped = run(*own, &speculation);
    EXPECT_EQ(stopped.result.end, GenerationEnd::kStopped);
    EXPECT_EQ(own->cache().n_used(), stopped.result.n_kept);
    const std::vector<Token>& kept = stopped.result.tokens;
    EXPECT_TRUE(std::equal(kept.begin(), kept.end(), alone.result.tokens.begin()));
    callbacks_.should_stop = {};
    const Run on = run(*own, &speculation, std::span(kept).first(stopped.result.n_kept));
    EXPECT_EQ(on.result.reply, alone.result.reply);
  }
}

TEST_F(SpeculationOfTinyModel, AnErrorOfTheCallerReachesIt) {
  KnowingDrafter drafter = knowing();
  Speculation speculation(drafter, {.most = 4, .least = 0, .adapts = false});
  int n_pieces = 0;
  callbacks_.on_text = [&](std::string_view) {
    if (++n_pieces == 4) throw failed("nobody reads this");
  };
  const auto own = session(*llama_.model);
  EXPECT_THROW(run(*own, &speculation), Error);
  callbacks_ = {};
  own->clear();
  const Run alone = plain();
  expect_same(run(*own, &speculation), alone, *own);
}

TEST_F(SpeculationOfTinyModel, SmallBatchesAndFewRowsBoundIt) {
  const Run alone = plain();
  KnowingDrafter drafter = knowing();
  for (const auto& [n_batch, max_logits] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {3, 64}, {64, 2}}) {
    Session own(*llama_.model, kernels_, pool_,
                {.n_ctx = 256, .n_batch = n_batch, .max_logits = max_logits});
    Speculation speculation(drafter, {.most = 8, .least = 0, .adapts = false});
    expect_same(run(own, &speculation), alone, own);
    Session drafts(*llama_.model, kernels_, pool_, {.n_ctx = 256, .n_batch = n_batch});
    ModelDrafter model(drafts, 0);
    Speculation by_model(model, {.most = 8, .least = 0, .adapts = false});
    own.clear();
    expect_same(run(own, &by_model), alone, own);
  }
}

TEST_F(SpeculationOfTinyModel, ShortDraftsAreNotChecked) {
  KnowingDrafter drafter = knowing();
  Speculation speculation(drafter, {.most = 4, .least = 4, .adapts = false});
  options_.n_predict = 10;  // 1, then passes of 5, then 4 are wanted, 3 of them guessed
  const auto own = session(*llama_.model);
  const PassCounts passes = run(*own, &speculation).result.passes;
  EXPECT_EQ(passes.n_drafted, 4u);
  EXPECT_THROW(Speculation(drafter, {.most = 0}), Error);
  EXPECT_THROW(Speculation(drafter, {.most = kMostDrafted + 1}), Error);
  EXPECT_THROW(Speculation(drafter, {.most = 4, .least = 5}), Error);
}

// What a text has in common with the one before is not read again, whatever became of the guesses.
TEST_F(SpeculationOfTinyModel, TheDraftReadsOnlyWhatIsNew) {
  const auto drafts = session(*olmo2_.model);
  ModelDrafter drafter(*drafts, 0);
  std::size_t n_layers = 0;
  drafter.set_hook([&](double) { ++n_layers; });
  const std::size_t pass = olmo2_.model->traits().n_layer;
  TokenChoice choice(tokenizer_, options_);
  std::vector<Token> text(prompt_);
  for (int i = 0; i < 40; ++i) text.push_back(100 + i);
  drafter.read(text);
  EXPECT_EQ(n_layers, pass);
  ASSERT_TRUE(drafter.next(choice));
  EXPECT_EQ(n_layers, 2 * pass);
  ASSERT_TRUE(drafter.next(choice));
  ASSERT_TRUE(drafter.next(choice));
  EXPECT_EQ(n_layers, 4 * pass);
  text.push_back(7);  // none was right
  drafter.read(text);
  EXPECT_EQ(n_layers, 4 * pass);
  drafter.next(choice);
  EXPECT_EQ(n_layers, 5 * pass);
  EXPECT_EQ(drafts->cache().n_used(), text.size());
  text.resize(20);  // another conversation that begins alike
  drafter.read(text);
  const std::optional<Guess> again = drafter.next(choice);
  EXPECT_EQ(n_layers, 6 * pass);
  EXPECT_EQ(drafts->cache().n_used(), 20u);

  // The guesses are those of a session that read it all at once.
  const auto fresh = session(*olmo2_.model);
  ModelDrafter other(*fresh, 0);
  other.read(text);
  EXPECT_EQ(other.next(choice)->token, again->token);
  drafter.set_hook({});
}

// After the model, and only of the prompt.
TEST_F(SpeculationOfTinyModel, TheDraftTellsHowMuchOfThePromptItHasRead) {
  while (prompt_.size() < 150) prompt_.push_back(static_cast<Token>(300 + prompt_.size()));
  const auto own = session(*llama_.model), drafts = session(*olmo2_.model);
  ModelDrafter drafter(*drafts, 0);
  Speculation speculation(drafter, {.most = 4, .least = 0, .adapts = false});
  std::vector<double> of_model, of_draft;
  callbacks_.on_prompt = [&](double share) {
    EXPECT_TRUE(of_draft.empty());
    of_model.push_back(share);
  };
  callbacks_.on_draft_prompt = [&](double share) { of_draft.push_back(share); };
  run(*own, &speculation);
  EXPECT_EQ(of_model.back(), 1.0);
  ASSERT_EQ(of_draft.size(), 3 * olmo2_.model->traits().n_layer);  // batches of 64
  EXPECT_TRUE(std::is_sorted(of_draft.begin(), of_draft.end()));
  EXPECT_EQ(of_draft.back(), 1.0);
}

TEST_F(SpeculationOfTinyModel, GuessesThatAreTooUnsureAreNotMade) {
  const auto drafts = session(*olmo2_.model);
  ModelDrafter all(*drafts, 0);
  TokenChoice choice(tokenizer_, options_);
  all.read(prompt_);
  const float p = all.next(choice)->confidence;
  EXPECT_GT(p, 0.0f);
  EXPECT_LT(p, 1.0f);
  for (const bool less : {true, false}) {
    const auto fresh = session(*olmo2_.model);
    ModelDrafter sure(*fresh, less ? p * 0.99f : p * 1.01f);
    sure.read(prompt_);
    EXPECT_EQ(sure.next(choice).has_value(), less);
  }
}

}  // namespace
}  // namespace lathe
