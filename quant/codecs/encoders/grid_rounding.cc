// The inner loops of calibrated rounding for grid formats (quant/codecs/rounding_kernels.h). Sums
// over columns have rows as lanes; the search for points takes row after row.
#include <algorithm>
#include <cstring>

#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/octet_search.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

constexpr std::size_t kRows = kRoundingLanes;
using Lanes = float[kRows];

// out[j] += sum_i x[i] a[i][j] for j < n, row by row; 8 numbers i.
void add_products(std::size_t n_rows, const Lanes* x, const float* a, std::size_t stride,
                  std::size_t n, Lanes* out) noexcept {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t lane = 0; lane < n_rows; lane += 16) {
      V16 sum = load<V16>(out[j] + lane);
      for (std::size_t i = 0; i < 8; ++i) {
        sum += load<V16>(x[i] + lane) * splat<V16>(a[i * stride + j]);
      }
      store(out[j] + lane, sum);
    }
  }
}

template <class Grid>
float scale_of(float d, int code) noexcept {
  return d * Grid::kUnit * static_cast<float>(2 * code + 1);
}

template <class Grid>
constexpr std::size_t kPoints = 8 / Grid::kDims;  // of an octet

void store_choice(const OctetChoice& from, std::size_t n_points, const GridChoices& to,
                  std::size_t octet, std::size_t lane) noexcept {
  for (std::size_t i = 0; i < n_points; ++i) {
    to.indices[(octet * n_points + i) * kRows + lane] = from.indices[i];
  }
  to.signs[octet * kRows + lane] = from.signs;
  to.offsets[octet * kRows + lane] = from.offset;
}

// A sub-block with one scale for each row.
template <class Grid>
struct Trial {
  static constexpr std::size_t kOctets = Grid::kSub / 8;

  std::uint8_t codes[kRows];
  Lanes costs;
  Lanes errors[Grid::kSub];
  std::uint16_t indices[kOctets * kPoints<Grid>][kRows];
  std::uint8_t signs[kOctets][kRows], offsets[kOctets][kRows];

  GridChoices choices() noexcept { return {indices[0], signs[0], offsets[0]}; }
};

template <class Grid>
class GridTrials {
 public:
  GridTrials(const GridSubBlockRounding& work, const GridTable& table) noexcept
      : work_(work), table_(table) {
    for (std::size_t o = 0; o < kOctets; ++o) {
      const std::size_t at = 8 * o;
      forms_[o] = form_of_feedback(work.feedback + at * work.feedback_stride + at,
                                   work.feedback_stride, work.weights + at);
    }
  }

  void choose() noexcept {
    constexpr int kOffsets = sizeof Grid::kOffsets / sizeof Grid::kOffsets[0];
    std::fill_n(work_.costs, kRows, 3e38f);
    for (const int by : {0, -1, 1}) {
      if constexpr (Grid::kOneOffset) {
        for (int o = 0; o < kOffsets; ++o) consider(by, o, o + 1);
      } else {
        consider(by, 0, kOffsets);
      }
    }
    std::memcpy(work_.codes, chosen_, sizeof chosen_);
  }

 private:
  static constexpr std::size_t kSub = Grid::kSub, kOctets = Trial<Grid>::kOctets;

  void consider(int by, int first_offset, int last_offset) noexcept {
    run(by, first_offset, last_offset);
    bool better[kRows];
    for (std::size_t lane = 0; lane < work_.n_rows; ++lane) {
      better[lane] = now_.costs[lane] < work_.costs[lane];
    }
    const auto take = [&](const auto& from, auto* to) noexcept {
      for (std::size_t lane = 0; lane < work_.n_rows; ++lane)
        to[lane] = better[lane] ? from[lane] : to[lane];
    };
    const GridChoices& to = work_.choices;
    take(now_.costs, work_.costs);
    take(now_.codes, chosen_);
    for (std::size_t j = 0; j < kSub; ++j) take(now_.errors[j], work_.errors + j * kRows);
    for (std::size_t i = 0; i < kOctets * kPoints<Grid>; ++i) {
      take(now_.indices[i], to.indices + i * kRows);
    }
    for (std::size_t o = 0; o < kOctets; ++o) {
      take(now_.signs[o], to.signs + o * kRows);
      take(now_.offsets[o], to.offsets + o * kRows);
    }
  }

  // All octets one after the other, with the code `by` beside the present one.
  void run(int by, int first_offset, int last_offset) noexcept {
    for (std::size_t lane = 0; lane < work_.n_rows; ++lane) {
      const int code = work_.codes[lane] + by;
      now_.codes[lane] = static_cast<std::uint8_t>(code < 0                ? 0
                                                   : code > Grid::kMaxCode ? Grid::kMaxCode
                                                                           : code);
      now_.costs[lane] = 0.0f;
    }
    std::memcpy(wanted_, work_.wanted, sizeof wanted_);
    for (std::size_t o = 0; o < kOctets; ++o) {
      round_octet(o, first_offset, last_offset);
      const std::size_t behind = 8 * (o + 1);
      add_products(work_.n_rows, now_.errors + 8 * o,
                   work_.feedback + 8 * o * work_.feedback_stride + behind, work_.feedback_stride,
                   kSub - behind, wanted_ + behind);
    }
  }

