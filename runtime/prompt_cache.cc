#include "runtime/prompt_cache.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>

#include "runtime/base/atomic_file.h"
#include "runtime/base/byte_reader.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::string_view kMagic = "lathekv1";
constexpr std::uint32_t kMostPairs = 64;
constexpr std::uint64_t kMostText = 4096;
constexpr std::uint64_t kMostTokens = 0x7fffffff;
constexpr std::size_t kHashBytes = sizeof(XXH128_canonical_t);

// The numbers that say how large everything is, in the order of the file.
struct Shape {
  std::uint64_t n_layer, n_head_kv, head_dim, k_bytes, v_bytes;

  static Shape of(const KvCache& cache) {
    const KvCache::Shape& s = cache.shape();
    return {s.n_layer, s.n_head_kv, s.head_dim, cache.k_stride(), cache.v_stride()};
  }
  bool operator==(const Shape&) const = default;
};

// Writes, and hashes what it writes.
class HashedFile {
 public:
  explicit HashedFile(const OutputTarget& target)
      : file_(target), state_(XXH3_createState(), &XXH3_freeState) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }

  void bytes(std::span<const std::uint8_t> bytes) {
    XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
    file_.write(bytes);
  }
  template <typename T>
  void value(const T& v) {
    bytes({reinterpret_cast<const std::uint8_t*>(&v), sizeof(v)});
  }
  void text(std::string_view v) {
    value(std::uint64_t{v.size()});
    raw(v);
  }
  void raw(std::string_view v) {
    bytes({reinterpret_cast<const std::uint8_t*>(v.data()), v.size()});
  }
  void commit() {
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits_digest(state_.get()));
    file_.write(hash.digest);
    file_.commit();
  }

 private:
  AtomicFile file_;
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

// The cells of one head, those that lie side by side at once.
void write_cells(const std::uint8_t* head, std::size_t stride, std::span<const std::int32_t> cells,
                 HashedFile& out) {
  for (std::size_t i = 0; i < cells.size();) {
    std::size_t n = 1;
    while (i + n < cells.size() && cells[i + n] == cells[i] + static_cast<std::int32_t>(n)) ++n;
    out.bytes({head + static_cast<std::size_t>(cells[i]) * stride, n * stride});
    i += n;
  }
}

bool is_there(const std::string& path) {
  std::error_code error, ignored;
  const auto size = std::filesystem::file_size(path, error);
  return std::filesystem::is_directory(path, ignored) || (!error && size > 0);
}

class Reader {
 public:
  Reader(std::span<const std::uint8_t> bytes, const std::string& path)
      : bytes_(bytes), path_(path), in_(bytes, path) {}

