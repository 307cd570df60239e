#include "quant/calibrate/rounding/grid_codes.h"

#include <algorithm>

#include "kernels/half.h"
#include "quant/codecs/pack_grids.h"

namespace lathe {
namespace {

constexpr std::size_t kLanes = kRoundingLanes;

// The numbers of a super-block (pack_grids.h).
struct Fields {
  struct {
    std::uint16_t bits;
  } d;
  const std::uint8_t* codes;
  const std::uint16_t* indices;
  const std::uint8_t *signs, *offsets;
};

template <class Block, std::size_t kSub>
void read_blocks(const std::uint8_t* blocks, std::size_t n, float* d,
                 std::uint8_t* codes) noexcept {
  const auto* in = reinterpret_cast<const Block*>(blocks);
  for (std::size_t b = 0; b < n; ++b)
    d[b] = f32_from_f16(unpack_codes(in[b], codes + b * 256 / kSub));
}

template <class Block, std::size_t kSub, std::size_t kDims>
void write_blocks(const float* d, const std::uint8_t* codes, const GridChoices& choices,
                  std::size_t n, std::uint8_t* blocks) noexcept {
  auto* out = reinterpret_cast<Block*>(blocks);
  for (std::size_t b = 0; b < n; ++b) {
    pack(Fields{{f16_from_f32(d[b])},
                codes + b * 256 / kSub,
                choices.indices + b * 256 / kDims,
                choices.signs + b * 32,
                choices.offsets + b * 32},
         &out[b]);
  }
}

template <class Block, std::size_t kSub, std::size_t kDims>
constexpr GridCodes::Layout layout(Format format) noexcept {
  return {format, kSub, kDims, read_blocks<Block, kSub>, write_blocks<Block, kSub, kDims>};
}

constexpr GridCodes::Layout kLayouts[] = {
    layout<BlockIQ3_S, 32, 4>(Format::IQ3_S),     layout<BlockIQ3_XXS, 32, 4>(Format::IQ3_XXS),
    layout<BlockIQ2_S, 16, 8>(Format::IQ2_S),     layout<BlockIQ2_XS, 16, 8>(Format::IQ2_XS),
    layout<BlockIQ2_XXS, 32, 8>(Format::IQ2_XXS), layout<BlockIQ1_S, 32, 8>(Format::IQ1_S),
    layout<BlockIQ1_M, 16, 8>(Format::IQ1_M),
};

// Between [n] of one row and column `lane` of [n, kLanes].
template <class T>
void put_in_lane(const std::vector<T>& row, std::size_t lane, std::vector<T>& lanes) noexcept {
  for (std::size_t i = 0; i < row.size(); ++i) lanes[i * kLanes + lane] = row[i];
}
template <class T>
void take_from_lane(const std::vector<T>& lanes, std::size_t lane, std::vector<T>& row) noexcept {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = lanes[i * kLanes + lane];
}

}  // namespace

const GridCodes::Layout* GridCodes::find_layout(Format format) noexcept {
  const auto* found = std::find_if(std::begin(kLayouts), std::end(kLayouts),
                                   [&](const Layout& l) { return l.format == format; });
  return found == std::end(kLayouts) ? nullptr : found;
}

GridCodes::Numbers::Numbers(const Layout& layout, std::size_t n_cols, std::size_t n_rows)
    : d(n_cols / 256 * n_rows),
      codes(n_cols / layout.sub_block * n_rows),
      indices(n_cols / layout.dims * n_rows),
      signs(n_cols / 8 * n_rows),
      offsets(n_cols / 8 * n_rows) {}

GridCodes::GridCodes(const Layout& layout, std::size_t n_cols, const RoundingKernels& kernels)
    : layout_(layout),
      n_cols_(n_cols),
      kernels_(kernels),
      lanes_(layout, n_cols, kLanes),
      row_(layout, n_cols, 1) {}

void GridCodes::read(const std::uint8_t* blocks, std::size_t n_rows) noexcept {
  n_rows_ = (n_rows + kRoundingStep - 1) / kRoundingStep * kRoundingStep;
  std::fill(lanes_.d.begin(), lanes_.d.end(), 0.0f);
  std::fill(lanes_.codes.begin(), lanes_.codes.end(), std::uint8_t{0});
  for (std::size_t lane = 0; lane < n_rows; ++lane) {
    layout_.read(blocks + lane * row_bytes(layout_.format, n_cols_), n_cols_ / 256, row_.d.data(),
                 row_.codes.data());
    put_in_lane(row_.d, lane, lanes_.d);
    put_in_lane(row_.codes, lane, lanes_.codes);
  }
}

void GridCodes::write(std::uint8_t* blocks, std::size_t n_rows) const noexcept {
  for (std::size_t lane = 0; lane < n_rows; ++lane) {
    take_from_lane(lanes_.d, lane, row_.d);
    take_from_lane(lanes_.codes, lane, row_.codes);
    take_from_lane(lanes_.indices, lane, row_.indices);
    take_from_lane(lanes_.signs, lane, row_.signs);
    take_from_lane(lanes_.offsets, lane, row_.offsets);
    layout_.write(row_.d.data(), row_.codes.data(), row_.choices(), n_cols_ / 256,
                  blocks + lane * row_bytes(layout_.format, n_cols_));
  }
}

GridChoices GridCodes::choices_at(std::size_t column) noexcept {
  return {lanes_.indices.data() + column / layout_.dims * kLanes,
          lanes_.signs.data() + column / 8 * kLanes, lanes_.offsets.data() + column / 8 * kLanes};
}

void GridCodes::round(const SubBlockPlace& place, float* costs) noexcept {
  constexpr std::size_t kMostColumns = 32;
  std::uint16_t indices[kMostColumns / 4 * kLanes];
  std::uint8_t signs[kMostColumns / 8 * kLanes], offsets[kMostColumns / 8 * kLanes];
  float found[kLanes];
  const std::size_t super = place.index * layout_.sub_block / 256;
  kernels_.round_grid({
      .format = layout_.format,
      .n_rows = n_rows_,
      .target = place.target,
      .wanted = place.wanted,
      .feedback = place.feedback,
      .feedback_stride = place.feedback_stride,
      .weights = place.weights,
      .d = lanes_.d.data() + super * kLanes,
      .codes = lanes_.codes.data() + place.index * kLanes,
      .errors = place.errors,
      .choices = {indices, signs, offsets},
      .costs = found,
  });
  const std::size_t n_points = 8 / layout_.dims;
  for (std::size_t octet = 0; octet < layout_.sub_block / 8; ++octet) {
    const GridChoices to = choices_at(place.columns[8 * octet]);
    std::copy_n(indices + octet * n_points * kLanes, n_points * kLanes, to.indices);
    std::copy_n(signs + octet * kLanes, kLanes, to.signs);
    std::copy_n(offsets + octet * kLanes, kLanes, to.offsets);
  }
  for (std::size_t lane = 0; lane < n_rows_; ++lane) costs[lane] += found[lane];
}

void GridCodes::sweep(const SweepPlace& place, float* changes) noexcept {
  float change[kLanes];
  kernels_.sweep_grid({
      .format = layout_.format,
      .n_rows = n_rows_,
      .n_cols = place.n_cols,
      .target = place.target,
      .h = place.h,
      .h_stride = place.h_stride,
      .d = lanes_.d.data() + place.first / 256 * kLanes,
      .codes = lanes_.codes.data() + place.first / layout_.sub_block * kLanes,
      .gradient = place.gradient,
      .errors = place.errors,
      .choices = choices_at(place.first),
      .changes = change,
  });
  for (std::size_t lane = 0; lane < n_rows_; ++lane) changes[lane] += change[lane];
}

}  // namespace lathe