  void round_octet(std::size_t o, int first_offset, int last_offset) noexcept {
    const OctetSearch<Grid> search(table_, forms_[o]);
    const float* target = work_.target + 8 * o * kRows;
    Lanes asked[8], ideal[8];
    for (std::size_t j = 0; j < 8; ++j) {
      for (std::size_t lane = 0; lane < work_.n_rows; ++lane) {
        ideal[j][lane] = target[j * kRows + lane];
        asked[j][lane] = wanted_[8 * o + j][lane] - ideal[j][lane];
      }
    }
    add_products(work_.n_rows, asked, forms_[o].inverse[0], 8, 8, ideal);
    for (std::size_t lane = 0; lane < work_.n_rows; ++lane) {
      float x[8];
      for (std::size_t j = 0; j < 8; ++j) x[j] = ideal[j][lane];
      const OctetChoice found = search.best(x, scale_of<Grid>(work_.d[lane], now_.codes[lane]),
                                            first_offset, last_offset);
      now_.costs[lane] += found.cost;
      for (std::size_t j = 0; j < 8; ++j) {
        now_.errors[8 * o + j][lane] = target[j * kRows + lane] - found.values[j];
      }
      store_choice(found, kPoints<Grid>, now_.choices(), o, lane);
    }
  }

  const GridSubBlockRounding& work_;
  const GridTable& table_;
  OctetForm forms_[kOctets];
  Lanes wanted_[kSub];
  Trial<Grid> now_;
  std::uint8_t chosen_[kRows] = {};
};

// One octet of all rows, with the other columns as they are.
template <class Grid>
class OctetSweep {
 public:
  OctetSweep(const GridSweep& work, const GridTable& table, std::size_t octet) noexcept
      : work_(work),
        table_(table),
        octet_(octet),
        h_(work.h + 8 * octet * work.h_stride + 8 * octet),
        form_(form_of_moment(h_, work.h_stride)) {}

  void improve() noexcept {
    find_ideal();
    const OctetSearch<Grid> search(table_, form_);
    constexpr int kOffsets = sizeof Grid::kOffsets / sizeof Grid::kOffsets[0];
    const std::uint8_t* codes = work_.codes + 8 * octet_ / Grid::kSub * kRows;
    for (std::size_t lane = 0; lane < work_.n_rows; ++lane) {
      const int kept = work_.choices.offsets[octet_ * kRows + lane];
      const int first = Grid::kOneOffset ? kept : 0, last = Grid::kOneOffset ? kept + 1 : kOffsets;
      float x[8];
      for (std::size_t j = 0; j < 8; ++j) x[j] = ideal_[j][lane];
      OctetChoice found = search.best(x, scale_of<Grid>(work_.d[lane], codes[lane]), first, last);
      take(found, lane);
    }
    const std::size_t behind = 8 * (octet_ + 1);
    add_products(work_.n_rows, steps_, h_ + 8, work_.h_stride, work_.n_cols - behind,
                 reinterpret_cast<Lanes*>(work_.gradient + behind * kRows));
  }

 private:
  // What the octet should be, and what it costs that it is not.
  void find_ideal() noexcept {
    const float* target = work_.target + 8 * octet_ * kRows;
    const float* errors = work_.errors + 8 * octet_ * kRows;
    const auto* gradient = reinterpret_cast<const Lanes*>(work_.gradient + 8 * octet_ * kRows);
    Lanes miss[8] = {};
    add_products(work_.n_rows, gradient, form_.inverse[0], 8, 8, miss);
    std::memset(costs_, 0, sizeof costs_);
    for (std::size_t j = 0; j < 8; ++j) {
      for (std::size_t lane = 0; lane < work_.n_rows; ++lane) {
        ideal_[j][lane] = target[j * kRows + lane] - errors[j * kRows + lane] + miss[j][lane];
        costs_[lane] += miss[j][lane] * gradient[j][lane];
      }
    }
  }

  void take(const OctetChoice& found, std::size_t lane) noexcept {
    const bool better = found.cost < costs_[lane];
    for (std::size_t j = 0; j < 8; ++j) {
      const std::size_t at = (8 * octet_ + j) * kRows + lane;
      const float error = better ? work_.target[at] - found.values[j] : work_.errors[at];
      steps_[j][lane] = error - work_.errors[at];
      work_.errors[at] = error;
    }
    if (!better) return;
    work_.changes[lane] += found.cost - costs_[lane];
    store_choice(found, kPoints<Grid>, work_.choices, octet_, lane);
  }

  const GridSweep& work_;
  const GridTable& table_;
  std::size_t octet_;
  const float* h_;
  OctetForm form_;
  Lanes ideal_[8], steps_[8], costs_;
};

// Calls use with a value of the format's grid and its table.
template <class Use>
void with_grid(Format format, Use use) noexcept {
  switch (format) {
    case Format::IQ3_S:
      return use(Iq3s{}, iq3_s_table());
    case Format::IQ3_XXS:
      return use(Iq3xxs{}, iq3_xxs_table());
    case Format::IQ2_S:
      return use(Iq2s{}, iq2_s_table());
    case Format::IQ2_XS:
      return use(Iq2xs{}, iq2_xs_table());
    case Format::IQ2_XXS:
      return use(Iq2xxs{}, iq2_xxs_table());
    case Format::IQ1_S:
      return use(Iq1s{}, iq1_table());
    case Format::IQ1_M:
      return use(Iq1m{}, iq1_table());
    default:
      return;
  }
}

}  // namespace

void round_grid(const GridSubBlockRounding& work) noexcept {
  with_grid(work.format, [&](auto grid, const GridTable& table) noexcept {
    GridTrials<decltype(grid)>(work, table).choose();
  });
}

void sweep_grid(const GridSweep& work) noexcept {
  std::fill_n(work.changes, kRows, 0.0f);
  with_grid(work.format, [&](auto grid, const GridTable& table) noexcept {
    for (std::size_t o = 0; o < work.n_cols / 8; ++o) {
      OctetSweep<decltype(grid)>(work, table, o).improve();
    }
  });
}

}  // namespace lathe::LATHE_CODEC_TIER
