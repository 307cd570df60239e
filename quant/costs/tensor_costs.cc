#include "quant/costs/tensor_costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "quant/codecs/codec.h"
#include "quant/plan/model_header.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

// Shares of rows and columns of what errors cost, from the sums of a tensor.
class ErrorWeights {
 public:
  explicit ErrorWeights(const TensorFisher& fisher) : fisher_(fisher) {
    for (const OuterSums& part : fisher.parts) {
      if (part.total <= 0.0) continue;
      rows_.resize(part.rows.size());
      for (std::size_t i = 0; i < part.rows.size(); ++i) rows_[i] += part.rows[i];
    }
  }
  const std::vector<double>& rows() const noexcept { return rows_; }

  // sum_j dW_ij^2 E[g_i^2 x_j^2] of a row, from its squared errors.
  double cost(std::size_t row, std::span<const double> squares) const noexcept {
    double sum = 0.0;
    for (const OuterSums& part : fisher_.parts) {
      if (part.total <= 0.0 || part.rows[row] == 0.0) continue;
      double across = 0.0;
      for (std::size_t j = 0; j < squares.size(); ++j) across += squares[j] * part.cols[j];
      sum += part.rows[row] / part.total * across;
    }
    return sum;
  }

 private:
  const TensorFisher& fisher_;
  std::vector<double> rows_;  // sums over all parts: what a row weighs
};

std::vector<float> decoded_rows(const TensorSource& source, const TensorInfo& tensor,
                                std::span<const DrawnRow> rows, const KernelTable& kernels) {
  const std::size_t n = tensor.cols();
  std::vector<float> values(rows.size() * n);
  std::vector<std::uint8_t> buffer(row_bytes(tensor.format, n));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    kernels.decode[index_of(tensor.format)](source.rows(tensor, rows[i].row, 1, buffer).data(), n,
                                            values.data() + i * n);
  }
  return values;
}

std::vector<float> importance_of(const TensorFisher& fisher, const TensorInfo& tensor) {
  if (layer_of_tensor(tensor.name) < 0 || fisher.input_squares.empty()) return {};
  const std::vector<float> squares(fisher.input_squares.begin(), fisher.input_squares.end());
  std::vector<float> prepared(squares.size());
  const bool usable = prepare_importance(squares.data(), squares.size(), prepared.data());
  return usable ? prepared : std::vector<float>{};
}

// Squared errors of one row in one format; false for values that it cannot hold.
bool encode_squares(const Codec& codec, const KernelTable& kernels, std::span<const float> row,
                    const float* importance, std::vector<double>& squares) {
  std::vector<std::uint8_t> blocks(row_bytes(codec.format, row.size()));
  std::vector<float> back(row.size());
  const MatrixView<const float> x(row.data(), 1, row.size());
  if (encode_rows(codec, x, importance, blocks.data()) < 1) return false;
  kernels.decode[index_of(codec.format)](blocks.data(), row.size(), back.data());
  squares.resize(row.size());
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double error = double{back[j]} - row[j];
    squares[j] = error * error;
  }
  return true;
}

bool fits(Format format, const TensorInfo& tensor) noexcept {
  return tensor.cols() % format_info(format).block_elems == 0;
}

}  // namespace

std::optional<double> TensorCosts::total(Format format, bool with_activations) const noexcept {
  if (format == source.format) return 0.0;
  const std::optional<double> cost = weights[index_of(format)];
  if (!cost || !with_activations) return cost;
  const auto kind = [](Format f) { return static_cast<std::size_t>(format_info(f).act); };
  return *cost + (kind(format) == kind(source.format) ? 0.0 : activations[kind(format)]);
}

std::vector<Format> usual_cost_formats() {
  using enum Format;
  return {F16,  BF16,   Q8_0,   Q6_K,  Q5_K,    Q4_K,  Q3_K,   Q2_K,    Q5_1,  Q5_0, Q4_1,
          Q4_0, IQ4_NL, IQ4_XS, IQ3_S, IQ3_XXS, IQ2_S, IQ2_XS, IQ2_XXS, IQ1_M, IQ1_S};
}

std::vector<DrawnRow> draw_rows(std::span<const double> weights, std::size_t n) {
  double total = 0.0;
  for (const double w : weights) total += w;
  std::vector<DrawnRow> drawn;
  if (!(total > 0.0)) return drawn;
  double below = 0.0;
  std::size_t k = 0;
  for (std::size_t row = 0; row < weights.size(); ++row) {
    below += weights[row];
    std::size_t times = 0;
    while (k < n && (static_cast<double>(k) + 0.5) / static_cast<double>(n) * total < below) {
      ++times;
      ++k;
    }
    if (times > 0) drawn.push_back({row, times});
  }
  return drawn;
}

TensorCosts measure_tensor_costs(const TensorSource& source, const TensorInfo& tensor,
                                 const TensorFisher& fisher, const CostOptions& options,
                                 const KernelTable& kernels, ThreadPool& pool) {
  TensorCosts costs{.name = tensor.name, .source = tensor};
  for (std::size_t k = 0; k < kActKindCount; ++k) {
    costs.activations[k] = fisher.activations[k] / (2.0 * options.n_scored);
  }
  const ErrorWeights weigh(fisher);
  const std::size_t n_draws = options.n_rows;
  std::vector<DrawnRow> rows;
  if (n_draws > 0 && n_draws < tensor.rows()) {
    rows = draw_rows(weigh.rows(), n_draws);
  } else {
    for (std::size_t row = 0; row < weigh.rows().size(); ++row) rows.push_back({row, 1});
  }
  const bool sampled = n_draws > 0 && n_draws < tensor.rows();
  double total = 0.0;
  for (const double w : weigh.rows()) total += w;
  const std::vector<float> values = decoded_rows(source, tensor, rows, kernels);
  const std::vector<float> importance =
      options.importance ? importance_of(fisher, tensor) : std::vector<float>{};
  const std::size_t n = tensor.cols(), n_formats = options.formats.size();
  std::vector<double> parts(n_formats * rows.size());
  std::vector<std::atomic<bool>> beyond(n_formats);
  pool.for_each(parts.size(), [&](std::size_t task, int) noexcept {
    const Format format = options.formats[task / rows.size()];
    const std::size_t i = task % rows.size();
    const Codec* codec = find_codec(format, kernels.tier);
    if (format == tensor.format || codec == nullptr || !fits(format, tensor)) return;
    std::vector<double> squares;
    if (!encode_squares(*codec, kernels, {values.data() + i * n, n},
                        importance.empty() ? nullptr : importance.data(), squares)) {
      beyond[task / rows.size()] = true;
      return;
    }
    // Drawn in proportion to w: each draw stands for total / n_draws of the weight.
    const double cost = weigh.cost(rows[i].row, squares);
    const double w = weigh.rows()[rows[i].row];
    parts[task] = sampled ? cost / w * total * static_cast<double>(rows[i].times) /
                                static_cast<double>(n_draws)
                          : cost;
  });
  for (std::size_t f = 0; f < n_formats; ++f) {
    const Format format = options.formats[f];
    if (beyond[f] || !fits(format, tensor) || find_codec(format) == nullptr) continue;
    double sum = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) sum += parts[f * rows.size() + i];
    costs.weights[index_of(format)] = sum / (2.0 * options.n_scored);
  }
  costs.weights[index_of(tensor.format)] = 0.0;
  return costs;
}

}  // namespace lathe
