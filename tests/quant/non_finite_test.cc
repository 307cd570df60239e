// NaN and infinity are found wherever they hide, before the work, and named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "kernels/half.h"
#include "models/registry.h"
#include "quant/eval/non_finite.h"
#include "quant/eval/speed.h"
#include "quant/pipeline/find_non_finite.h"
#include "quant/pipeline/quantize.h"
#include "runtime/base/finite.h"
#include "tests/support/error_of.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const float kNan = std::nanf("");
const float kInf = HUGE_VALF;

TEST(AllFinite, AnyOneValueIsSeen) {
  std::vector<float> x(67, 3.0e38f);
  EXPECT_TRUE(all_finite(x.data(), x.size()));
  EXPECT_TRUE(all_finite(x.data(), 0));
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (const float bad : {kNan, -kNan, kInf, -kInf}) {
      x[i] = bad;
      EXPECT_FALSE(all_finite(x.data(), x.size())) << i;
    }
    x[i] = -0.0f;
  }
}

// A model in which some bytes of a tensor are replaced.
class NonFinite : public testing::Test {
 protected:
  NonFinite() { select_kernels("scalar", &kernels_); }

  static test::ModelParts parts(Format format = Format::F32) {
    test::TinyModel m;
    m.head_dim = 32;
    m.format = format;
    return test::tiny_model_parts(m);
  }
  template <typename T>
  static GgufFile with(test::ModelParts parts, const char* tensor, std::size_t at, T value) {
    std::memcpy(parts.tensor(tensor).bytes.data() + at, &value, sizeof value);
    return parts.file();
  }
  static Plan plan(const GgufFile& file, std::vector<int> pruned = {}) {
    return make_plan(read_model_header(file),
                     {.recipe = find_recipe("Q8_0"), .prune_layers = std::move(pruned)});
  }
  std::string refusal(const GgufFile& file) {
    return message_of([&] { require_finite(file, plan(file), kernels_, pool_); },
                      ErrorKind::kBadInput);
  }

  KernelTable kernels_;
  ThreadPool pool_{{.n_threads = 2, .pin = false}};
};

TEST_F(NonFinite, AWholeModelHasNone) {
  const GgufFile file = parts().file();
  std::size_t n_calls = 0;
  std::uint64_t last = 0;
  EXPECT_FALSE(find_non_finite(file, plan(file), kernels_, pool_,
                               [&](const PlannedTensor&, std::size_t, std::uint64_t done) {
                                 ++n_calls;
                                 EXPECT_GE(done, last);
                                 last = done;
                               }));
  EXPECT_EQ(n_calls, file.tensors().size());
}

TEST_F(NonFinite, CopiedTensorsAreLookedAtToo) {
  EXPECT_THAT(refusal(with(parts(), "blk.1.attn_norm.weight", 4 * 7, kNan)),
              HasSubstr("tensor blk.1.attn_norm.weight, row 0: value 7 is NaN"));
  EXPECT_THAT(refusal(with(parts(), "output_norm.weight", 4 * 63, -kInf)),
              HasSubstr("tensor output_norm.weight, row 0: value 63 is infinite"));
  EXPECT_THAT(refusal(with(parts(), "blk.0.ffn_up.weight", 4 * (64 * 95 + 3), kInf)),
              HasSubstr("tensor blk.0.ffn_up.weight, row 95: value 3 is infinite"));
  EXPECT_THAT(
      refusal(with(parts(Format::F16), "token_embd.weight", 2 * 64 * 11, std::uint16_t{0x7e00})),
      HasSubstr("tensor token_embd.weight, row 11: value 0 is NaN"));
}

TEST_F(NonFinite, ScalesOfQuantizedBlocksAreDecoded) {
  // A block of Q8_0 is 34 bytes, of which the first two are its scale; rows have two blocks.
  EXPECT_THAT(refusal(with(parts(Format::Q8_0), "blk.1.ffn_gate.weight", 34 * (2 * 5 + 1),
                           std::uint16_t{0x7e00})),
              HasSubstr("tensor blk.1.ffn_gate.weight, row 5: value 32 is NaN"));
}

TEST_F(NonFinite, WhatIsPrunedIsNotLookedAt) {
  const GgufFile file = with(parts(), "blk.1.attn_norm.weight", 0, kNan);
  EXPECT_TRUE(find_non_finite(file, plan(file), kernels_, pool_));
  EXPECT_FALSE(find_non_finite(file, plan(file, {1}), kernels_, pool_));
}

TEST_F(NonFinite, TheProgressMayStopIt) {
  const GgufFile file = parts().file();
  EXPECT_THROW(find_non_finite(file, plan(file), kernels_, pool_,
                               [](const PlannedTensor&, std::size_t, std::uint64_t) {
                                 throw failed("stopped");
                               }),
               Error);
}

TEST_F(NonFinite, QuantizingEndsBeforeAnythingIsWritten) {
  const TempDir dir;
  const GgufFile file = with(parts(), "output_norm.weight", 8, kNan);
  const Plan p = plan(file);
  QuantizeJob job{file, p, nullptr, dir.file("q.gguf")};
  job.progress = [&](const QuantizeProgress& progress) {
    EXPECT_EQ(progress.phase, QuantizePhase::kCheck);
    return true;
  };
  EXPECT_THAT(message_of([&] { quantize(job, kernels_, pool_); }, ErrorKind::kBadInput),
              HasSubstr("tensor output_norm.weight, row 0: value 2 is NaN"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST_F(NonFinite, ABenchmarkStopsAndNamesTheWeight) {
  const Topology topology = read_topology();
  const auto run = [&](const GgufFile& file, bool warm_up, SpeedTest test) {
    const auto model = load_model(file);
    SpeedOptions options;
    options.n_repetitions = 1;
    options.warm_up = warm_up;
    SpeedBench(*model, kernels_, pool_, topology, options).run(test);
  };
  const GgufFile norm = with(parts(), "blk.1.attn_norm.weight", 4 * 7, kNan);
  for (const SpeedTest test : {SpeedTest{8, 0}, SpeedTest{0, 2}, SpeedTest{8, 2}}) {
    for (const bool warm_up : {true, false}) {
      EXPECT_THAT(message_of([&] { run(norm, warm_up, test); }, ErrorKind::kFailed),
                  AllOf(HasSubstr("not finite"), HasSubstr("layer 1 is the first"),
                        HasSubstr("blk.1.attn_norm.weight holds 1 value that is not finite")));
    }
  }
  // Where activations become integers, what comes out is finite, and only a look inside tells.
  const GgufFile hidden = with(parts(Format::Q8_0), "blk.0.ffn_norm.weight", 0, kNan);
  EXPECT_THAT(message_of(
                  [&] {
                    run(hidden, true, {8, 0});
                  },
                  ErrorKind::kFailed),
              HasSubstr("blk.0.ffn_norm.weight holds 1 value"));
  const GgufFile head = with(parts(), "output.weight", 0, kInf);
  EXPECT_THAT(message_of(
                  [&] {
                    run(head, true, {8, 0});
                  },
                  ErrorKind::kFailed),
              AllOf(HasSubstr("the output head is not"), HasSubstr("output.weight holds 1 value")));
  const GgufFile whole = parts().file();
  EXPECT_NO_THROW(run(whole, true, {8, 2}));
}

}  // namespace
}  // namespace lathe
