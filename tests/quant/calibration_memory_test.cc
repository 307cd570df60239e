// What calibration says it needs, against sums by hand.
#include "quant/calibrate/calibration_memory.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(CalibrationMemory, IsThatOfTheLargestLayer) {
  constexpr std::size_t kEmbd = 64, kFf = 160;
  const std::uint8_t data = 0;
  WeightSet weights(2);
  const auto set = [&](TensorRole role, int layer, std::size_t rows, std::size_t cols) {
    weights.set({role, layer}, {Format::F16, rows, cols, &data});
  };
  for (const int layer : {0, 1}) {
    const std::size_t n_ff = layer == 1 ? kFf : kFf / 2;
    set(TensorRole::kAttnQ, layer, kEmbd, kEmbd);
    set(TensorRole::kAttnK, layer, kEmbd / 2, kEmbd);
    set(TensorRole::kAttnV, layer, kEmbd / 2, kEmbd);
    set(TensorRole::kAttnOutput, layer, kEmbd, kEmbd);
    set(TensorRole::kFfnGate, layer, n_ff, kEmbd);
    set(TensorRole::kFfnUp, layer, n_ff, kEmbd);
    set(TensorRole::kFfnDown, layer, kEmbd, n_ff);
  }
  const MemoryNeed need = calibration_memory(weights, 1000);
  EXPECT_EQ(need.matrices, 4 * (4 * kFf * kFf + 5 * kEmbd * kFf));  // of ffn_down
  EXPECT_EQ(need.tokens, 4 * 1000 * (5 * kEmbd + 3 * kEmbd + kFf));
}

}  // namespace
}  // namespace lathe
