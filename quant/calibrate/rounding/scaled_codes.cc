#include "quant/calibrate/rounding/scaled_codes.h"

#include <cstring>

namespace lathe {
namespace {

constexpr std::size_t kLanes = kRoundingLanes;

float scale_of(const StoredScale& s) noexcept { return s.d * static_cast<float>(s.scale); }
float min_of(const StoredScale& s) noexcept { return s.dmin * static_cast<float>(s.min); }

}  // namespace

ScaledCodes::ScaledCodes(const ScaledFormat& format, std::size_t n_cols, const ScaleReach& reach,
                         const RoundingKernels& kernels)
    : format_(format),
      n_cols_(n_cols),
      reach_(reach),
      kernels_(kernels),
      stored_(n_subs() * kLanes),
      scales_(n_subs() * kLanes),
      mins_(n_subs() * kLanes),
      codes_(n_cols * kLanes),
      row_scales_(n_subs()),
      row_codes_(n_cols) {
  const auto n = static_cast<std::size_t>(format.candidate_count(reach));
  for (auto& numbers : candidates_) numbers.resize(n * kLanes);
}

void ScaledCodes::read(const std::uint8_t* blocks, std::size_t n_rows) noexcept {
  n_rows_ = (n_rows + kRoundingStep - 1) / kRoundingStep * kRoundingStep;
  const std::size_t stride = row_bytes(format_.format, n_cols_);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    if (lane < n_rows) {
      format_.read(blocks + lane * stride, n_cols_, row_scales_.data());
    } else {
      std::fill(row_scales_.begin(), row_scales_.end(), StoredScale{});
    }
    for (std::size_t k = 0; k < n_subs(); ++k) stored_[k * kLanes + lane] = row_scales_[k];
  }
}

void ScaledCodes::write(std::uint8_t* blocks, std::size_t n_rows) const noexcept {
  const std::size_t stride = row_bytes(format_.format, n_cols_);
  for (std::size_t lane = 0; lane < n_rows; ++lane) {
    for (std::size_t k = 0; k < n_subs(); ++k) row_scales_[k] = stored_[k * kLanes + lane];
    for (std::size_t j = 0; j < n_cols_; ++j) row_codes_[j] = codes_[j * kLanes + lane];
    format_.write(row_scales_.data(), row_codes_.data(), n_cols_, blocks + lane * stride);
  }
}

void ScaledCodes::list_candidates(const StoredScale* present) noexcept {
  const int n = format_.candidate_count(reach_);
  for (int c = 0; c < n; ++c) {
    for (std::size_t lane = 0; lane < n_rows_; ++lane) {
      const StoredScale s = format_.candidate(present[lane], c, reach_);
      const std::size_t at = static_cast<std::size_t>(c) * kLanes + lane;
      candidates_[0][at] = scale_of(s);
      candidates_[1][at] = min_of(s);
    }
  }
}

void ScaledCodes::round(const SubBlockPlace& place, float* costs) noexcept {
  constexpr std::size_t kMostColumns = 32;
  std::uint8_t codes[kMostColumns * kLanes];
  int choices[kLanes];
  float found[kLanes];
  StoredScale* stored = stored_.data() + place.index * kLanes;
  list_candidates(stored);
  kernels_.round_sub_block({
      .levels = format_.levels,
      .n_rows = n_rows_,
      .n_cols = format_.sub_block,
      .target = place.target,
      .wanted = place.wanted,
      .feedback = place.feedback,
      .feedback_stride = place.feedback_stride,
      .weights = place.weights,
      .scales = candidates_[0].data(),
      .mins = candidates_[1].data(),
      .n_candidates = format_.candidate_count(reach_),
      .errors = place.errors,
      .codes = codes,
      .choices = choices,
      .costs = found,
  });
  for (std::size_t lane = 0; lane < n_rows_; ++lane) {
    stored[lane] = format_.candidate(stored[lane], choices[lane], reach_);
    scales_[place.index * kLanes + lane] = scale_of(stored[lane]);
    mins_[place.index * kLanes + lane] = min_of(stored[lane]);
    costs[lane] += found[lane];
  }
  for (std::size_t j = 0; j < format_.sub_block; ++j) {
    std::memcpy(codes_.data() + place.columns[j] * kLanes, codes + j * kLanes, kLanes);
  }
}

void ScaledCodes::sweep(const SweepPlace& place, float* changes) noexcept {
  float change[kLanes];
  const std::size_t sub = place.first / format_.sub_block;
  kernels_.sweep({
      .levels = format_.levels,
      .n_rows = n_rows_,
      .n_cols = place.n_cols,
      .sub_block = format_.sub_block,
      .target = place.target,
      .h = place.h,
      .h_stride = place.h_stride,
      .scales = scales_.data() + sub * kLanes,
      .mins = mins_.data() + sub * kLanes,
      .gradient = place.gradient,
      .errors = place.errors,
      .codes = codes_.data() + place.first * kLanes,
      .changes = change,
  });
  for (std::size_t lane = 0; lane < n_rows_; ++lane) changes[lane] += change[lane];
}

}  // namespace lathe
