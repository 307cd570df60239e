// Going on with a text: what ends it, what it tells its caller.
#include "runtime/generation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/text/vocabulary_spec.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

class GenerationOfTinyModel : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(select_kernels("", &kernels_));
    model_ = load_model(file_);
    options_.sampler.temperature = 0;
    options_.n_predict = 8;
  }

  GenerationResult run(std::size_t n_ctx = 256, std::size_t n_batch = 512) {
    text_.clear();
    Session session(*model_, kernels_, pool_, {.n_ctx = n_ctx, .n_batch = n_batch});
    GenerationCallbacks callbacks = callbacks_;
    callbacks.on_text = [this](std::string_view text) { text_ += text; };
    return generate(session, tokenizer_, prompt_, options_, callbacks);
  }

  GgufFile file_ = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  std::unique_ptr<Model> model_;
  KernelTable kernels_;
  ThreadPool pool_{{.n_threads = 1}};
  Tokenizer tokenizer_ = Tokenizer::from_metadata(file_.metadata());
  std::vector<Token> prompt_ = prompt_tokens(tokenizer_, "The old man said");
  GenerationOptions options_;
  GenerationCallbacks callbacks_;
  std::string text_;
};

TEST_F(GenerationOfTinyModel, GivesAsMuchAsWasAskedFor) {
  const GenerationResult result = run();
  EXPECT_EQ(result.end, GenerationEnd::kEnough);
  EXPECT_EQ(result.generated.n, 8u);
  EXPECT_EQ(result.prompt.n, prompt_.size());
  EXPECT_GT(text_.size(), 8u);
  options_.n_predict = 0;
  EXPECT_EQ(run().generated.n, 0u);
  EXPECT_EQ(text_, "");
}

TEST_F(GenerationOfTinyModel, EndsBeforeAStopText) {
  options_.n_predict = 40;
  run();
  const std::string whole = text_;
  options_.stops = {whole.substr(30, 4)};
  EXPECT_EQ(run().end, GenerationEnd::kStopText);
  EXPECT_EQ(text_, whole.substr(0, whole.find(options_.stops[0])));
}

TEST_F(GenerationOfTinyModel, EndsWhereTheContextIsFull) {
  options_.n_predict = -1;
  options_.ignore_eos = true;
  const GenerationResult result = run(16);
  EXPECT_EQ(result.end, GenerationEnd::kContextFull);
  EXPECT_EQ(result.generated.n, 16 - prompt_.size() + 1);
}

TEST_F(GenerationOfTinyModel, TellsHowMuchOfThePromptIsReadInAnyBatch) {
  for (const std::size_t n_batch : {1, 2, 512}) {
    std::vector<double> shares;
    callbacks_.on_prompt = [&](double share) { shares.push_back(share); };
    run(256, n_batch);
    const std::size_t n_batches = (prompt_.size() + n_batch - 1) / n_batch;
    EXPECT_EQ(shares.size(), n_batches * model_->traits().n_layer);
    EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
    EXPECT_EQ(shares.back(), 1.0);
  }
}

// Within a batch, not only between them: one may take minutes.
TEST_F(GenerationOfTinyModel, StopsAfterALayer) {
  int n_asked = 0;
  callbacks_.should_stop = [&] { return ++n_asked == 2; };
  const GenerationResult result = run();
  EXPECT_EQ(result.end, GenerationEnd::kStopped);
  EXPECT_EQ(n_asked, 2);
  EXPECT_EQ(text_, "");
}

TEST_F(GenerationOfTinyModel, AnErrorOfTheCallerReachesIt) {
  GenerationCallbacks callbacks;
  callbacks.on_text = [](std::string_view) { throw failed("nobody reads this"); };
  Session session(*model_, kernels_, pool_, {.n_ctx = 256});
  EXPECT_THROW(generate(session, tokenizer_, prompt_, options_, callbacks), Error);
  // The hook that belonged to the generation is gone.
  session.clear();
  const BatchItem item = {.token = prompt_[0], .pos = 0, .want_logits = true};
  EXPECT_TRUE(session.decode({&item, 1}, MatmulPath::kMatvec));
}

TEST_F(GenerationOfTinyModel, RefusesWhatMakesNoSense) {
  prompt_.assign(17, prompt_[0]);
  EXPECT_THROW(run(16), Error);
  prompt_.clear();
  EXPECT_THROW(run(), Error);
}

// A conversation's next prompt begins as the last one did: only what is new is read.
TEST_F(GenerationOfTinyModel, WhatTheSessionHoldsIsNotReadAgain) {
  Session session(*model_, kernels_, pool_, {.n_ctx = 256});
  const auto next = [&](const std::string& text, std::span<const Token> held) {
    return generate(session, tokenizer_, prompt_tokens(tokenizer_, text), options_, {}, held);
  };
  const GenerationResult first = next("The old man said that he", {});
  EXPECT_EQ(first.n_held, 0u);
  const GenerationResult second = next("The old man said nothing", first.tokens);
  EXPECT_EQ(second.n_held, prompt_tokens(tokenizer_, "The old man said").size());
  session.clear();
  const GenerationResult alone = next("The old man said nothing", {});
  EXPECT_EQ(second.reply, alone.reply);
  EXPECT_EQ(second.tokens, alone.tokens);
  // The whole prompt is there: its last token is read for the logits.
  EXPECT_EQ(next("The old man said nothing", alone.tokens).prompt.n, 1u);
}

