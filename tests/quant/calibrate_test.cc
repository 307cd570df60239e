// Calibrated rounding of whole models: the same tensors for any number of threads, either order of
// a run, and after a stop; what it is good for, on held-out text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/calibrate/calibrate.h"
#include "quant/calibrate/plain_encoding.h"
#include "quant/eval/divergence.h"
#include "quant/pipeline/quantize.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/engine_run.h"
#include "tests/support/error_of.h"
#include "tests/support/evaluator.h"
#include "tests/support/golden.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

// Tokens in chunks, every fourth held out.
struct Chunks {
  std::vector<std::vector<BatchItem>> items;
  CalibrationSet set;

  Chunks(std::span<const Token> tokens, std::size_t n_ctx, std::size_t n_chunks) {
    for (std::size_t c = 0; c < n_chunks; ++c) {
      items.emplace_back();
      for (std::size_t i = 0; i < n_ctx; ++i) {
        items.back().push_back({tokens[c * n_ctx + i], static_cast<std::int32_t>(i)});
      }
    }
    for (std::size_t c = 0; c < n_chunks; ++c) set.texts.push_back({items[c], 1.0, c % 4 == 3});
  }
  Chunks(const Chunks&) = delete;
};

using Bytes = std::map<std::string, std::vector<std::uint8_t>>;

class CalibrationOfModels : public testing::TestWithParam<std::string> {
 protected:
  static GgufFile model_file() {
    test::TinyModel m;
    m.architecture = GetParam();
    m.n_layer = 3;
    m.n_embd = m.n_ff = 256;
    m.head_dim = 64;
    m.format = Format::F16;
    return test::tiny_model(m);
  }

  struct Way {
    int n_threads = 2;
    RunOrder order = RunOrder::kByText;
    std::string spill{};
    std::vector<int> pruned{};
    double stop_at = 2.0;  // share of the work
    bool resume = false;
  };

  // Every tensor that calibration makes.
  Bytes run(const Way& way) {
    EXPECT_TRUE(select_kernels("", &kernels_));
    ThreadPool pool({.n_threads = way.n_threads, .pin = false});
    const Plan plan =
        make_plan(read_model_header(file_),
                  {.recipe = find_recipe("Q4_K_M"), .imatrix = true, .prune_layers = way.pruned});
    CalibratedFiles files(CalibratedFiles::folder_for(folder_.file("out.gguf")), "of this test", {},
                          way.resume);
    const RunModel model{.model = *model_, .skipped_layers = way.pruned};
    const lathe::RunOptions options{.n_cells = 64,
                                    .n_batch = 32,
                                    .max_logits = 16,
                                    .order = way.order,
                                    .group_items = 100,
                                    .spill_folder = way.spill};
    calibrate(
        {.model = model,
         .plan = plan,
         .set = chunks_.set,
         .kernels = kernels_,
         .pool = pool,
         .run = options,
         .progress = [&](double fraction, std::string_view) { return fraction < way.stop_at; }},
        files);
    Bytes bytes;
    for (const CalibratedTensor& t : files.tensors()) {
      const CalibratedFiles::Found found = files.find(t.name);
      const auto data = found.file->data(*found.tensor);
      bytes[t.name].assign(data.begin(), data.end());
    }
    return bytes;
  }

  GgufFile file_ = model_file();
  std::unique_ptr<Model> model_ = load_model(file_);
  KernelTable kernels_;
  TempDir folder_;
  Chunks chunks_{test::some_tokens(4 * 64, 200), 64, 4};
};

TEST_P(CalibrationOfModels, TensorsDoNotDependOnThreadsOrOrder) {
  const Bytes expected = run({.n_threads = 1});
  EXPECT_EQ(expected.size(), 3u * 7 + 2);  // and embeddings, and the head
  EXPECT_TRUE(run({.n_threads = 3}) == expected);
  EXPECT_TRUE(run({.order = RunOrder::kByLayer}) == expected);
  EXPECT_TRUE(run({.order = RunOrder::kByLayer, .spill = folder_.path()}) == expected);
}

TEST_P(CalibrationOfModels, AStopLosesAtMostALayer) {
  const Bytes expected = run({});
  for (const double stop_at : {0.05, 0.6}) {
    const Way stopped{.stop_at = stop_at};
    EXPECT_THAT(message_of([&] { run(stopped); }, ErrorKind::kFailed),
                testing::HasSubstr("stopped"));
    EXPECT_TRUE(run({.resume = true}) == expected);
  }
}

