// The pipeline on the packaged model: what is written, what is refused, what remains when it stops.
#include "quant/pipeline/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

#include "kernels/half.h"
#include "kernels/tiers.h"
#include "models/registry.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/gguf_writer.h"
#include "runtime/session.h"
#include "tests/support/error_of.h"
#include "tests/support/golden.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");

KernelTable kernels_named(const char* isa) {
  KernelTable table;
  EXPECT_TRUE(select_kernels(isa, &table));
  return table;
}

class Quantize : public testing::Test {
 protected:
  QuantizeResult run(const std::string& recipe, const std::string& out, int n_threads = 2,
                     const Imatrix* imatrix = nullptr) {
    const Plan plan = make_plan(read_model_header(source_),
                                {.recipe = find_recipe(recipe), .imatrix = imatrix != nullptr});
    ThreadPool pool({.n_threads = n_threads, .pin = false});
    return quantize({source_, plan, imatrix, out}, kernels_, pool);
  }
  std::string out(const std::string& name) const { return dir_.file(name); }
  std::size_t n_files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_.path()), fs::directory_iterator()));
  }

  // Importance that differs by column and tensor.
  Imatrix some_imatrix() const {
    Imatrix m;
    m.origin = "dir/imatrix.gguf";
    m.datasets = {"text.txt", "more.txt"};
    m.chunk_count = 60;
    for (const TensorInfo& t : source_.tensors()) {
      if (layer_of_tensor(t.name) < 0 || !is_quantizable(t)) continue;
      ImatrixEntry& e = m.entries[t.name];
      e.n_cols = t.cols();
      for (std::size_t i = 0; i < e.n_cols; ++i) {
        e.sum2.push_back(std::exp(std::sin(static_cast<float>(i) + t.name.size())) * 30.0f);
      }
      e.counts = {30.0f};
    }
    return m;
  }

  TempDir dir_;
  GgufFile source_ = GgufFile::open(kModel);
  KernelTable kernels_ = kernels_named("");
};

// Largest relative error of any tensor that a recipe of this base should leave.
double error_limit(Format base) {
  const FormatInfo& info = format_info(base);
  const double bits = 8.0 * static_cast<double>(info.block_bytes) / info.block_elems;
  return bits < 2.2 ? 0.75 : bits < 3.0 ? 0.5 : bits < 4.0 ? 0.3 : 0.13;
}

void expect_finite_logits(const std::string& path, const KernelTable& kernels, ThreadPool& pool) {
  const GgufFile file = GgufFile::open(path);
  const std::unique_ptr<Model> model = load_model(file);
  Session session(*model, kernels, pool, {.n_ctx = 16, .n_batch = 16});
  std::vector<BatchItem> batch;
  for (int i = 0; i < 8; ++i) batch.push_back({100 + i, i, sequence_bit(0), i == 7});
  ASSERT_TRUE(session.decode(batch, MatmulPath::kPanel));
  for (std::size_t i = 0; i < model->traits().n_vocab; ++i) {
    ASSERT_TRUE(std::isfinite(session.logits().row(0)[i])) << path;
  }
}

TEST_F(Quantize, EveryRecipeCanBeWrittenAndRuns) {
  const Imatrix imatrix = some_imatrix();
  ThreadPool pool({.n_threads = 2, .pin = false});
  for (const Recipe& recipe : all_recipes()) {
    const std::string path = out(std::string(recipe.name));
    const Plan plan = make_plan(read_model_header(source_), {.recipe = &recipe, .imatrix = true});
    const QuantizeResult result = quantize({source_, plan, &imatrix, path}, kernels_, pool);
    EXPECT_EQ(result.file_bytes, fs::file_size(path));
    EXPECT_EQ(GgufFile::open(path).metadata().require_uint("general.file_type"), recipe.file_type);
    for (const TensorError& e : result.errors) {
      EXPECT_LT(e.relative_rms, error_limit(recipe.base)) << recipe.name << " " << e.name;
    }
    expect_finite_logits(path, kernels_, pool);
    fs::remove(path);
  }
}

TEST_F(Quantize, RecipesThatNeedImportanceSayWhichTensor) {
  for (const char* name : {"IQ1_S", "IQ2_XS", "IQ3_XXS", "Q2_K_S"}) {
    EXPECT_THAT(message_of([&] { run(name, out("x")); }, ErrorKind::kUsage),
                testing::AllOf(testing::HasSubstr("blk.0."),
                               testing::HasSubstr("needs an importance matrix")));
    EXPECT_FALSE(fs::exists(out("x")));
  }
}

TEST_F(Quantize, SameBytesForAnyNumberOfThreadsAndAnyTier) {
  const Imatrix imatrix = some_imatrix();
  for (const char* recipe : {"Q4_K_M", "IQ3_M"}) {
    kernels_ = kernels_named("");
    run(recipe, out("one"), 1, &imatrix);
    const std::vector<char> one = test::read_bytes(out("one"));
    ASSERT_FALSE(one.empty());
    for (const int n_threads : {2, 3}) {
      run(recipe, out("more"), n_threads, &imatrix);
      EXPECT_EQ(test::read_bytes(out("more")), one) << recipe << " " << n_threads << " threads";
    }
    kernels_ = kernels_named("scalar");
    run(recipe, out("scalar"), 2, &imatrix);
    EXPECT_EQ(test::read_bytes(out("scalar")), one) << recipe;
  }
}

