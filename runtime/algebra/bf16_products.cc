#include "runtime/algebra/bf16_products.h"

#include <algorithm>
#include <cstring>

#include "kernels/activation.h"

namespace lathe {
namespace {

constexpr std::size_t kPiece = 256;  // columns that are multiplied at once
constexpr std::size_t kTile = 256;   // rows and columns of a result; whole panels
constexpr std::size_t kStrip = 64;   // rows of a tile that are multiplied before they are added
constexpr std::size_t kLoadedRows = 32;

constexpr std::size_t n_parts(std::size_t n, std::size_t size) noexcept {
  return (n + size - 1) / size;
}
constexpr std::size_t part_size(std::size_t first, std::size_t n, std::size_t size) noexcept {
  return std::min(size, n - first);
}

const MatmulKernels& panels_of(const KernelTable& kernels) noexcept {
  return kernels.matmul[index_of(Format::BF16)];
}

constexpr std::size_t kRowBytes = act_layout(ActKind::kBF16, kPiece).row_bytes;

void add_rows(MatrixView<const float> from, MatrixView<float> to) noexcept {
  for (std::size_t i = 0; i < from.rows; ++i) {
    const float* const x = from.row(i);
    float* const y = to.row(i);
    for (std::size_t j = 0; j < from.cols; ++j) y[j] += x[j];
  }
}

}  // namespace

Bf16Matrix::Bf16Matrix(const KernelTable& kernels, Side side, std::size_t max_rows,
                       std::size_t max_cols)
    : kernels_(kernels),
      max_rows_(n_parts(max_rows, kTile) * kTile),
      row_bytes_(n_parts(max_cols, kPiece) * max_rows_ * kRowBytes) {
  if (side == Side::kLeft) return;
  const MatmulKernels& k = panels_of(kernels);
  panel_bytes_ =
      AlignedBuffer(n_parts(max_cols, kPiece) * (max_rows_ / k.panel_rows) * k.panel_bytes(kPiece));
}

std::size_t Bf16Matrix::n_pieces() const noexcept { return n_parts(cols_, kPiece); }

std::size_t Bf16Matrix::piece_cols(std::size_t piece) const noexcept {
  return part_size(piece * kPiece, cols_, kPiece);
}

std::uint8_t* Bf16Matrix::row(std::size_t piece, std::size_t i) const noexcept {
  return row_bytes_.as<std::uint8_t>().data() + (piece * max_rows_ + i) * kRowBytes;
}

// The panel that begins with row i.
std::uint8_t* Bf16Matrix::panel(std::size_t piece, std::size_t i) const noexcept {
  const MatmulKernels& k = panels_of(kernels_);
  return panel_bytes_.as<std::uint8_t>().data() +
         (piece * max_rows_ + i) / k.panel_rows * k.panel_bytes(kPiece);
}

// get(first, n, col, width, out): columns [col, col + width) of n rows from `first` on, rounded.
template <class Get>
void Bf16Matrix::load_rows(ThreadPool& pool, Get get) noexcept {
  const std::size_t groups = n_parts(rows_, kTile);
  pool.for_each(n_pieces() * groups, [&](std::size_t job, int) noexcept {
    const std::size_t piece = job / groups, first = job % groups * kTile;
    const std::size_t n = part_size(first, rows_, kTile), width = piece_cols(piece);
    get(first, n, piece * kPiece, width, row(piece, first));
    pack(piece, first, n);
  });
}

// Makes the panels of n rows.
void Bf16Matrix::pack(std::size_t piece, std::size_t first, std::size_t n) noexcept {
  if (panel_bytes_.size() == 0) return;
  const MatmulKernels& k = panels_of(kernels_);
  for (std::size_t i = 0; i < n; i += k.panel_rows) {
    k.pack(row(piece, first + i), kRowBytes, std::min(k.panel_rows, n - i), piece_cols(piece),
           panel(piece, first + i));
  }
}

void Bf16Matrix::reset(std::size_t n_rows, std::size_t n_cols) noexcept {
  rows_ = n_rows;
  cols_ = n_cols;
  std::memset(row_bytes_.data(), 0, row_bytes_.size());
  for (std::size_t piece = 0; piece < n_pieces(); ++piece) pack(piece, 0, n_rows);
}

void Bf16Matrix::set_columns(std::size_t first, MatrixView<const float> x) noexcept {
  const QuantizeActFn round = kernels_.quantize_act[static_cast<std::size_t>(ActKind::kBF16)];
  for (std::size_t done = 0, n = 0; done < x.rows; done += n) {
    const std::size_t piece = (first + done) / kPiece, at = (first + done) % kPiece;
    n = std::min(x.rows - done, kPiece - at);
    for (std::size_t i = 0; i < rows_; ++i) {
      float column[kPiece];
      for (std::size_t j = 0; j < n; ++j) column[j] = x.row(done + j)[i];
      round(column, n, row(piece, i) + at * sizeof(std::uint16_t));
    }
    pack(piece, 0, rows_);
  }
}

void Bf16Matrix::load(ThreadPool& pool, MatrixView<const float> x) noexcept {
  rows_ = x.rows;
  cols_ = x.cols;
  const QuantizeActFn round = kernels_.quantize_act[static_cast<std::size_t>(ActKind::kBF16)];
  load_rows(pool, [&](std::size_t first, std::size_t n, std::size_t col, std::size_t width,
                      std::uint8_t* out) noexcept {
    for (std::size_t i = 0; i < n; ++i) round(x.row(first + i) + col, width, out + i * kRowBytes);
  });
}

void Bf16Matrix::load_transposed(ThreadPool& pool, MatrixView<const float> x) noexcept {
  rows_ = x.cols;
  cols_ = x.rows;
  const QuantizeActFn round = kernels_.quantize_act[static_cast<std::size_t>(ActKind::kBF16)];
  load_rows(pool, [&](std::size_t first, std::size_t n, std::size_t col, std::size_t width,
                      std::uint8_t* out) noexcept {
    float turned[kLoadedRows][kPiece];
    for (std::size_t i = 0; i < n; i += kLoadedRows) {
      const std::size_t size = part_size(i, n, kLoadedRows);
      for (std::size_t t = 0; t < width; ++t) {
        const float* const from = x.row(col + t) + first + i;
        for (std::size_t r = 0; r < size; ++r) turned[r][t] = from[r];
      }
      for (std::size_t r = 0; r < size; ++r) round(turned[r], width, out + (i + r) * kRowBytes);
    }
  });
}

// c: the tile that begins at this row of a and this row of b.
void Bf16Matrix::multiply_tile(const Bf16Matrix& a, std::size_t row, const Bf16Matrix& b,
                               std::size_t col, std::size_t n_pieces, MatrixView<float> c,
                               Into into) noexcept {
  const MatmulKernels& k = panels_of(a.kernels_);
  alignas(kCacheLine) float strip[kStrip * kTile];
  for (std::size_t piece = 0; piece < n_pieces; ++piece) {
    const bool replace = into == Into::kReplaced && piece == 0;
    for (std::size_t i = 0; i < c.rows; i += kStrip) {
      const MatrixView<float> to = c.slice(i, part_size(i, c.rows, kStrip));
      const MatrixView<float> out =
          replace ? to : MatrixView<float>(strip, to.rows, to.cols, kTile);
      for (std::size_t j = 0; j < c.cols; j += k.panel_rows) {
        k.multiply(b.panel(piece, col + j), part_size(j, c.cols, k.panel_rows), a.piece_cols(piece),
                   a.row(piece, row + i), kRowBytes, to.rows, out.data + j, out.stride);
      }
      if (!replace) add_rows(out, to);
    }
  }
}

void multiply_nt(ThreadPool& pool, const Bf16Matrix& a, const Bf16Matrix& b, MatrixView<float> c,
                 Into into) noexcept {
  const std::size_t across = n_parts(c.cols, kTile);
  pool.for_each(n_parts(c.rows, kTile) * across, [&](std::size_t t, int) noexcept {
    const std::size_t i = t / across * kTile, j = t % across * kTile;
    Bf16Matrix::multiply_tile(
        a, i, b, j, a.n_pieces(),
        c.slice(i, part_size(i, c.rows, kTile)).columns(j, part_size(j, c.cols, kTile)), into);
  });
}

void add_gram_nt(ThreadPool& pool, const Bf16Matrix& a, MatrixView<float> c) noexcept {
  const std::size_t across = n_parts(c.rows, kTile);
  pool.for_each(across * across, [&](std::size_t t, int) noexcept {
    const std::size_t i = t / across * kTile, j = t % across * kTile;
    if (j > i) return;
    Bf16Matrix::multiply_tile(
        a, i, a, j, a.n_pieces(),
        c.slice(i, part_size(i, c.rows, kTile)).columns(j, part_size(j, c.cols, kTile)),
        Into::kAdded);
  });
}

void add_product_of_rows(const Bf16Matrix& a, std::size_t row, const Bf16Matrix& b,
                         std::size_t n_cols, MatrixView<float> c) noexcept {
  Bf16Matrix::multiply_tile(a, row, b, 0, n_parts(n_cols, kPiece), c, Into::kAdded);
}

}  // namespace lathe
