#include "quant/calibrate/rounding/row_chunk.h"

#include <algorithm>
#include <cstring>

#include "quant/codecs/codec.h"
#include "runtime/algebra/blas.h"

namespace lathe {
namespace {

constexpr std::size_t kLanes = kRoundingLanes;
// Columns whose part of a product is made at once: in feedback, in sweeps.
constexpr std::size_t kBlock = 256, kSweepBlock = 64;

double sum_of(const float (&lanes)[kLanes]) noexcept {
  double sum = 0.0;
  for (const float x : lanes) sum += x;
  return sum;
}

AlignedBuffer float_lanes(std::size_t n) { return AlignedBuffer(n * kLanes * sizeof(float)); }
float* floats(const AlignedBuffer& buffer) noexcept { return buffer.as<float>().data(); }

}  // namespace

RowChunk::RowChunk(Format format, const Metric& metric, const RoundingOptions& options,
                   std::string_view tier, const KernelTable& kernels)
    : format_(format),
      metric_(metric),
      factor_(metric.factor),
      options_(options),
      codec_(*find_codec(format, tier)),
      decode_(kernels.decode[index_of(format)]),
      codes_(make_row_codes(format, metric.h.rows, options.reach, rounding_kernels(tier))),
      target_(float_lanes(metric.h.rows)),
      errors_(float_lanes(metric.h.rows)),
      product_(float_lanes(kBlock)),
      error_rows_(kernels, Bf16Matrix::Side::kBoth, kLanes, metric.h.rows),
      row_(metric.h.rows),
      spare_(float_lanes(metric.h.rows)) {}

std::optional<std::size_t> RowChunk::round(MatrixView<const float> rows, std::uint8_t* blocks,
                                           RoundingErrors* errors) noexcept {
  n_rows_ = (rows.rows + kRoundingStep - 1) / kRoundingStep * kRoundingStep;
  const std::size_t encoded = encode_rows(codec_, rows, factor_.importance().data(), blocks);
  if (encoded < rows.rows) return encoded;
  codes_->read(blocks, rows.rows);
  load_target(rows);
  if (errors != nullptr) {
    load_start_errors(rows, blocks);
    errors->nearest += cost_of(floats(errors_));
    errors->energy += cost_of(floats(target_));
  }
  double calibrated = feed_back();
  put_in_column_order();
  for (int i = 0; i < options_.sweeps; ++i) calibrated += sweep();
  if (errors != nullptr) errors->calibrated += calibrated;
  codes_->write(blocks, rows.rows);
  return std::nullopt;
}

// Products with errors see these n columns from now on.
void RowChunk::see_errors(std::size_t first, std::size_t n, const float* errors) noexcept {
  error_rows_.set_columns(first, lanes_of(errors + first * kLanes, n));
}

// out += a^T b, all of a few columns
void RowChunk::add_transposed(MatrixView<const float> a, const float* b, float* out) noexcept {
  blas::gemm(blas::Side::kTransposed, blas::Side::kPlain, a.rows, 1.0f, a, lanes_of(b, a.rows),
             1.0f, lanes_of(out, a.cols));
}

void RowChunk::load_target(MatrixView<const float> rows) noexcept {
  float* target = floats(target_);
  std::memset(target, 0, target_.size());
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const float* row = rows.row(r);
    for (std::size_t j = 0; j < rows.cols; ++j) target[j * kLanes + r] = row[factor_.order()[j]];
  }
}

void RowChunk::load_start_errors(MatrixView<const float> rows,
                                 const std::uint8_t* blocks) noexcept {
  float* errors = floats(errors_);
  const float* target = floats(target_);
  const std::size_t stride = row_bytes(format_, rows.cols);
  std::memset(errors, 0, errors_.size());
  for (std::size_t r = 0; r < rows.rows; ++r) {
    decode_(blocks + r * stride, rows.cols, row_.data());
    for (std::size_t j = 0; j < rows.cols; ++j) {
      errors[j * kLanes + r] = target[j * kLanes + r] - row_[factor_.order()[j]];
    }
  }
}

