#include "runtime/identity/tensor_hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kRoundPieces = 64;  // between two looks at the progress

using Bytes = std::span<const std::uint8_t>;
using Hash = XXH128_canonical_t;  // the same bytes on every machine

std::uint64_t rows_per_piece(std::size_t row_bytes) noexcept {
  return std::max<std::uint64_t>(1, kPieceBytes / std::max<std::size_t>(1, row_bytes));
}

Hash hash_piece(Bytes bytes) noexcept {
  Hash out;
  XXH128_canonicalFromHash(&out, XXH3_128bits(bytes.data(), bytes.size()));
  return out;
}

std::string hash_pieces(std::span<const Hash> pieces) {
  const Hash all =
      hash_piece({reinterpret_cast<const std::uint8_t*>(pieces.data()), pieces.size_bytes()});
  std::string hex;
  for (const unsigned char byte : all.digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

// All pieces of the wanted tensors as they lie in the files, and their hashes.
class PieceList {
 public:
  PieceList(const TensorSource& source, const std::vector<bool>& wanted) : source_(source) {
    for (std::size_t t = 0; t < source.tensors().size(); ++t) {
      if (wanted[t]) order_.push_back(t);
    }
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      const auto place = [&](std::size_t t) {
        return std::pair(source.tensors()[t].file_index, source.tensors()[t].offset);
      };
      return place(a) < place(b);
    });
    for (const std::size_t t : order_) add_pieces(source.tensors()[t]);
    hashes_.resize(pieces_.size());
  }

  std::size_t size() const noexcept { return pieces_.size(); }
  std::uint64_t n_bytes() const noexcept { return n_bytes_; }
  std::size_t bytes_of(std::size_t i) const noexcept {
    return static_cast<std::size_t>(pieces_[i].n_rows * pieces_[i].row_bytes);
  }
  std::size_t largest() const noexcept {
    std::size_t most = 0;
    for (std::size_t i = 0; i < size(); ++i) most = std::max(most, bytes_of(i));
    return most;
  }
  void hash(std::size_t i, std::span<std::uint8_t> buffer) noexcept {
    const Piece& p = pieces_[i];
    hashes_[i] = hash_piece(source_.rows(*p.tensor, p.first_row, p.n_rows, buffer));
  }
  template <class Hint>
  void tell(std::size_t begin, std::size_t end, const Hint& hint) const {
    if (!hint) return;
    for (std::size_t i = begin; i < std::min(end, size()); ++i) {
      hint(*pieces_[i].tensor, pieces_[i].first_row * pieces_[i].row_bytes, bytes_of(i));
    }
  }

  std::vector<std::string> by_tensor() const {
    std::vector<std::string> out(source_.tensors().size());
    std::size_t first = 0;
    for (const std::size_t t : order_) {
      const TensorInfo* tensor = &source_.tensors()[t];
      std::size_t n = 0;
      while (first + n < size() && pieces_[first + n].tensor == tensor) ++n;
      out[t] = hash_pieces(std::span(hashes_).subspan(first, n));
      first += n;
    }
    return out;
  }

 private:
  struct Piece {
    const TensorInfo* tensor;
    std::size_t row_bytes;
    std::uint64_t first_row, n_rows;
  };

  void add_pieces(const TensorInfo& tensor) {
    const std::size_t stride = row_bytes(tensor.format, static_cast<std::size_t>(tensor.cols()));
    const std::uint64_t step = rows_per_piece(stride);
    for (std::uint64_t row = 0; row < tensor.rows(); row += step) {
      pieces_.push_back({&tensor, stride, row, std::min(step, tensor.rows() - row)});
    }
    n_bytes_ += tensor.rows() * stride;
  }

  const TensorSource& source_;
  std::vector<std::size_t> order_;  // tensors by their place
  std::vector<Piece> pieces_;
  std::vector<Hash> hashes_;
  std::uint64_t n_bytes_ = 0;
};

}  // namespace

std::string hash_rows(std::span<const std::uint8_t> bytes, std::size_t row_bytes) {
  const auto step = static_cast<std::size_t>(rows_per_piece(row_bytes)) * row_bytes;
  std::vector<Hash> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    pieces.push_back(hash_piece(bytes.subspan(at, std::min(step, bytes.size() - at))));
  }
  return hash_pieces(pieces);
}

std::vector<std::string> hash_tensors(const TensorSource& source, const std::vector<bool>& wanted,
                                      ThreadPool& pool, const HashProgress& progress,
                                      const ReadHints& hints) {
  PieceList list(source, wanted);
  const std::size_t room = list.largest();  // for sources that make their rows
  std::vector<std::uint8_t> buffers(static_cast<std::size_t>(pool.size()) * room);
  std::uint64_t done = 0;
  list.tell(0, kRoundPieces, hints.will_read);
  for (std::size_t begin = 0; begin < list.size(); begin += kRoundPieces) {
    const std::size_t end = std::min(begin + kRoundPieces, list.size());
    list.tell(end, end + kRoundPieces, hints.will_read);
    pool.for_each(end - begin, [&](std::size_t i, int thread) noexcept {
      list.hash(begin + i,
                std::span(buffers).subspan(static_cast<std::size_t>(thread) * room, room));
    });
    list.tell(begin, end, hints.was_read);
    for (std::size_t i = begin; i < end; ++i) done += list.bytes_of(i);
    if (progress && !progress(static_cast<double>(done) / static_cast<double>(list.n_bytes()))) {
      throw failed(source.path() + ": stopped");
    }
  }
  return list.by_tensor();
}

}  // namespace lathe
