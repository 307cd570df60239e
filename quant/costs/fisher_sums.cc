#include "quant/costs/fisher_sums.h"

#include <cstdint>

#include "kernels/activation.h"
#include "runtime/base/aligned_buffer.h"

namespace lathe {
namespace {

constexpr std::size_t kColumnGrain = 64;

// What a row is after its conversion to int8, less what it was.
void int8_errors(const std::uint8_t* row, const ActLayout& layout, MatrixView<const float> x,
                 double* errors) noexcept {
  const ActRow act(row, layout);
  for (std::size_t j = 0; j < x.cols; ++j) {
    errors[j] = double{act.scales[j / layout.scale_elems]} * act.codes[j] - x.data[j];
  }
}

bool divides(ActKind kind, std::size_t n) noexcept {
  const std::size_t block = kind == ActKind::kQ8x256 ? 256 : kind == ActKind::kQ8x32 ? 32 : 1;
  return n % block == 0;
}

}  // namespace

TensorFisher& FisherSums::of(TensorId weight) { return tensors_[tensor_name(weight)]; }

OuterSums& FisherSums::part_of(TensorId weight, TensorFisher::Part part) {
  OuterSums& sums = of(weight).parts[part];
  if (sums.rows.empty()) {
    const WeightView& view = weights_.get(weight.role, weight.layer);
    sums = OuterSums(view.rows, view.cols);
  }
  return sums;
}

void FisherSums::on_input(TensorId weight, MatrixView<const float> x, MatrixView<const float> dx) {
  TensorFisher& fisher = of(weight);
  fisher.input_squares.resize(x.cols);
  pool_.for_ranges(x.cols, kColumnGrain, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t t = 0; t < x.rows; ++t) {
      for (std::size_t j = begin; j < end; ++j) {
        fisher.input_squares[j] += double{x.row(t)[j]} * x.row(t)[j];
      }
    }
  });
  for (const ActKind kind : {ActKind::kBF16, ActKind::kQ8x32, ActKind::kQ8x256}) {
    if (!divides(kind, x.cols)) continue;
    fisher.activations[static_cast<std::size_t>(kind)] += conversion_noise(kind, x, dx);
  }
}

double FisherSums::conversion_noise(ActKind kind, MatrixView<const float> x,
                                    MatrixView<const float> dx) {
  const ActLayout layout = act_layout(kind, x.cols);
  const QuantizeActFn convert = kernels_.quantize_act[static_cast<std::size_t>(kind)];
  const DecodeFn from_bf16 = kernels_.decode[index_of(Format::BF16)];
  const auto n_threads = static_cast<std::size_t>(pool_.size());
  // Parts of a row start on boundaries of 64 bytes.
  std::vector<AlignedBuffer> converted;
  for (std::size_t t = 0; t < n_threads; ++t) converted.emplace_back(layout.row_bytes);
  std::vector<double> errors(n_threads * x.cols), by_token(x.rows);
  std::vector<float> rounded(n_threads * x.cols);
  pool_.for_each(x.rows, [&](std::size_t t, int thread) noexcept {
    const auto i = static_cast<std::size_t>(thread);
    double* const error = errors.data() + i * x.cols;
    auto* const row = reinterpret_cast<std::uint8_t*>(converted[i].data());
    convert(x.row(t), x.cols, row);
    if (kind == ActKind::kBF16) {
      float* const values = rounded.data() + i * x.cols;
      from_bf16(row, x.cols, values);
      for (std::size_t j = 0; j < x.cols; ++j) error[j] = double{values[j]} - x.row(t)[j];
    } else {
      int8_errors(row, layout, x.slice(t, 1), error);
    }
    double along = 0.0;
    for (std::size_t j = 0; j < x.cols; ++j) along += error[j] * dx.row(t)[j];
    by_token[t] = along * along;
  });
  double sum = 0.0;
  for (const double value : by_token) sum += value;
  return sum;
}

void FisherSums::on_outputs(TensorId weight, std::size_t first_row, MatrixView<const float> x,
                            MatrixView<const float> g) {
  OuterSums& sums = part_of(weight, TensorFisher::kProduct);
  std::vector<double> x2(x.rows), g2(x.rows);
  pool_.for_ranges(x.rows, 1, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t t = begin; t < end; ++t) {
      x2[t] = squared_norm(x.row(t), x.cols);
      g2[t] = squared_norm(g.row(t), g.cols);
    }
  });
  const auto add = [&](MatrixView<const float> of, const std::vector<double>& weights, double* to) {
    pool_.for_ranges(of.cols, kColumnGrain, [&](std::size_t begin, std::size_t end) noexcept {
      for (std::size_t t = 0; t < of.rows; ++t) {
        for (std::size_t i = begin; i < end; ++i) {
          to[i] += double{of.row(t)[i]} * of.row(t)[i] * weights[t];
        }
      }
    });
  };
  add(g, x2, sums.rows.data() + first_row);
  add(x, g2, sums.cols.data());
  for (std::size_t t = 0; t < x.rows; ++t) sums.total += x2[t] * g2[t];
}

void FisherSums::on_values(TensorId weight, std::size_t first_row, const OuterSums& sums) {
  part_of(weight, TensorFisher::kValues).add(sums, first_row);
}

// A row of the table is an input of 1 at one token: its output is the row itself.
void FisherSums::on_lookup(TensorId weight, Batch items, MatrixView<const float> g) {
  OuterSums& sums = part_of(weight, TensorFisher::kTable);
  for (std::size_t t = 0; t < items.size(); ++t) {
    const double g2 = squared_norm(g.row(t), g.cols);
    sums.rows[static_cast<std::size_t>(items[t].token)] += g2;
    for (std::size_t j = 0; j < g.cols; ++j) {
      sums.cols[j] += double{g.row(t)[j]} * g.row(t)[j];
    }
    sums.total += g2;
  }
}

}  // namespace lathe