TEST_P(CalibrationOfModels, PrunedLayersAreLeftOut) {
  const Bytes pruned = run({.pruned = {1}});
  EXPECT_EQ(pruned.size(), 2u * 7 + 2);
  EXPECT_FALSE(pruned.contains("blk.1.ffn_down.weight"));
}

TEST_P(CalibrationOfModels, NothingOfAnotherCalibrationIsTakenUp) {
  run({});
  const std::string folder = CalibratedFiles::folder_for(folder_.file("out.gguf"));
  CalibratedFiles other(folder, "of another", {}, true);
  EXPECT_FALSE(other.take_up(1));
  CalibratedFiles same(folder, "of this test", {}, true);
  EXPECT_TRUE(same.take_up(1));
  same.remove();
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_FALSE(same.take_up(2));
}

INSTANTIATE_TEST_SUITE_P(Architectures, CalibrationOfModels, testing::Values("llama", "olmo2"),
                         [](const auto& case_info) { return case_info.param; });

std::vector<std::uint8_t> plainly(const KernelTable& kernels, ThreadPool& pool,
                                  const WeightView& from, Format format) {
  std::vector<float> values(from.rows * from.cols);
  kernels.decode[index_of(from.format)](from.data, values.size(), values.data());
  std::vector<std::uint8_t> blocks(from.rows * row_bytes(format, from.cols));
  encode_plainly(kernels, pool, {values.data(), from.rows, from.cols}, format, {}, "a tensor",
                 blocks.data());
  return blocks;
}

// The trained models, a little text, against plain rounding.
class CalibrationQuality : public testing::TestWithParam<const char*> {};

TEST_P(CalibrationQuality, FilesDivergeLess) {
  const GgufFile file =
      GgufFile::open(test::source_path(std::string("tests/data/tiny-") + GetParam() + "-f16.gguf"));
  const std::unique_ptr<Model> model = load_model(file);
  const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata());
  const auto tokens_of = [&](const char* name) {
    const auto bytes = test::read_bytes(test::source_path(std::string("tests/data/") + name));
    return tokenizer.encode(std::string_view(bytes.data(), bytes.size()));
  };
  constexpr std::size_t kContext = 256;
  const std::vector<Token> tokens = tokens_of("demo-calibration.txt");
  const Chunks chunks(tokens, kContext, tokens.size() / kContext);
  const TextChunks text(tokens_of("demo-evaluation.txt"), kContext, 16, {});
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool pool({.n_threads = 2, .pin = false});
  const lathe::RunOptions options{.n_cells = kContext, .n_batch = kContext, .max_logits = 64};
  const Plan plan =
      make_plan(read_model_header(file), {.recipe = find_recipe("Q3_K_S"), .imatrix = true});
  TempDir folder;
  CalibratedFiles files(folder.file("calibrated"), "of this test", {}, false);
  const RunModel run_model{.model = *model};
  calibrate({.model = run_model,
             .plan = plan,
             .set = chunks.set,
             .kernels = kernels,
             .pool = pool,
             .run = options},
            files);
  const auto divergence_with = [&](bool calibrated) {
    WeightSet weights = model->weights();
    std::vector<std::vector<std::uint8_t>> blocks;
    for (const CalibratedTensor& t : files.tensors()) {
      const TensorId id = *parse_tensor_name(t.name);
      WeightView view = weights.get(id.role, id.layer);
      const CalibratedFiles::Found found = files.find(t.name);
      const WeightView made{t.format, view.rows, view.cols, found.file->data(*found.tensor).data()};
      if (calibrated || !t.has_rounding) {
        weights.set(id, made);
        continue;
      }
      blocks.push_back(plainly(kernels, pool, view, t.format));
      weights.set(id, {t.format, view.rows, view.cols, blocks.back().data()});
    }
    const test::Evaluator both({{*model}, {.model = *model, .overlay = &weights}}, kernels, pool,
                               options);
    return test::divergence(both, text).kld.value;
  };
  EXPECT_LT(divergence_with(true), 0.6 * divergence_with(false));
}

INSTANTIATE_TEST_SUITE_P(Long, CalibrationQuality, testing::Values("llama", "olmo2"),
                         [](const auto& case_info) { return std::string(case_info.param); });

}  // namespace
}  // namespace lathe