  // All lengths are right, and so is the checksum.
  void check() {
    in_.set_context("the prompt cache");
    const auto magic = in_.take(kMagic.size(), "its beginning");
    if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
      in_.fail_at(0, "this is no prompt cache of lathe");
    }
    const auto n_pairs = in_.read<std::uint32_t>("the number of what it is of");
    in_.check_count(n_pairs, 2 * sizeof(std::uint64_t), kMostPairs, "pairs");
    for (std::uint32_t i = 0; i < n_pairs; ++i) {
      const std::string name(in_.read_string("a name", kMostText));
      identity_.emplace_back(name, in_.read_string("a value", kMostText));
    }
    for (std::uint64_t* n :
         {&shape_.n_layer, &shape_.n_head_kv, &shape_.head_dim, &shape_.k_bytes, &shape_.v_bytes}) {
      *n = in_.read<std::uint64_t>("its shape");
    }
    const auto n_tokens = in_.read<std::uint64_t>("the number of tokens");
    in_.check_count(n_tokens, sizeof(Token), kMostTokens, "tokens");
    const auto tokens = in_.take(n_tokens * sizeof(Token), "tokens");
    tokens_.resize(n_tokens);
    std::memcpy(tokens_.data(), tokens.data(), tokens.size());
    check_payload();
    check_hash();
  }

  void check_identity(const RunIdentity& now) const {
    for (const auto& [name, value] : now) {
      const auto was = std::find_if(identity_.begin(), identity_.end(),
                                    [&](const auto& pair) { return pair.first == name; });
      if (was != identity_.end() && was->second == value) continue;
      throw usage_error(fmt::format(
          "{}: the prompt cache is of another run: its {} was {}, now it is {}. Delete it, or name "
          "another file",
          quoted(path_), name, quoted(was == identity_.end() ? "" : was->second), quoted(value)));
    }
  }

  void check_shape(const Shape& now) const {
    if (shape_ != now) throw bad_input(path_, "its keys and values are not those of this model");
  }

  const std::vector<Token>& tokens() const noexcept { return tokens_; }
  void take(std::size_t n, KvCache& cache) const {
    const std::uint8_t* from = payload_.data();
    const auto put = [&](std::uint8_t* head, std::size_t stride) {
      std::memcpy(head, from, n * stride);
      from += tokens_.size() * stride;
    };
    for (std::size_t layer = 0; layer < shape_.n_layer; ++layer) {
      for (std::size_t head = 0; head < shape_.n_head_kv; ++head) {
        put(cache.k_head(layer, head), cache.k_stride());
        put(cache.v_head(layer, head), cache.v_stride());
      }
    }
  }

 private:
  void check_payload() {
    std::uint64_t cell = 0, n = 0;
    const bool fits = !__builtin_add_overflow(shape_.k_bytes, shape_.v_bytes, &cell) &&
                      !__builtin_mul_overflow(shape_.n_layer, shape_.n_head_kv, &n) &&
                      !__builtin_mul_overflow(n, tokens_.size(), &n) &&
                      !__builtin_mul_overflow(n, cell, &n);
    if (!fits || in_.remaining() < kHashBytes || n != in_.remaining() - kHashBytes) {
      in_.fail(
          fmt::format("{} bytes remain, which is not what its shape and {} tokens take: the "
                      "file is incomplete or damaged",
                      in_.remaining(), tokens_.size()));
    }
    payload_ = in_.take(n, "keys and values");
  }

  void check_hash() {
    XXH128_canonical_t hash;
    const auto covered = bytes_.first(bytes_.size() - kHashBytes);
    XXH128_canonicalFromHash(&hash, XXH3_128bits(covered.data(), covered.size()));
    const auto kept = in_.take(kHashBytes, "its checksum");
    if (std::memcmp(hash.digest, kept.data(), kHashBytes) != 0) {
      throw bad_input(path_, "the checksum is wrong: the file is damaged");
    }
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& path_;
  ByteReader in_;
  RunIdentity identity_;
  Shape shape_{};
  std::vector<Token> tokens_;
  std::span<const std::uint8_t> payload_;
};

}  // namespace

void write_prompt_cache(Session& session, std::span<const Token> tokens,
                        const RunIdentity& identity, const OutputTarget& target) {
  KvCache& cache = session.cache();
  const std::vector<std::int32_t> cells = cache.cells_of(0, tokens.size());
  if (std::find(cells.begin(), cells.end(), -1) != cells.end()) {
    throw failed("the session does not hold the tokens of the prompt cache");
  }
  HashedFile out(target);
  out.raw(kMagic);
  out.value(static_cast<std::uint32_t>(identity.size()));
  for (const auto& [name, value] : identity) {
    out.text(name);
    out.text(value);
  }
  out.value(Shape::of(cache));
  out.value(std::uint64_t{tokens.size()});
  out.bytes({reinterpret_cast<const std::uint8_t*>(tokens.data()), tokens.size_bytes()});
  for (std::size_t layer = 0; layer < cache.shape().n_layer; ++layer) {
    for (std::size_t head = 0; head < cache.shape().n_head_kv; ++head) {
      write_cells(cache.k_head(layer, head), cache.k_stride(), cells, out);
      write_cells(cache.v_head(layer, head), cache.v_stride(), cells, out);
    }
  }
  out.commit();
}

PromptCache read_prompt_cache(const std::string& path, const RunIdentity& identity,
                              std::span<const Token> prompt, Session& session) {
  if (!is_there(path)) return {};
  const MappedFile file(path);
  Reader reader(file.bytes(), path);
  reader.check();
  reader.check_identity(identity);
  KvCache& cache = session.cache();
  reader.check_shape(Shape::of(cache));
  const std::vector<Token>& tokens = reader.tokens();
  const auto [end, _] = std::mismatch(prompt.begin(), prompt.end(), tokens.begin(), tokens.end());
  const std::size_t n =
      std::min(static_cast<std::size_t>(end - prompt.begin()), cache.shape().n_cells);
  if (n > 0 && !cache.take_first(0, n)) throw failed("the session is not empty");
  reader.take(n, cache);
  return {tokens, n};
}

}  // namespace lathe
