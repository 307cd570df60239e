// What an output says of how it was made, over several steps, and what goes by it.
#include "quant/pipeline/provenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "kernels/tiers.h"
#include "quant/pipeline/quantize.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/identity/fingerprint.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/model_file.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");

class Provenance : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(select_kernels("", &kernels_)); }

  static Plan plan(const GgufFile& source, const char* recipe, PlanRequest request = {}) {
    request.recipe = find_recipe(recipe);
    return make_plan(read_model_header(source), request);
  }
  static QuantizeJob job_of(const GgufFile& source, const Plan& plan, const Imatrix* imatrix,
                            std::string out_path) {
    return {source, plan, imatrix, std::move(out_path)};
  }
  QuantizeResult run(QuantizeJob job) {
    ThreadPool pool({.n_threads = 2, .pin = false});
    job.allow_requantize = true;
    return quantize(job, kernels_, pool);
  }
  // An importance of all matrices in layers, as if collected.
  static Imatrix importance(const GgufFile& model) {
    Imatrix out;
    out.origin = "im.gguf";
    out.sha256 = std::string(64, '5');
    out.datasets = {"text.txt"};
    for (const TensorInfo& t : model.tensors()) {
      if (!is_quantizable(t) || layer_of_tensor(t.name) < 0) continue;
      ImatrixEntry& entry = out.entries[t.name];
      entry.n_cols = t.cols();
      for (std::size_t c = 0; c < t.cols(); ++c) {
        entry.sum2.push_back(1.0f + static_cast<float>(c % 7));
      }
      entry.counts = {1.0f};
    }
    return out;
  }
  std::string out(const std::string& name) const { return dir_.file(name); }

  TempDir dir_;
  GgufFile source_ = GgufFile::open(kModel);
  KernelTable kernels_;
};

TEST_F(Provenance, ASecondStepClaimsNothingOfTheFirst) {
  const Imatrix imatrix = importance(source_);
  const Plan first =
      plan(source_, "Q8_0",
           {.imatrix = true, .rules = {parse_type_rule("attn_v=f16", "--tensor-type")}});
  run(job_of(source_, first, &imatrix, out("first")));
  const GgufFile middle = GgufFile::open(out("first"));
  ASSERT_TRUE(middle.metadata().has("quantize.imatrix.file"));
  ASSERT_TRUE(middle.metadata().has("lathe.quantize.rules"));

  const Plan second = plan(middle, "Q4_K_M");
  run(job_of(middle, second, nullptr, out("second")));
  const GgufFile last = GgufFile::open(out("second"));
  const Metadata& m = last.metadata();
  for (const MetadataEntry& entry : m) {
    EXPECT_FALSE(entry.key.starts_with("quantize.imatrix.")) << entry.key;
    EXPECT_FALSE(entry.key.starts_with("lathe.quantize.imatrix")) << entry.key;
  }
  EXPECT_FALSE(m.has("lathe.quantize.rules"));
  EXPECT_EQ(m.require_text("lathe.quantize.recipe"), "Q4_K_M");
  EXPECT_EQ(m.require_text("lathe.quantize.source"), "first");
  EXPECT_EQ(m.require_text("lathe.quantize.source_fingerprint"), model_fingerprint(middle));
  EXPECT_EQ(m.require_text("lathe.quantize.source_recipe"), "Q8_0") << "the step before";
  EXPECT_EQ(m.require_text("lathe.quantize.source_imatrix_sha256"), imatrix.sha256);
  EXPECT_EQ(m.require_text("lathe.quantize.source_of_source"), "tiny-llama-f16.gguf");

  const Plan third = plan(last, "Q8_0");
  run(job_of(last, third, nullptr, out("third")));
  const GgufFile end = GgufFile::open(out("third"));
  EXPECT_FALSE(end.metadata().has("lathe.quantize.source_imatrix_sha256"));

  QuantizeJob silent = job_of(middle, second, nullptr, out("silent"));
  silent.provenance = false;
  run(silent);
  const GgufFile nothing = GgufFile::open(out("silent"));
  for (const MetadataEntry& entry : nothing.metadata()) {
    EXPECT_FALSE(entry.key.starts_with("lathe.")) << entry.key;
    EXPECT_FALSE(entry.key.starts_with("quantize.imatrix.")) << entry.key;
  }
}

