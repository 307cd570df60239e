// Measures over the packaged models: what must not change a result does not, and what cannot be
// measured is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

#include "kernels/half.h"
#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/eval/divergence.h"
#include "quant/eval/perplexity.h"
#include "quant/imatrix/collect.h"
#include "quant/pipeline/quantize.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/error_of.h"
#include "tests/support/evaluator.h"
#include "tests/support/golden.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

const std::string kLlama = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kOlmo = test::source_path("tests/data/tiny-olmo2-f16.gguf");
constexpr std::size_t kContext = 96;

// What must not change any bit of a result.
struct Split {
  int n_threads = 1;
  std::size_t n_batch = kContext, max_logits = kContext;
  RunOrder order = RunOrder::kByText;
  std::string spill{};
};
const Split kSplits[] = {{2, kContext, kContext},
                         {3, 32, 32},
                         {1, 40, 7},
                         {2, 96, 1},
                         {2, kContext, kContext, RunOrder::kByLayer},
                         {3, 40, 7, RunOrder::kByLayer},
                         {2, 32, 48, RunOrder::kByLayer, testing::TempDir()}};

class Measures : public testing::Test {
 protected:
  Measures() { EXPECT_TRUE(select_kernels("", &kernels_)); }

  TextChunks text(std::size_t n_chunks = 3) const {
    const std::vector<char> bytes =
        test::read_bytes(test::source_path("tests/data/demo-evaluation.txt"));
    const Tokenizer tokenizer = Tokenizer::from_metadata(file_.metadata());
    return {tokenizer.encode(std::string_view(bytes.data(), bytes.size())), kContext, n_chunks, {}};
  }
  test::Evaluator on(std::vector<RunModel> models, ThreadPool& pool, const Split& split) const {
    return {std::move(models), kernels_, pool,
            RunOptions{.n_cells = kContext,
                       .n_batch = split.n_batch,
                       .max_logits = split.max_logits,
                       .order = split.order,
                       .hidden_bytes = kContext * 2 * 256 * sizeof(float),
                       .spill_folder = split.spill}};
  }
  test::Evaluator on(const Model& model, ThreadPool& pool) const {
    return on({{model}}, pool, Split{});
  }

  KernelTable kernels_;
  GgufFile file_ = GgufFile::open(kLlama);
  std::unique_ptr<Model> model_ = load_model(file_);
};

TEST_F(Measures, PerplexityDoesNotDependOnThreadsOrBatches) {
  ThreadPool one({.n_threads = 1, .pin = false});
  const PerplexityResult want = measure_perplexity(on(*model_, one), text());
  EXPECT_EQ(want.running.size(), 3u);
  EXPECT_EQ(want.n_scored, 3 * (kContext / 2 - 1));
  EXPECT_GT(want.ppl.value, 2.0);
  EXPECT_LT(want.ppl.value, 500.0);
  for (const Split& s : kSplits) {
    ThreadPool pool({.n_threads = s.n_threads, .pin = false});
    const PerplexityResult got = measure_perplexity(on({{*model_}}, pool, s), text());
    EXPECT_EQ(got.running, want.running) << s.n_batch << ' ' << s.max_logits;
    EXPECT_EQ(got.chunk_nll, want.chunk_nll);
  }
}

TEST_F(Measures, ImportanceDoesNotDependOnThreadsOrBatches) {
  ThreadPool one({.n_threads = 1, .pin = false});
  const Imatrix want = collect_imatrix(on(*model_, one), text(), {});
  EXPECT_EQ(want.entries.size(), 8u * 7u);
  for (const auto& [name, entry] : want.entries) {
    EXPECT_EQ(entry.counts, std::vector<float>{3 * kContext}) << name;
    EXPECT_GT(*std::max_element(entry.sum2.begin(), entry.sum2.end()), 0.0f) << name;
  }
  for (const Split& s : kSplits) {
    for (const bool perplexity : {true, false}) {
      ThreadPool pool({.n_threads = s.n_threads, .pin = false});
      const Imatrix got =
          collect_imatrix(on({{*model_}}, pool, s), text(),
                          {.process_output = false, .perplexity = perplexity, .datasets = {}});
      for (const auto& [name, entry] : want.entries) {
        EXPECT_EQ(got.find(name)->sum2, entry.sum2) << name;
      }
    }
  }
}

TEST_F(Measures, OutputWeightIsCollectedOnRequest) {
  file_ = GgufFile::open(kOlmo);  // its head is not tied
  model_ = load_model(file_);
  ThreadPool pool({.n_threads = 2, .pin = false});
  const auto entries = [&](bool process_output) {
    return collect_imatrix(on(*model_, pool), text(2),
                           {.process_output = process_output, .perplexity = false, .datasets = {}})
        .entries;
  };
  EXPECT_FALSE(entries(false).contains("output.weight"));
  EXPECT_TRUE(entries(true).contains("output.weight"));
}

