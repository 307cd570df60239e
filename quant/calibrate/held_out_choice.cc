#include "quant/calibrate/held_out_choice.h"

#include <utility>

#include "runtime/base/aligned_buffer.h"

namespace lathe {
namespace {

constexpr float kMoreShrinkage = 0.4f, kCorrections[] = {1.0f, 0.5f};
constexpr double kBetter = 0.999;  // of the loss of what stands

class Choice {
 public:
  Choice(const ChoiceRows& rows, Format format, const CalibrationSettings& settings,
         const KernelTable& kernels, ThreadPool& pool, RoundingMetric& metric)
      : rows_(rows),
        format_(format),
        settings_(settings),
        kernels_(kernels),
        pool_(pool),
        metric_(metric),
        target_(rows.weights.rows, rows.weights.cols),
        blocks_(rows.weights.rows * row_bytes(format, rows.weights.cols)) {
    if (!metric_.factor) metric_.factor.emplace(pool_, metric_.h);
    least_ = loss(settings_.correction);
  }

  // Losses have one valley: where one side is better, the other is not tried.
  CalibrationSettings run() {
    if (settings_.choose_shrinkage) try_shrinkage(kMoreShrinkage);
    if (settings_.choose_correction) {
      for (const float to : kCorrections) {
        if (!take(loss(to))) continue;
        settings_.correction = to;
        break;
      }
    }
    return settings_;
  }

 private:
  void try_shrinkage(float to) {
    const float from = settings_.shrinkage;
    RoundingFactor before = std::move(*metric_.factor);
    shrink(from, to);
    metric_.factor.emplace(pool_, metric_.h);
    if (take(loss(settings_.correction))) {
      settings_.shrinkage = to;
      return;
    }
    shrink(to, from);
    metric_.factor.emplace(std::move(before));
  }

  bool take(double loss) noexcept {
    if (!(loss < kBetter * least_)) return false;
    least_ = loss;
    return true;
  }

  // The off-diagonal of the moment.
  void shrink(float from, float to) noexcept {
    const float by = (1.0f - to) / (1.0f - from);
    DenseMatrix<float>& h = metric_.h;
    pool_.for_ranges(h.rows(), 1, [&](std::size_t begin, std::size_t end) noexcept {
      for (std::size_t i = begin; i < end; ++i) {
        float* const row = h.row(i);
        const float diagonal = row[i];
        for (std::size_t j = 0; j < h.cols(); ++j) row[j] *= by;
        row[i] = diagonal;
      }
    });
  }

  double loss(float correction) {
    for (std::size_t i = 0; i < target_.rows(); ++i) {
      for (std::size_t j = 0; j < target_.cols(); ++j) {
        target_.row(i)[j] = rows_.weights.row(i)[j] + correction * rows_.step.row(i)[j];
      }
    }
    auto* const blocks = reinterpret_cast<std::uint8_t*>(blocks_.data());
    const RoundingErrors errors =
        round_calibrated(format_, target_, metric_.h, *metric_.factor, kernels_.tier, pool_, blocks,
                         {.sweeps = settings_.sweeps, .reach = {}, .compare_every = 0});
    // What cannot be rounded is said of when the whole matrix is.
    return errors.bad_row ? 0.0 : rows_.loss(blocks);
  }

  const ChoiceRows& rows_;
  const Format format_;
  CalibrationSettings settings_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  RoundingMetric& metric_;
  DenseMatrix<float> target_;
  AlignedBuffer blocks_;
  double least_ = 0.0;
};

}  // namespace

CalibrationSettings chosen_settings(const ChoiceRows& rows, Format format,
                                    const CalibrationSettings& settings, const KernelTable& kernels,
                                    ThreadPool& pool, RoundingMetric& metric) {
  return Choice(rows, format, settings, kernels, pool, metric).run();
}

}  // namespace lathe