TEST_F(Provenance, PrunedLayersStayInTheOriginalsNumbers) {
  const Plan first = plan(source_, "F16", {.prune_layers = {1, 4}});  // 0 2 3 5 6 7 are left
  run(job_of(source_, first, nullptr, out("first")));
  const GgufFile middle = GgufFile::open(out("first"));
  EXPECT_THAT(pruned_layers(middle.metadata()), ElementsAre(1, 4));
  const Plan second = plan(middle, "Q8_0", {.prune_layers = {1, 3}});  // the original's 2 and 5
  run(job_of(middle, second, nullptr, out("second")));
  const GgufFile last = GgufFile::open(out("second"));
  EXPECT_THAT(pruned_layers(last.metadata()), ElementsAre(1, 2, 4, 5));
  const Plan third = plan(last, "Q8_0");
  run(job_of(last, third, nullptr, out("third")));
  EXPECT_THAT(pruned_layers(GgufFile::open(out("third")).metadata()), ElementsAre(1, 2, 4, 5));
  // All at once is the same.
  const Plan direct = plan(source_, "Q8_0", {.prune_layers = {1, 2, 4, 5}});
  QuantizeJob job = job_of(source_, direct, nullptr, out("direct"));
  run(job);
  const GgufFile whole = GgufFile::open(out("direct"));
  for (const TensorInfo& t : whole.tensors()) {
    const auto a = whole.data(t), b = last.data(last.require(t.name));
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << t.name;
  }
}

TEST_F(Provenance, PrunedLayersCompose) {
  const std::vector<int> first = {1, 4}, then = {0, 1, 3};
  EXPECT_THAT(compose_pruned(first, then), ElementsAre(0, 1, 2, 4, 5));
  for (int layer = 0; layer < 10; ++layer) {
    EXPECT_EQ(layer_after_pruning(original_layer(layer, first), first), layer);
  }
  EXPECT_EQ(layer_after_pruning(4, first), std::nullopt);
  Metadata damaged;
  const std::int32_t wrong[] = {4, 1};
  damaged.set(kPrunedKey, Value::array(std::span<const std::int32_t>(wrong)));
  EXPECT_THAT(message_of([&] { pruned_layers(damaged); }, ErrorKind::kBadInput),
              HasSubstr("ascending"));
}

// ---- reuse

TEST_F(Provenance, ReuseSeesOneChangedValueAnywhere) {
  const Plan p = plan(source_, "Q8_0");
  run(job_of(source_, p, nullptr, out("old")));
  const GgufFile old = GgufFile::open(out("old"));
  ModelFile changed = ModelFile::of(source_);
  std::vector<std::uint8_t>& data = changed.tensor("token_embd.weight").data;
  data[data.size() / 3] ^= 1;  // in one row of many
  changed.write(out("changed"));
  const GgufFile now = GgufFile::open(out("changed"));
  const Plan q = plan(now, "Q8_0");
  run(job_of(now, q, nullptr, out("fresh")));
  QuantizeJob job = job_of(now, q, nullptr, out("new"));
  job.reuse = &old;
  const QuantizeResult result = run(job);
  EXPECT_EQ(result.n_encoded, 1u);
  EXPECT_GT(result.n_reused, 50u);
  EXPECT_THAT(result.warnings, ElementsAre(testing::AllOf(HasSubstr("1 tensor was not reused"),
                                                          HasSubstr("other source bytes"))));
  EXPECT_EQ(read_file_bytes(out("new")), read_file_bytes(out("fresh")));
}