TEST_F(Measures, DivergenceFromItselfIsZeroInAnySplit) {
  for (const Split& s : kSplits) {
    ThreadPool pool({.n_threads = s.n_threads, .pin = false});
    const DivergenceResult r = test::divergence(on({{*model_}, {*model_}}, pool, s), text(2));
    EXPECT_EQ(r.n_scored, 2 * (kContext / 2 - 1));
    EXPECT_EQ(r.kld.value, 0.0);
    EXPECT_EQ(r.same_top.value, 1.0);
    EXPECT_EQ(r.ppl.value, r.ppl_base.value);
  }
}

TEST_F(Measures, StoppingIsAnError) {
  ThreadPool pool({.n_threads = 1, .pin = false});
  int n = 0;
  EXPECT_THAT(message_of(
                  [&] {
                    measure_perplexity(on(*model_, pool), text(), {},
                                       [&](const auto&, double, auto) { return ++n < 2; });
                  },
                  ErrorKind::kFailed),
              testing::HasSubstr("stopped"));
  EXPECT_EQ(n, 2);
}

// A copy of the model with the first value of one tensor replaced: of F32, F16, and formats whose
// blocks begin with a scale in F16.
std::string damaged_model(const std::string& path, const std::string& tensor, float value,
                          const std::string& original = kLlama) {
  const GgufFile file = GgufFile::open(original);
  const TensorInfo& info = file.require(tensor);
  std::vector<char> bytes = test::read_bytes(original);
  if (info.format == Format::F32) {
    std::memcpy(bytes.data() + info.offset, &value, sizeof value);
  } else {
    const std::uint16_t half = f16_from_f32(value);
    std::memcpy(bytes.data() + info.offset, &half, sizeof half);
  }
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<long>(bytes.size()));
  return path;
}

TEST_F(Measures, TheFirstNaNStopsAndIsNamed) {
  using testing::HasSubstr;
  const TempDir dir;
  ThreadPool pool({.n_threads = 2, .pin = false});
  struct Case {
    const char* tensor;
    std::vector<const char*> said;
  };
  for (const Case& c :
       {Case{"blk.3.ffn_norm.weight",
             {"activations", "layer 3 is the first", "what enters blk.3.ffn_gate.weight",
              "blk.3.ffn_norm.weight holds 1 value that is not finite"}},
        Case{"blk.5.attn_output.weight",
             {"layer 5 is the first", "what enters blk.5.ffn_gate.weight",
              "blk.5.attn_output.weight holds 1"}},
        Case{"output_norm.weight",
             {"all layers are, the output head is not", "what enters token_embd.weight",
              "output_norm.weight holds 1"}}}) {
    const GgufFile file = GgufFile::open(damaged_model(dir.file("nan.gguf"), c.tensor, NAN));
    const std::unique_ptr<Model> bad = load_model(file);
    for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
      const Split split{.order = order};
      const std::string alone = message_of(
          [&] { measure_perplexity(on({{*bad}}, pool, split), text()); }, ErrorKind::kFailed);
      EXPECT_THAT(alone, HasSubstr("chunk 1"));
      for (const char* said : c.said) EXPECT_THAT(alone, HasSubstr(said));
      const auto against = [&](const Model& base, const Model& candidate) {
        return message_of(
            [&] {
              test::divergence(
                  on({{base, {}, {}, "the base"}, {candidate, {}, {}, "the candidate"}}, pool,
                     split),
                  text());
            },
            ErrorKind::kFailed);
      };
      EXPECT_THAT(against(*model_, *bad), HasSubstr("of the candidate"));
      EXPECT_THAT(against(*bad, *model_), HasSubstr("of the base"));
    }
  }
  const GgufFile file =
      GgufFile::open(damaged_model(dir.file("nan.gguf"), "blk.3.ffn_norm.weight", NAN));
  const std::unique_ptr<Model> bad = load_model(file);
  const std::string message =
      message_of([&] { collect_imatrix(on(*bad, pool), text(), {}); }, ErrorKind::kFailed);
  EXPECT_THAT(message, HasSubstr("chunk 1"));
  EXPECT_THAT(message, HasSubstr("blk.3.ffn_")) << "where it came up";
}

// Conversion to int8 makes a finite number of NaN, so that what leaves the layer is finite: the
// model's outputs are, and are worth nothing.
TEST_F(Measures, NaNInQuantizedWeightsIsNotHiddenByTheirConversion) {
  const TempDir dir;
  ThreadPool pool({.n_threads = 2, .pin = false});
  const Plan plan = make_plan(read_model_header(file_), {.recipe = find_recipe("Q4_K_M")});
  quantize({file_, plan, nullptr, dir.file("q")}, kernels_, pool);
  struct Case {
    const char *tensor, *enters;
  };
  for (const Case& c : {Case{"blk.2.attn_q.weight", "blk.2.attn_output.weight"},
                        Case{"blk.2.attn_k.weight", "blk.2.attn_output.weight"},
                        Case{"blk.4.ffn_up.weight", "blk.4.ffn_down.weight"},
                        Case{"blk.3.ffn_norm.weight", "blk.3.ffn_gate.weight"},
                        Case{"output_norm.weight", "token_embd.weight"}}) {
    const GgufFile file =
        GgufFile::open(damaged_model(dir.file("nan"), c.tensor, NAN, dir.file("q")));
    const std::unique_ptr<Model> bad = load_model(file);
    for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
      const std::string message =
          message_of([&] { measure_perplexity(on({{*bad}}, pool, {.order = order}), text()); },
                     ErrorKind::kFailed);
      EXPECT_THAT(message, testing::HasSubstr(std::string("what enters ") + c.enters));
      EXPECT_THAT(message, testing::HasSubstr(std::string(c.tensor) + " holds "));
    }
  }
}

