// Perplexity, divergence and importance of the trained models against what the peer program printed
// for the same files and texts. Skipped where those files (outside the repository) are absent. What
// takes minutes is in PeerFiles, of the long tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <regex>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/eval/divergence.h"
#include "quant/eval/perplexity.h"
#include "quant/imatrix/collect.h"
#include "quant/pipeline/quantize.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/evaluator.h"
#include "tests/support/golden.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

const std::string kShared = test::source_path("../shared/");
constexpr std::size_t kContext = 512;

std::string text_of(const std::string& path) {
  const std::vector<char> bytes = test::read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

struct Loaded {
  explicit Loaded(const std::string& path) : file(GgufFile::open(path)), model(load_model(file)) {
    EXPECT_TRUE(select_kernels("", &kernels));
  }
  TextChunks chunks(const std::string& text, std::size_t max_chunks) const {
    const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata());
    return {tokenizer.encode(text), kContext, max_chunks,
            tokenizer.add_bos() ? std::optional(tokenizer.bos()) : std::nullopt};
  }

  KernelTable kernels;
  GgufFile file;
  std::unique_ptr<Model> model;
};

test::Evaluator evaluator(std::vector<RunModel> models, const KernelTable& kernels,
                          ThreadPool& pool) {
  const std::size_t n_vocab = models[0].model.traits().n_vocab;
  return {
      std::move(models), kernels, pool,
      RunOptions{
          .n_cells = kContext, .n_batch = kContext, .max_logits = logit_rows(n_vocab, kContext)}};
}

// "[1]55.3397,[2]51.0148,..."
std::vector<double> running_values(const std::string& text) {
  std::vector<double> out;
  const std::regex item("\\[(\\d+)\\]([0-9.]+)");
  for (std::sregex_iterator it(text.begin(), text.end(), item), end; it != end; ++it) {
    out.push_back(std::stod((*it)[2]));
  }
  return out;
}

// Numbers of the line of one chunk in the peer's table: PPL, error, ln ratio, error, KLD, ...
std::vector<double> table_line(const std::string& text, int chunk) {
  std::smatch match;
  const std::regex line("\n +" + std::to_string(chunk) + " +([0-9].*)");
  std::vector<double> out;
  if (!std::regex_search(text, match, line)) return out;
  const std::string numbers = match[1];
  const std::regex number("-?[0-9]+\\.[0-9]+");
  for (std::sregex_iterator it(numbers.begin(), numbers.end(), number), end; it != end; ++it) {
    out.push_back(std::stod(it->str()));
  }
  return out;
}

class Peer : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kShared + "golden/trained")) {
      GTEST_SKIP() << "needs " << kShared << "golden/trained";
    }
  }
  std::string f16() const { return test::source_path("tests/data/") + GetParam() + "-f16.gguf"; }
  std::string golden(const std::string& name) const {
    return kShared + "golden/trained/" + GetParam() + "/" + name;
  }
  ThreadPool pool_{{.n_threads = 2, .pin = false}};
};

TEST_P(Peer, PerplexityOfF16) {
  constexpr std::size_t kChunks = 6;
  const Loaded m(f16());
  struct Case {
    const char *golden, *text;
  };
  for (const Case& c : {Case{"ppl-f16.txt", "text/books-eval.txt"},
                        Case{"ppl-f16-wiki.txt", "text/wiki.test.raw"}}) {
    const std::vector<double> want = running_values(text_of(golden(c.golden)));
    ASSERT_GE(want.size(), kChunks);
    const PerplexityResult got = measure_perplexity(evaluator({{*m.model}}, m.kernels, pool_),
                                                    m.chunks(text_of(kShared + c.text), kChunks));
    ASSERT_EQ(got.running.size(), kChunks);
    EXPECT_EQ(got.n_scored, kChunks * 255);
    for (std::size_t i = 0; i < kChunks; ++i) {
      EXPECT_NEAR(got.running[i], want[i], 0.001 * want[i]) << c.golden << " chunk " << i + 1;
    }
  }
}

// Layers that are skipped count as layers that the peer pruned to a file of its own.
TEST_P(Peer, PerplexityWithoutSomeLayers) {
  constexpr std::size_t kChunks = 6;
  const Loaded m(f16());
  const TextChunks text = m.chunks(text_of(kShared + "text/books-eval.txt"), kChunks);
  struct Case {
    const char* golden;
    std::vector<int> layers;
  };
  for (const Case& c : {Case{"ppl-prune-4.txt", {4}}, Case{"ppl-prune-2-3.txt", {2, 3}}}) {
    const std::vector<double> want = running_values(text_of(golden(c.golden)));
    ASSERT_GE(want.size(), kChunks);
    const PerplexityResult got =
        measure_perplexity(evaluator({{*m.model, {}, c.layers}}, m.kernels, pool_), text);
    for (std::size_t i = 0; i < kChunks; ++i) {
      EXPECT_NEAR(got.running[i], want[i], 0.001 * want[i]) << c.golden << " chunk " << i + 1;
    }
  }
}

