// How much less an error costs when codes are chosen by calibration (quant/calibrate/rounding): the
// share of E|(W - V) x|^2 that is left of the plain encoder's, for each matrix and format, on
// tokens that had no part in the choice.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "quant/calibrate/settings.h"
#include "quant/costs/fisher_sums.h"
#include "runtime/tensor_source.h"

namespace lathe {

struct RoundingGainOptions {
  std::vector<Format> formats;
  std::size_t n_rows = 32;  // of each matrix that are rounded, at even distances
  CalibrationSettings settings{};
};

// By format; 1 where a format has no calibrated rounding.
using RoundingGains = std::array<double, kFormatCount>;

// Passes all on to the sums, and rounds rows of each matrix in a layer while its input is there,
// and of an output head that is a matrix of its own.
class GainObserver final : public GradientObserver {
 public:
  // source: the model that is planned. All outlive it.
  GainObserver(FisherSums& sums, const TensorSource& source, const RoundingGainOptions& options,
               const KernelTable& kernels, ThreadPool& pool)
      : sums_(sums), source_(source), options_(options), kernels_(kernels), pool_(pool) {}

  void on_input(TensorId weight, MatrixView<const float> x, MatrixView<const float> dx) override;
  void on_outputs(TensorId weight, std::size_t first_row, MatrixView<const float> x,
                  MatrixView<const float> g) override {
    sums_.on_outputs(weight, first_row, x, g);
  }
  void on_values(TensorId weight, std::size_t first_row, const OuterSums& sums) override {
    sums_.on_values(weight, first_row, sums);
  }
  void on_lookup(TensorId weight, Batch items, MatrixView<const float> g) override {
    sums_.on_lookup(weight, items, g);
  }

  // Of matrices in layers and the head, by name.
  const std::map<std::string, RoundingGains>& gains() const noexcept { return gains_; }

 private:
  void round_head();
  void measure(TensorId weight, MatrixView<const float> x);
  RoundingGains round_rows(const TensorInfo& tensor, MatrixView<const float> x);

  FisherSums& sums_;
  const TensorSource& source_;
  const RoundingGainOptions& options_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  std::vector<float> head_;  // rows of the head's input
  std::map<std::string, RoundingGains> gains_;
};

}  // namespace lathe