TEST_F(Quantize, KeysAndTensorsStandInTheOrderOfOtherPrograms) {
  const Imatrix imatrix = some_imatrix();
  run("Q4_K_M", out("q"), 2, &imatrix);
  const GgufFile q = GgufFile::open(out("q"));
  std::vector<std::string> keys;
  for (const MetadataEntry& e : q.metadata()) keys.push_back(e.key);
  std::vector<std::string> want;
  for (const MetadataEntry& e : source_.metadata()) {
    if (e.key != "general.file_type" && e.key != "general.quantization_version") {
      want.push_back(e.key);
    }
  }
  for (const char* key :
       {"general.quantization_version", "general.file_type", "quantize.imatrix.file",
        "quantize.imatrix.dataset", "quantize.imatrix.entries_count",
        "quantize.imatrix.chunks_count", "lathe.version", "lathe.quantize.encoder_version",
        "lathe.quantize.recipe", "lathe.quantize.plan_sha256", "lathe.quantize.source",
        "lathe.quantize.source_fingerprint", "lathe.quantize.imatrix_datasets",
        "lathe.quantize.tensors"}) {
    want.push_back(key);
  }
  EXPECT_EQ(keys, want);
  EXPECT_EQ(q.metadata().require_text("quantize.imatrix.file"), "dir/imatrix.gguf");
  EXPECT_EQ(q.metadata().require_text("quantize.imatrix.dataset"), "text.txt");
  EXPECT_EQ(q.metadata().require_uint("general.quantization_version"), 2u);
  EXPECT_TRUE(std::is_sorted(
      q.tensors().begin(), q.tensors().end(),
      [](const auto& a, const auto& b) { return tensor_order_less(a.name, b.name); }));
}

TEST_F(Quantize, TheSameFormatIsACopyOfTheBytes) {
  run("F16", out("f16"));
  const GgufFile copy = GgufFile::open(out("f16"));
  for (const TensorInfo& t : source_.tensors()) {
    const auto a = source_.data(t), b = copy.data(copy.require(t.name));
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << t.name;
  }
}

TEST_F(Quantize, MatchesTheTypesAndSizeOfThePeersFile) {
  const std::string path =
      test::source_path("../shared/golden/trained/tiny-llama/tiny-llama-Q4_K_M.gguf");
  if (!fs::exists(path)) GTEST_SKIP() << "needs " << path;
  run("Q4_K_M", out("q"));
  const GgufFile ours = GgufFile::open(out("q")), peers = GgufFile::open(path);
  ASSERT_EQ(ours.tensors().size(), peers.tensors().size());
  for (std::size_t i = 0; i < ours.tensors().size(); ++i) {
    EXPECT_EQ(ours.tensors()[i].name, peers.tensors()[i].name);
    EXPECT_EQ(ours.tensors()[i].format, peers.tensors()[i].format) << ours.tensors()[i].name;
  }
}

TEST_F(Quantize, StoppingLeavesNoModelAndKeepsAnOlderFile) {
  const Plan plan = make_plan(read_model_header(source_), {.recipe = find_recipe("Q4_K_M")});
  ThreadPool pool({.n_threads = 2, .pin = false});
  int n_calls = 0;
  QuantizeJob job{source_, plan, nullptr, out("q")};
  job.progress = [&](const QuantizeProgress& p) {
    EXPECT_LE(p.elements_done, p.elements_total);
    return p.phase == QuantizePhase::kCheck || ++n_calls < 20;
  };
  EXPECT_THAT(message_of([&] { quantize(job, kernels_, pool); }, ErrorKind::kFailed),
              testing::HasSubstr("stopped"));
  EXPECT_FALSE(fs::exists(out("q")));
  EXPECT_GT(resumable_tensors(out("q")), 0u);
  run("F16", out("q"));
  EXPECT_EQ(n_files(), 1u) << "what was left is gone";
  const std::vector<char> older = test::read_bytes(out("q"));
  n_calls = 0;
  EXPECT_THROW(quantize(job, kernels_, pool), Error);
  EXPECT_EQ(test::read_bytes(out("q")), older);
  n_calls = 1000;  // stops before anything is finished
  EXPECT_THROW(quantize(job, kernels_, pool), Error);
  EXPECT_EQ(n_files(), 1u);
}