TEST_P(Peer, DivergenceOfItsQ4_K_MFile) {
  constexpr std::size_t kChunks = 6;
  const Loaded base(f16()), candidate(golden(std::string(GetParam()) + "-Q4_K_M.gguf"));
  const std::vector<double> want = table_line(text_of(golden("kld-Q4_K_M.txt")), kChunks);
  ASSERT_GE(want.size(), 10u);
  const DivergenceResult got =
      test::divergence(evaluator({{*base.model}, {*candidate.model}}, base.kernels, pool_),
                       base.chunks(text_of(kShared + "text/books-eval.txt"), kChunks));
  EXPECT_NEAR(got.ppl.value, want[0], 0.003 * want[0]);
  EXPECT_NEAR(got.ppl.error, want[1], 0.01 * want[1]);
  EXPECT_NEAR(got.ln_ppl_ratio.value, want[2], 2.0 * want[3]);
  EXPECT_NEAR(got.kld.value, want[4], 0.05 * want[4]);
  EXPECT_NEAR(100 * got.rms_delta_p.value, want[6], 0.1 * want[6]);
  EXPECT_NEAR(100 * got.same_top.value, want[8], 2 * want[9]);
}

class PeerFiles : public Peer {};

TEST_P(PeerFiles, ImportanceOfTheCalibrationText) {
  constexpr std::size_t kChunks = 60;
  const Loaded m(f16());
  std::vector<double> running;
  const Imatrix got = collect_imatrix(
      evaluator({{*m.model}}, m.kernels, pool_),
      m.chunks(text_of(kShared + "text/books-calibration.txt"), kChunks),
      {.datasets = {"books-calibration.txt"}},
      [&](std::size_t n_chunks, const std::optional<Estimate>& ppl, double, std::string_view) {
        if (n_chunks > running.size()) running.push_back(ppl->value);  // also called within chunks
        return true;
      });
  const Imatrix want = read_imatrix(golden("imatrix.gguf"));
  EXPECT_EQ(got.chunk_count, want.chunk_count);
  EXPECT_EQ(got.chunk_size, want.chunk_size);
  ASSERT_EQ(got.entries.size(), want.entries.size());
  for (const auto& [name, entry] : want.entries) {
    const ImatrixEntry* ours = got.find(name);
    ASSERT_NE(ours, nullptr) << name;
    EXPECT_EQ(ours->counts, entry.counts) << name;
    double difference = 0.0, total = 0.0;
    for (std::size_t i = 0; i < entry.n_cols; ++i) {
      difference += std::fabs(ours->sum2[i] - entry.sum2[i]);
      total += entry.sum2[i];
    }
    EXPECT_LT(difference, 0.01 * total) << name;
  }
  const std::vector<double> want_running = running_values(text_of(golden("imatrix.txt")));
  ASSERT_EQ(running.size(), want_running.size());
  for (std::size_t i = 0; i < running.size(); ++i) {
    EXPECT_NEAR(running[i], want_running[i], 0.001 * want_running[i]) << "chunk " << i + 1;
  }
}

constexpr std::size_t kDivergenceChunks = 4;

// Mean divergence from F16 of what our quantizer makes with the peer's importance matrix.
double divergence_of_ours(const std::string& model, const Imatrix& imatrix, const char* recipe,
                          ThreadPool& pool) {
  const TempDir dir;
  const Loaded base(model);
  const TextChunks text = base.chunks(text_of(kShared + "text/books-eval.txt"), kDivergenceChunks);
  const Plan plan =
      make_plan(read_model_header(base.file), {.recipe = find_recipe(recipe), .imatrix = true});
  quantize({base.file, plan, &imatrix, dir.file("q")}, base.kernels, pool);
  const Loaded candidate(dir.file("q"));
  return test::divergence(evaluator({{*base.model}, {*candidate.model}}, base.kernels, pool), text)
      .kld.value;
}

// As the peer measured its own files.
TEST_P(PeerFiles, OurFilesDivergeNoMoreThanItsFiles) {
  const Imatrix imatrix = read_imatrix(golden("imatrix.gguf"));
  for (const char* recipe : {"Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M", "IQ3_M"}) {
    const std::vector<double> want =
        table_line(text_of(golden(std::string("kld-") + recipe + ".txt")), kDivergenceChunks);
    ASSERT_GE(want.size(), 6u) << recipe;
    EXPECT_LE(divergence_of_ours(f16(), imatrix, recipe, pool_), want[4] + 2.0 * want[5]) << recipe;
  }
}

// Recipes of which the golden folder has no figures: files of the peer's quantizer (the llama.cpp
// of node-llama-cpp 3.22.1, by its C interface, with the same importance matrix), measured by
// lathe.
TEST_P(PeerFiles, OurCoarseFilesDivergeNoMoreThanItsFiles) {
  struct Figure {
    const char *model, *recipe;
    double kld, error;
  };
  constexpr Figure kFigures[] = {
      {"tiny-llama", "IQ2_M", 0.017016, 0.000593},   {"tiny-llama", "IQ2_XXS", 0.038865, 0.001505},
      {"tiny-llama", "IQ1_S", 0.076686, 0.002953},   {"tiny-olmo2", "IQ2_M", 0.016726, 0.000698},
      {"tiny-olmo2", "IQ2_XXS", 0.042856, 0.001698}, {"tiny-olmo2", "IQ1_S", 0.072838, 0.002788},
  };
  const Imatrix imatrix = read_imatrix(golden("imatrix.gguf"));
  for (const Figure& f : kFigures) {
    if (std::string_view(f.model) != GetParam()) continue;
    EXPECT_LE(divergence_of_ours(f16(), imatrix, f.recipe, pool_), f.kld + 2.0 * f.error)
        << f.recipe;
  }
}

const auto kModels = testing::Values("tiny-llama", "tiny-olmo2");
std::string name_of(const testing::TestParamInfo<const char*>& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Trained, Peer, kModels, name_of);
INSTANTIATE_TEST_SUITE_P(LongTrained, PeerFiles, kModels, name_of);

}  // namespace
}  // namespace lathe
