#include "runtime/identity/tensor_hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kRoundPieces = 64;  // between two looks at the progress

using Bytes = std::span<const std::uint8_t>;

std::size_t piece_count(std::size_t n_bytes) noexcept {
  return (n_bytes + kPieceBytes - 1) / kPieceBytes;
}

Bytes piece_of(Bytes bytes, std::size_t piece) noexcept {
  const std::size_t begin = piece * kPieceBytes;
  return bytes.subspan(begin, std::min(kPieceBytes, bytes.size() - begin));
}

XXH128_canonical_t hash_piece(Bytes bytes) noexcept {
  XXH128_canonical_t out;  // the same bytes on every machine
  XXH128_canonicalFromHash(&out, XXH3_128bits(bytes.data(), bytes.size()));
  return out;
}

std::string hash_pieces(std::span<const XXH128_canonical_t> pieces) {
  const XXH128_canonical_t all =
      hash_piece({reinterpret_cast<const std::uint8_t*>(pieces.data()), pieces.size_bytes()});
  std::string hex;
  for (const unsigned char byte : all.digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

// All pieces of the wanted tensors as they lie in the files, and their hashes.
class PieceList {
 public:
  PieceList(const GgufFile& file, const std::vector<bool>& wanted) : file_(file) {
    const std::span<const TensorInfo> tensors = file.tensors();
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      if (wanted[t]) order_.push_back(t);
    }
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      const auto place = [&](std::size_t t) {
        return std::pair(tensors[t].file_index, tensors[t].offset);
      };
      return place(a) < place(b);
    });
    for (const std::size_t t : order_) {
      const std::size_t n = piece_count(tensors[t].n_bytes);
      for (std::size_t i = 0; i < n; ++i) pieces_.push_back({t, i});
      n_bytes_ += tensors[t].n_bytes;
    }
    hashes_.resize(pieces_.size());
  }

  std::size_t size() const noexcept { return pieces_.size(); }
  std::uint64_t n_bytes() const noexcept { return n_bytes_; }
  Bytes bytes(std::size_t i) const noexcept {
    return piece_of(file_.data(file_.tensors()[pieces_[i].tensor]), pieces_[i].piece);
  }
  void hash(std::size_t i) noexcept { hashes_[i] = hash_piece(bytes(i)); }

  // What the system is told of the pieces [begin, end): that they will be read, or were.
  template <class Advise>
  void advise(std::size_t begin, std::size_t end, Advise&& call) const {
    if (file_.files().empty()) return;
    for (std::size_t i = begin; i < end; ++i) {
      const TensorInfo& info = file_.tensors()[pieces_[i].tensor];
      call(file_.files()[info.file_index], info.offset + pieces_[i].piece * kPieceBytes,
           bytes(i).size());
    }
  }

  std::vector<std::string> by_tensor() const {
    std::vector<std::string> out(file_.tensors().size());
    std::size_t first = 0;
    for (const std::size_t t : order_) {
      const std::size_t n = piece_count(file_.tensors()[t].n_bytes);
      out[t] = hash_pieces(std::span(hashes_).subspan(first, n));
      first += n;
    }
    return out;
  }

 private:
  struct Piece {
    std::size_t tensor, piece;
  };

  const GgufFile& file_;
  std::vector<std::size_t> order_;  // tensors by their place
  std::vector<Piece> pieces_;
  std::vector<XXH128_canonical_t> hashes_;
  std::uint64_t n_bytes_ = 0;
};

}  // namespace

std::string hash_bytes(std::span<const std::uint8_t> bytes) {
  std::vector<XXH128_canonical_t> pieces(piece_count(bytes.size()));
  for (std::size_t i = 0; i < pieces.size(); ++i) pieces[i] = hash_piece(piece_of(bytes, i));
  return hash_pieces(pieces);
}

std::vector<std::string> hash_tensors(const GgufFile& file, const std::vector<bool>& wanted,
                                      bool drop, ThreadPool& pool, const HashProgress& progress) {
  PieceList list(file, wanted);
  const auto read_ahead = [&](std::size_t begin, std::size_t end) {
    list.advise(begin, std::min(end, list.size()),
                [](const MappedFile& f, auto at, auto n) { f.advise_will_need(at, n); });
  };
  std::uint64_t done = 0;
  read_ahead(0, kRoundPieces);
  for (std::size_t begin = 0; begin < list.size(); begin += kRoundPieces) {
    const std::size_t end = std::min(begin + kRoundPieces, list.size());
    read_ahead(end, end + kRoundPieces);
    pool.for_each(end - begin, [&](std::size_t i, int) noexcept { list.hash(begin + i); });
    for (std::size_t i = begin; i < end; ++i) done += list.bytes(i).size();
    if (drop) {
      list.advise(begin, end, [](const MappedFile& f, auto at, auto n) { f.drop(at, n); });
    }
    if (progress && !progress(static_cast<double>(done) / static_cast<double>(list.n_bytes()))) {
      throw failed(file.path() + ": stopped");
    }
  }
  return list.by_tensor();
}

}  // namespace lathe
