#include "quant/eval/base/compact_base.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "quant/eval/base/compact_block.h"
#include "quant/eval/base/zstd_block.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/byte_reader.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kMaxText = 4096;  // bytes of a string
constexpr std::uint64_t kMaxTokens = std::uint64_t{1} << 32;

using Block = std::span<const std::uint8_t>;

// ---- reading

std::string read_text(ByteReader& in, std::string_view what) {
  const auto n = in.read<std::uint32_t>(what);
  if (n > kMaxText) in.fail(fmt::format("{} of {} bytes", what, n));
  const Block bytes = in.take(n, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Block read_block(ByteReader& in, std::string_view what) {
  return in.take(in.read<std::uint64_t>("size of a block"), what);
}

std::vector<Token> read_tokens(ByteReader& in, std::uint64_t n, std::size_t n_vocab) {
  const Block packed = read_block(in, "tokens");
  const std::vector<std::uint8_t> bytes = zstd_unpack(packed, n * sizeof(Token), in.where());
  if (bytes.size() != n * sizeof(Token)) {
    in.fail(fmt::format("{} bytes of tokens, expected {}", bytes.size(), n * sizeof(Token)));
  }
  std::vector<Token> tokens(n);
  if (n > 0) std::memcpy(tokens.data(), bytes.data(), bytes.size());
  for (const Token t : tokens) {
    if (t < 0 || static_cast<std::size_t>(t) >= n_vocab) {
      in.fail(fmt::format("token {} is outside of the vocabulary of {}", t, n_vocab));
    }
  }
  return tokens;
}

struct Contents {
  BaseText text;
  BaseOrigin origin;
  std::vector<Block> chunks;
};

Contents parse(Block bytes, const std::string& where) {
  ByteReader in(bytes, where);
  Contents c;
  const Block magic = in.take(kCompactMagic.size(), "magic");
  if (std::memcmp(magic.data(), kCompactMagic.data(), magic.size()) != 0) {
    in.fail_at(0, "this file is no compact base");
  }
  const auto version = in.read<std::uint32_t>("version");
  if (version != kVersion) {
    in.fail(fmt::format("version {} of the form; this lathe reads version {}", version, kVersion));
  }
  c.text.n_ctx = in.read<std::uint32_t>("context");
  c.text.n_vocab = in.read<std::uint32_t>("vocabulary");
  c.text.n_chunks = in.read<std::uint32_t>("number of chunks");
  if (c.text.n_ctx < 4 || c.text.n_vocab == 0 || c.text.n_chunks == 0) {
    in.fail(fmt::format("a context of {}, a vocabulary of {}, {} chunks: nothing to score",
                        c.text.n_ctx, c.text.n_vocab, c.text.n_chunks));
  }
  const std::uint64_t n_tokens = std::uint64_t{c.text.n_ctx} * c.text.n_chunks;
  if (n_tokens > kMaxTokens) in.fail(fmt::format("{} tokens are too many", n_tokens));
  c.origin.model = read_text(in, "name of the model");
  c.origin.fingerprint = read_text(in, "fingerprint of the model");
  c.origin.lathe = read_text(in, "version of lathe");
  c.text.tokens = read_tokens(in, n_tokens, c.text.n_vocab);
  in.check_count(c.text.n_chunks, sizeof(std::uint64_t), kMaxTokens, "chunks");
  for (std::size_t i = 0; i < c.text.n_chunks; ++i) {
    in.set_context(fmt::format("chunk {}", i + 1));
    c.chunks.push_back(read_block(in, "rows"));
  }
  return c;
}

class CompactBase final : public DivergenceBase {
 public:
  CompactBase(std::optional<MappedFile> file, std::vector<std::uint8_t> memory, Contents contents,
              std::string path)
      : DivergenceBase(std::move(path), std::move(contents.text), contents.chunks),
        file_(std::move(file)),
        memory_(std::move(memory)),
        origin_(std::move(contents.origin)),
        chunks_(std::move(contents.chunks)) {}

  std::string description() const override {
    return fmt::format("compact base of {} (fingerprint {}), {} chunks, content {}",
                       quoted(origin_.model), origin_.fingerprint.substr(0, 16), text().n_chunks,
                       content());
  }

  void prepare(std::size_t chunk) override {
    if (!rows_.empty() && prepared_ == chunk) return;
    const std::string where = fmt::format("{}: chunk {}", path(), chunk + 1);
    const std::size_t n_rows = text().n_rows();
    const std::vector<std::uint8_t> bytes =
        zstd_unpack(chunks_[chunk], packed_bytes_bound(n_rows, text().n_vocab), where);
    rows_ = unpack_rows(bytes, n_rows, text().n_vocab, where);
    prepared_ = chunk;
  }

  TokenDivergence divergence(std::size_t, std::size_t row, const float* logits,
                             Token target) const override {
    return compact_divergence(rows_[row], logits, text().n_vocab, target);
  }

 private:
  std::optional<MappedFile> file_;
  std::vector<std::uint8_t> memory_;
  BaseOrigin origin_;
  std::vector<Block> chunks_;     // point into either
  std::vector<CompactRow> rows_;  // of the chunk that was prepared last
  std::size_t prepared_ = 0;
};

// ---- writing

class CompactWriter final : public BaseWriter {
 public:
  CompactWriter(const OutputTarget& target, const BaseText& text, const BaseOrigin& origin,
                const CompactOptions& options)
      : text_(text), options_(options), file_(target) {
    put(kCompactMagic.data(), kCompactMagic.size());
    for (const std::size_t n : {std::size_t{kVersion}, text.n_ctx, text.n_vocab, text.n_chunks}) {
      put_number(static_cast<std::uint32_t>(n));
    }
    for (const std::string& s : {origin.model, origin.fingerprint, origin.lathe}) {
      const std::string kept = s.substr(0, kMaxText);
      put_number(static_cast<std::uint32_t>(kept.size()));
      put(kept.data(), kept.size());
    }
    put_block({reinterpret_cast<const std::uint8_t*>(text.tokens.data()),
               text.tokens.size() * sizeof(Token)});
  }

  void add_rows(MatrixView<const float> logits, ThreadPool& pool) override {
    for (std::size_t first = 0; first < logits.rows;) {
      const std::size_t n = std::min(logits.rows - first, text_.n_rows() - rows_.size());
      if (logits.cols != text_.n_vocab || n_written_ == text_.n_chunks) {
        throw failed(file_.name() + ": rows of logits that do not belong to the text");
      }
      const std::size_t begin = rows_.size();
      rows_.resize(begin + n);
      pool.for_each(n, [&](std::size_t r, int) noexcept {
        rows_[begin + r] =
            compact_row(logits.row(first + r), text_.n_vocab, target(begin + r), options_);
      });
      first += n;
      if (rows_.size() == text_.n_rows()) finish_chunk();
    }
  }

  void commit() override {
    if (n_written_ < text_.n_chunks) {
      throw failed(fmt::format("{}: {} of {} chunks are missing", file_.name(),
                               text_.n_chunks - n_written_, text_.n_chunks));
    }
    file_.commit();
  }

 private:
  Token target(std::size_t row) const noexcept {
    return text_.tokens[n_written_ * text_.n_ctx + text_.n_ctx / 2 + row + 1];
  }
  void finish_chunk() {
    put_block(pack_rows(rows_));
    rows_.clear();
    ++n_written_;
  }
  void put(const void* data, std::size_t n) {
    file_.write({static_cast<const std::uint8_t*>(data), n});
  }
  template <typename T>
  void put_number(T value) {
    put(&value, sizeof value);
  }
  void put_block(std::span<const std::uint8_t> bytes) {
    const std::vector<std::uint8_t> packed = zstd_pack(bytes);
    put_number(std::uint64_t{packed.size()});
    put(packed.data(), packed.size());
  }

  BaseText text_;
  CompactOptions options_;
  AtomicFile file_;
  std::vector<CompactRow> rows_;  // of the chunk that is on its way
  std::size_t n_written_ = 0;     // chunks
};

}  // namespace

std::unique_ptr<DivergenceBase> open_compact_base(const std::string& path) {
  MappedFile file(path);
  Contents contents = parse(file.bytes(), path);
  return std::make_unique<CompactBase>(std::move(file), std::vector<std::uint8_t>(),
                                       std::move(contents), path);
}

std::unique_ptr<DivergenceBase> parse_compact_base(std::vector<std::uint8_t> bytes,
                                                   const std::string& name) {
  Contents contents = parse(bytes, name);
  return std::make_unique<CompactBase>(std::nullopt, std::move(bytes), std::move(contents), name);
}

std::unique_ptr<BaseWriter> create_compact_base(const OutputTarget& target, const BaseText& text,
                                                const BaseOrigin& origin,
                                                const CompactOptions& options) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (text.n_ctx > kMost || text.n_vocab > kMost || text.n_chunks > kMost ||
      std::uint64_t{text.n_ctx} * text.n_chunks > kMaxTokens) {
    throw usage_error("the text is too long for a base file");
  }
  return std::make_unique<CompactWriter>(target, text, origin, options);
}

}  // namespace lathe