TEST_F(Quantize, RefusesToWriteOverTheSource) {
  fs::copy_file(kModel, out("model.gguf"));
  fs::create_symlink(out("model.gguf"), out("link.gguf"));
  const GgufFile model = GgufFile::open(out("model.gguf"));
  const Plan plan = make_plan(read_model_header(model), {.recipe = find_recipe("Q8_0")});
  ThreadPool pool({.n_threads = 1, .pin = false});
  for (const char* name : {"model.gguf", "link.gguf"}) {
    EXPECT_THAT(message_of(
                    [&] {
                      quantize({model, plan, nullptr, out(name)}, kernels_, pool);
                    },
                    ErrorKind::kUsage),
                testing::HasSubstr("this run reads that file"));
  }
  EXPECT_EQ(test::read_bytes(out("model.gguf")), test::read_bytes(kModel));
}

TEST_F(Quantize, QuantizedSourcesNeedAnExplicitWish) {
  run("Q8_0", out("q8"));
  const GgufFile q8 = GgufFile::open(out("q8"));
  const Plan plan = make_plan(read_model_header(q8), {.recipe = find_recipe("Q4_K_M")});
  ThreadPool pool({.n_threads = 2, .pin = false});
  QuantizeJob job{q8, plan, nullptr, out("q4")};
  EXPECT_THAT(message_of([&] { quantize(job, kernels_, pool); }, ErrorKind::kUsage),
              testing::HasSubstr("--allow-requantize"));
  job.allow_requantize = true;
  EXPECT_NO_THROW(quantize(job, kernels_, pool));
}

TEST_F(Quantize, ImportanceThatDoesNotFitIsRefused) {
  Imatrix imatrix = some_imatrix();
  imatrix.entries["blk.3.attn_k.weight"] = {100, std::vector<float>(100, 1.0f), {1.0f}};
  EXPECT_THAT(message_of([&] { run("Q4_K_M", out("q"), 2, &imatrix); }, ErrorKind::kUsage),
              testing::HasSubstr("blk.3.attn_k.weight"));
  EXPECT_EQ(n_files(), 0u);
}

TEST_F(Quantize, ZeroOrMissingImportanceIsAWarning) {
  Imatrix imatrix = some_imatrix();
  imatrix.entries.erase("blk.2.attn_q.weight");
  auto& zero = imatrix.entries["blk.1.ffn_up.weight"].sum2;
  std::fill(zero.begin(), zero.end(), 0.0f);
  const QuantizeResult result = run("Q4_K_M", out("q"), 2, &imatrix);
  EXPECT_THAT(result.warnings,
              testing::ElementsAre(testing::HasSubstr("blk.1.ffn_up.weight: its importance"),
                                   testing::HasSubstr("blk.2.attn_q.weight: not in")));
}

// A model of one weight matrix, F32.
std::string write_single_matrix(const std::string& path, const std::vector<float>& values,
                                std::uint64_t cols, Format format = Format::F32) {
  Metadata metadata;
  metadata.set("general.architecture", Value::text("any"));
  metadata.set("any.block_count", Value::u32(1));
  GgufWriter writer(test::output(path), std::move(metadata));
  const std::uint64_t dims[] = {cols, values.size() / cols};
  writer.add_tensor("blk.0.ffn_up.weight", format, dims);
  writer.begin();
  std::vector<std::uint16_t> halves;
  for (const float v : values) halves.push_back(bf16_from_f32(v));
  if (format == Format::F32) {
    writer.write({reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * 4});
  } else {
    writer.write({reinterpret_cast<const std::uint8_t*>(halves.data()), halves.size() * 2});
  }
  writer.finish();
  return path;
}

TEST_F(Quantize, NamesTensorAndRowOfValuesThatCannotBeWritten) {
  constexpr std::uint64_t kCols = 256, kRows = 3000;
  for (const Format format : {Format::F32, Format::BF16}) {
    for (const float bad : {NAN, INFINITY, 1e6f}) {
      std::vector<float> values(kCols * kRows, 0.25f);
      values[kCols * 2345 + 17] = bad;
      values[kCols * 2999] = bad;
      source_ = GgufFile::open(write_single_matrix(out("bad.gguf"), values, kCols, format));
      for (const char* recipe : {"Q4_K_M", "Q8_0", "F16"}) {
        EXPECT_THAT(message_of([&] { run(recipe, out("q"), 3); }, ErrorKind::kBadInput),
                    testing::HasSubstr("blk.0.ffn_up.weight, row 2345"));
        EXPECT_EQ(n_files(), 1u) << "only the source remains";
      }
    }
  }
}

TEST_F(Quantize, RowsThatFitNoBlockBecomeF16) {
  std::vector<float> values(100 * 4, 0.5f);
  source_ = GgufFile::open(write_single_matrix(out("odd.gguf"), values, 100));
  run("Q4_K_M", out("q"));
  const GgufFile q = GgufFile::open(out("q"));
  EXPECT_EQ(q.require("blk.0.ffn_up.weight").format, Format::F16);
}

TEST_F(Quantize, AFolderThatDoesNotExistIsNamed) {
  EXPECT_THAT(message_of([&] { run("Q8_0", out("no/such/folder/q.gguf")); }, ErrorKind::kUsage),
              testing::HasSubstr("no/such/folder"));
}

}  // namespace
}  // namespace lathe
