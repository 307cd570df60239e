#include "quant/calibrate/plain_encoding.h"

#include <fmt/format.h>

#include <algorithm>

#include "quant/codecs/codec.h"
#include "runtime/base/error.h"
#include "runtime/decode_rows.h"

namespace lathe {

std::vector<float> importance_of(MatrixView<const float> h) {
  std::vector<float> diagonal(h.rows), importance(h.rows);
  for (std::size_t j = 0; j < h.rows; ++j) diagonal[j] = h.row(j)[j];
  if (!prepare_importance(diagonal.data(), h.rows, importance.data())) importance.clear();
  return importance;
}

void encode_plainly(const KernelTable& kernels, ThreadPool& pool, MatrixView<const float> w,
                    Format format, const std::vector<float>& importance, const std::string& name,
                    std::uint8_t* blocks) {
  constexpr std::size_t kRowsAtOnce = 16;
  const Codec& codec = *find_codec(format, kernels.tier);
  const std::size_t stride = row_bytes(format, w.cols);
  const float* const used =
      codec.uses_importance && !importance.empty() ? importance.data() : nullptr;
  FirstRow bad;
  pool.for_each((w.rows + kRowsAtOnce - 1) / kRowsAtOnce, [&](std::size_t g, int) noexcept {
    const std::size_t first = g * kRowsAtOnce, n = std::min(kRowsAtOnce, w.rows - first);
    const std::size_t done = encode_rows(codec, w.slice(first, n), used, blocks + first * stride);
    if (done < n) bad.note(first + done);
  });
  const auto row = bad.get();
  if (!row) return;
  throw bad_input(name, fmt::format("row {}: NaN, infinity, or a value beyond what {} can hold",
                                    *row, format_name(format)));
}

}  // namespace lathe