// The sum over rows of e H e^T, e in the order of rounding.
double RowChunk::cost_of(const float* errors) noexcept {
  const std::size_t n = factor_.size();
  float* product = floats(product_);
  double cost = 0.0;
  error_rows_.reset(n_rows_, n);
  see_errors(0, n, errors);
  for (std::size_t first = 0; first < n; first += kBlock) {
    const std::size_t size = std::min(kBlock, n - first);
    std::fill(product, product + size * kLanes, 0.0f);
    add_product_of_rows(metric_.feedback, first, error_rows_, first + size,
                        lanes_of(product, size));
    float costs[kLanes] = {};
    for (std::size_t j = 0; j < size; ++j) {
      const float weight = factor_.weights()[first + j];
      const float* y = product + j * kLanes;
      for (std::size_t lane = 0; lane < n_rows_; ++lane)
        costs[lane] += weight * (y[lane] * y[lane]);
    }
    cost += sum_of(costs);
  }
  return cost * factor_.unit();
}

// Rounds column after column; e H e^T of the result.
double RowChunk::feed_back() noexcept {
  const std::size_t n = factor_.size(), sub = codes_->sub_block();
  float *wanted = floats(product_), *errors = floats(errors_);
  const float* target = floats(target_);
  double cost = 0.0;
  error_rows_.reset(n_rows_, n);
  for (std::size_t first = 0; first < n; first += kBlock) {
    const std::size_t size = std::min(kBlock, n - first);
    std::copy_n(target + first * kLanes, size * kLanes, wanted);
    add_product_of_rows(metric_.feedback, first, error_rows_, first, lanes_of(wanted, size));
    float costs[kLanes] = {};
    for (std::size_t j = 0; j < size; j += sub) {
      const std::size_t at = first + j, rest = size - j - sub;
      const std::uint32_t* columns = factor_.order().data() + at;
      codes_->round(
          {
              .index = columns[0] / sub,
              .columns = columns,
              .target = target + at * kLanes,
              .wanted = wanted + j * kLanes,
              .feedback = factor_.part(at, sub, at, sub).data,
              .feedback_stride = n,
              .weights = factor_.weights().data() + at,
              .errors = errors + at * kLanes,
          },
          costs);
      if (rest > 0) {
        add_transposed(factor_.part(at, sub, at + sub, rest), errors + at * kLanes,
                       wanted + (j + sub) * kLanes);
      }
    }
    cost += sum_of(costs);
    see_errors(first, size, errors);
  }
  return cost * factor_.unit();
}

void RowChunk::put_in_column_order() noexcept {
  for (AlignedBuffer* buffer : {&target_, &errors_}) {
    const float* from = floats(*buffer);
    float* to = floats(spare_);
    for (const std::uint32_t column : factor_.order()) {
      std::copy_n(from, kLanes, to + column * kLanes);
      from += kLanes;
    }
    std::swap(*buffer, spare_);
  }
  see_errors(0, factor_.size(), floats(errors_));
}

// By how much e H e^T changes.
double RowChunk::sweep() noexcept {
  const std::size_t n = factor_.size();
  float *gradient = floats(product_), *errors = floats(errors_);
  double change = 0.0;
  for (std::size_t first = 0; first < n; first += kSweepBlock) {
    const std::size_t size = std::min(kSweepBlock, n - first);
    std::fill(gradient, gradient + size * kLanes, 0.0f);
    add_product_of_rows(metric_.moment, first, error_rows_, n, lanes_of(gradient, size));
    float changes[kLanes] = {};
    codes_->sweep(
        {
            .first = first,
            .n_cols = size,
            .target = floats(target_) + first * kLanes,
            .h = metric_.h.row(first) + first,
            .h_stride = metric_.h.stride,
            .gradient = gradient,
            .errors = errors + first * kLanes,
        },
        changes);
    see_errors(first, size, errors);
    change += sum_of(changes);
  }
  return change;
}

}  // namespace lathe