TEST_F(Provenance, ReuseSeesImportanceTensorByTensor) {
  Imatrix imatrix = importance(source_);
  const Plan p = plan(source_, "Q4_K_M", {.imatrix = true});
  run(job_of(source_, p, &imatrix, out("old")));
  const GgufFile old = GgufFile::open(out("old"));
  imatrix.entries.at("blk.3.ffn_up.weight").sum2[5] *= 2.0f;
  imatrix.sha256 = std::string(64, '6');  // another file
  run(job_of(source_, p, &imatrix, out("fresh")));
  QuantizeJob job = job_of(source_, p, &imatrix, out("new"));
  job.reuse = &old;
  const QuantizeResult result = run(job);
  EXPECT_EQ(result.n_encoded, 1u);
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("other importance")));
  EXPECT_EQ(read_file_bytes(out("new")), read_file_bytes(out("fresh")));
}

TEST_F(Provenance, ReuseSaysWhyNothingWasTaken) {
  const Plan p = plan(source_, "Q8_0");
  run(job_of(source_, p, nullptr, out("old")));
  const auto reused_from = [&](const std::function<void(Metadata&)>& change) {
    ModelFile file = ModelFile::of(GgufFile::open(out("old")));
    change(file.metadata);
    file.write(out("edited"));
    const GgufFile old = GgufFile::open(out("edited"));
    QuantizeJob job = job_of(source_, p, nullptr, out("new"));
    job.reuse = &old;
    const QuantizeResult result = run(job);
    EXPECT_EQ(result.n_reused == 0, !result.warnings.empty());
    return result.warnings.empty() ? std::string("reused") : result.warnings.front();
  };
  EXPECT_EQ(reused_from([](Metadata&) {}), "reused");
  EXPECT_THAT(reused_from([](Metadata& m) { m.erase(kEncoderKey); }),
              HasSubstr("does not say how it was made"));
  EXPECT_THAT(reused_from([](Metadata& m) { m.set(kEncoderKey, Value::u32(1)); }),
              HasSubstr("another version of the encoders"));
  EXPECT_THAT(reused_from([](Metadata& m) { m.erase(kTensorsKey); }),
              HasSubstr("from which bytes"));
  EXPECT_THAT(reused_from([](Metadata& m) { m.set(kTensorsKey, Value::text("x")); }),
              HasSubstr("from which bytes"));
}

// ---- resuming

TEST_F(Provenance, AnInterruptedJobGoesOnByContentNotByTime) {
  fs::copy_file(kModel, out("m.gguf"));
  const auto stop_after = [](QuantizeJob job, int n_calls) {
    job.progress = [n = n_calls](const QuantizeProgress& p) mutable {
      return p.phase == QuantizePhase::kCheck || p.n_tensors_done == 0 || --n > 0;
    };
    return job;
  };
  {
    const GgufFile model = GgufFile::open(out("m.gguf"));
    const Plan p = plan(model, "Q8_0");
    message_of([&] { run(stop_after(job_of(model, p, nullptr, out("q")), 30)); },
               ErrorKind::kFailed);
    fs::last_write_time(out("m.gguf"), fs::file_time_type::clock::now() + std::chrono::hours(1));
    QuantizeJob job = job_of(model, p, nullptr, out("q"));
    job.resume = true;
    EXPECT_GT(run(stop_after(job, 1'000'000)).n_resumed, 5u) << "only the time is another one";
    message_of([&] { run(stop_after(job_of(model, p, nullptr, out("q2")), 30)); },
               ErrorKind::kFailed);
  }
  const auto time = fs::last_write_time(out("m.gguf"));
  ModelFile changed = ModelFile::of(GgufFile::open(out("m.gguf")));
  changed.tensor("blk.7.ffn_up.weight").data[1000] ^= 1;
  changed.write(out("m.gguf"));
  fs::last_write_time(out("m.gguf"), time);
  const GgufFile model = GgufFile::open(out("m.gguf"));
  const Plan p = plan(model, "Q8_0");
  QuantizeJob job = job_of(model, p, nullptr, out("q2"));
  job.resume = true;
  EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kUsage), HasSubstr("was another one"));
}

}  // namespace
}  // namespace lathe