// What was measured before an interruption is not measured again, and nothing changes.
TEST_F(Measures, AMeasurementGoesOn) {
  ThreadPool pool({.n_threads = 2, .pin = false});
  const PerplexityResult whole = measure_perplexity(on(*model_, pool), text());
  ChunkRecords records;
  message_of(
      [&] {
        measure_perplexity(
            on(*model_, pool), text(), {.records = &records},
            [](const PerplexityResult& r, double, auto) { return r.running.size() < 2; });
      },
      ErrorKind::kFailed);
  ASSERT_EQ(records.size(), 2u);
  const TempDir dir;
  const RunIdentity identity = {{"text", "some"}};
  write_eval_checkpoint(records, {.identity = identity}, test::output(dir.file("c")));
  ChunkRecords kept = read_eval_checkpoint(dir.file("c"), identity);
  EXPECT_EQ(kept, records);
  std::vector<double> fractions;
  const PerplexityResult rest =
      measure_perplexity(on(*model_, pool), text(), {.records = &kept},
                         [&](const PerplexityResult&, double fraction, auto) {
                           fractions.push_back(fraction);
                           return true;
                         });
  EXPECT_GT(fractions.front(), 2.0 / 3.0) << "the last of three chunks";
  EXPECT_EQ(fractions.back(), 1.0);
  EXPECT_EQ(rest.running, whole.running);
  EXPECT_THAT(message_of(
                  [&] {
                    read_eval_checkpoint(dir.file("c"), {{"text", "other"}});
                  },
                  ErrorKind::kUsage),
              testing::HasSubstr("its text was 'some', now it is 'other'"));
  EXPECT_TRUE(is_eval_checkpoint(dir.file("c")));
  EXPECT_FALSE(is_eval_checkpoint(kLlama));
  kept.front().pop_back();
  EXPECT_THAT(message_of([&] { measure_perplexity(on(*model_, pool), text(), {.records = &kept}); },
                         ErrorKind::kBadInput),
              testing::HasSubstr("unit 1 has 46 numbers, expected 47"));
}

// More units than a GGUF file may have keys.
TEST(EvalCheckpoints, HoldAnyNumberOfUnits) {
  const TempDir dir;
  UnitRecords records(100'000, {1.0, 2.0});
  records[7] = {};
  write_eval_checkpoint(records, {.identity = {{"text", "some"}}}, test::output(dir.file("c")));
  EXPECT_EQ(read_eval_checkpoint(dir.file("c"), {{"text", "some"}}), records);
}

TEST_F(Measures, VocabulariesThatDifferAreRefused) {
  Metadata a("a.gguf"), b("b.gguf");
  const auto set = [](Metadata& m, std::initializer_list<const char*> tokens) {
    StringList list;
    for (const char* t : tokens) list.push_back(t);
    m.set("tokenizer.ggml.tokens", Value::strings(std::move(list)));
  };
  set(a, {"x", "y"});
  set(b, {"x", "y"});
  EXPECT_NO_THROW(check_same_vocabulary(a, b));
  set(b, {"x", "z"});
  EXPECT_THAT(message_of([&] { check_same_vocabulary(a, b); }, ErrorKind::kUsage),
              testing::HasSubstr("token 1 is 'y' in a.gguf, 'z' in b.gguf"));
  set(b, {"x"});
  EXPECT_THAT(message_of([&] { check_same_vocabulary(a, b); }, ErrorKind::kUsage),
              testing::HasSubstr("2 tokens"));
}

// The whole loop: collect, quantize, measure.
TEST_F(Measures, MoreBitsDivergeLess) {
  const TempDir dir;
  ThreadPool pool({.n_threads = 2, .pin = false});
  const Imatrix imatrix = collect_imatrix(on(*model_, pool), text(), {});
  double last = 0.0;
  for (const char* recipe : {"F16", "Q8_0", "Q6_K", "Q4_K_M", "Q3_K_S", "Q2_K"}) {
    const Plan plan =
        make_plan(read_model_header(file_), {.recipe = find_recipe(recipe), .imatrix = true});
    quantize({file_, plan, &imatrix, dir.file("q")}, kernels_, pool);
    const GgufFile q = GgufFile::open(dir.file("q"));
    const std::unique_ptr<Model> candidate = load_model(q);
    const double kld =
        test::divergence(on({{*model_}, {*candidate}}, pool, Split{}), text(2)).kld.value;
    if (std::string(recipe) == "F16") {
      EXPECT_EQ(kld, 0.0);
    } else {
      EXPECT_GT(kld, last) << recipe;
    }
    last = kld;
  }
  EXPECT_LT(last, 1.0);
}

}  // namespace
}  // namespace lathe