TEST_F(GenerationOfTinyModel, AStoppedGenerationLeavesTheSessionInOrder) {
  Session session(*model_, kernels_, pool_, {.n_ctx = 256});
  int n_layers = 0;
  GenerationCallbacks callbacks;
  callbacks.should_stop = [&] { return ++n_layers == 12; };  // within the first token: there are 8
  const GenerationResult stopped = generate(session, tokenizer_, prompt_, options_, callbacks);
  EXPECT_EQ(stopped.end, GenerationEnd::kStopped);
  EXPECT_LT(stopped.n_kept, stopped.tokens.size());
  const std::span<const Token> kept = std::span(stopped.tokens).first(stopped.n_kept);
  const GenerationResult on = generate(session, tokenizer_, prompt_, options_, {}, kept);
  EXPECT_EQ(on.n_held, prompt_.size() - 1);
  session.clear();
  EXPECT_EQ(on.reply, generate(session, tokenizer_, prompt_, options_, {}).reply);
}

class GenerationByGrammar : public GenerationOfTinyModel {
 protected:
  void use(const std::string& gbnf) {
    options_.grammar =
        std::make_shared<TokenGrammar>(Grammar::from_gbnf(gbnf, "test.gbnf"), tokenizer_);
    options_.n_predict = 60;
  }
};

TEST_F(GenerationByGrammar, EndsWhereNothingButTheEndIsLeft) {
  use("root ::= \" \" [a-d]{3} \"; \" (\"yes\" | \"no\") \".\"");
  for (const bool ignore_eos : {false, true}) {
    options_.ignore_eos = ignore_eos;
    const GenerationResult result = run();
    EXPECT_EQ(result.end, GenerationEnd::kEndOfText);
    EXPECT_TRUE(std::regex_match(text_, std::regex(" [a-d]{3}; (yes|no)\\."))) << text_;
    EXPECT_EQ(result.reply.size(), result.generated.n);
    // The last token was not read: nobody asks what follows it.
    EXPECT_EQ(result.n_kept, prompt_.size() + result.reply.size() - 1);
  }
  use("root ::= \"\"");
  EXPECT_EQ(run().end, GenerationEnd::kEndOfText);
  EXPECT_EQ(text_, "");
}

// Where the text may end and may go on the model decides, unless it must not.
TEST_F(GenerationByGrammar, GoesOnWhereEndTokensAreIgnored) {
  use("root ::= [a-z ]+");
  options_.ignore_eos = true;
  const GenerationResult result = run();
  EXPECT_EQ(result.end, GenerationEnd::kEnough);
  EXPECT_EQ(result.generated.n, 60u);
  EXPECT_EQ(text_.find_first_not_of("abcdefghijklmnopqrstuvwxyz "), std::string::npos) << text_;
}

TEST_F(GenerationByGrammar, StopTextsAndTheNumberOfTokensStillCount) {
  use("root ::= [^e]*");
  run();
  const std::string all = text_;
  EXPECT_GT(all.size(), 60u);
  EXPECT_EQ(all.find('e'), std::string::npos);
  options_.stops = {all.substr(20, 5)};
  EXPECT_EQ(run().end, GenerationEnd::kStopText);
  EXPECT_EQ(text_, all.substr(0, all.find(options_.stops[0])));
  options_.stops.clear();
  options_.n_predict = 3;
  EXPECT_EQ(run().end, GenerationEnd::kEnough);
}

// Each generation begins the grammar anew, and draws as the sampler does from what is allowed.
TEST_F(GenerationByGrammar, DrawsWithPenaltiesAndFiltersStayAllowed) {
  use("root ::= \"[\" [0-9]{2} (\", \" [0-9]{2})* \"]\"");
  options_.sampler.temperature = 1.5f;
  options_.sampler.repeat_penalty = 3;
  options_.sampler.dry.multiplier = 1e30f;
  options_.n_predict = 200;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    options_.sampler.seed = seed;
    options_.sampler.mirostat = seed % 3 == 0 ? 2 : 0;
    const GenerationResult result = run(512);
    if (result.end == GenerationEnd::kEnough) text_ = text_.substr(0, text_.rfind(',')) + "]";
    EXPECT_TRUE(std::regex_match(text_, std::regex("\\[\\d{2}(, \\d{2})*\\]"))) << text_;
  }
}

TEST_F(GenerationByGrammar, ADeadEndIsTold) {
  // The model's vocabulary has every byte; this one has two tokens that print something.
  VocabularySpec spec;
  spec.model = "llama";
  spec.tokens = {"<unk>", "a", "b"};
  spec.types = std::vector<std::int32_t>{2, 1, 1};
  spec.scores = std::vector<float>{0, 0, 0};
  const Tokenizer two(spec, "two");
  options_.grammar = std::make_shared<TokenGrammar>(
      Grammar::from_gbnf("root ::= [ab]{3} \"z\"", "test.gbnf"), two);
  Session session(*model_, kernels_, pool_, {.n_ctx = 256});
  const std::vector<Token> prompt = {1};
  try {
    generate(session, two, prompt, options_, {});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    EXPECT_EQ(std::string(error.what()),
              "test.gbnf: the text cannot go on: no token of this model spells what the grammar "
              "wants next");
  }
}

}  // namespace
}  // namespace lathe
