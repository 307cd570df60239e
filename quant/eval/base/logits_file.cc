#include "quant/eval/base/logits_file.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "quant/eval/base/logits_row.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/byte_reader.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"

namespace lathe {
namespace {

std::size_t row_bytes_of(const BaseText& text) noexcept {
  return logits_row_size(text.n_vocab) * sizeof(std::uint16_t);
}

std::size_t header_bytes(const BaseText& text) noexcept {
  return kLogitsMagic.size() + 3 * sizeof(std::int32_t) + text.tokens.size() * sizeof(Token);
}

std::size_t read_positive(ByteReader& in, std::string_view what) {
  const auto value = in.read<std::int32_t>(what);
  if (value <= 0) in.fail(fmt::format("{} is {}, expected a positive number", what, value));
  return static_cast<std::size_t>(value);
}

BaseText read_text(ByteReader& in) {
  BaseText text;
  in.take(kLogitsMagic.size(), "magic");
  text.n_ctx = read_positive(in, "context");
  text.n_vocab = read_positive(in, "vocabulary");
  text.n_chunks = read_positive(in, "number of chunks");
  if (text.n_ctx < 4) in.fail("a context of fewer than 4 tokens has nothing to score");
  const std::uint64_t n = static_cast<std::uint64_t>(text.n_ctx) * text.n_chunks;
  in.check_count(n, sizeof(Token), std::numeric_limits<std::int64_t>::max(), "tokens");
  const auto bytes = in.take(n * sizeof(Token), "tokens");
  text.tokens.resize(n);
  std::memcpy(text.tokens.data(), bytes.data(), bytes.size());
  for (const Token t : text.tokens) {
    if (t < 0 || static_cast<std::size_t>(t) >= text.n_vocab) {
      in.fail(fmt::format("token {} is outside of the vocabulary of {}", t, text.n_vocab));
    }
  }
  // Divided, not multiplied: nothing can overflow.
  const std::uint64_t rows = in.remaining() / row_bytes_of(text);
  if (rows / text.n_rows() < text.n_chunks) {
    in.fail(fmt::format("the file ends after {} of {} chunks: expected {} rows of {} bytes each",
                        rows / text.n_rows(), text.n_chunks, text.n_rows(), row_bytes_of(text)));
  }
  return text;
}

using Chunks = std::vector<std::span<const std::uint8_t>>;

Chunks chunks_of(const MappedFile& file, const BaseText& text) {
  const std::size_t chunk_bytes = text.n_rows() * row_bytes_of(text);
  Chunks chunks;
  for (std::size_t i = 0; i < text.n_chunks; ++i) {
    chunks.push_back(file.bytes().subspan(header_bytes(text) + i * chunk_bytes, chunk_bytes));
  }
  return chunks;
}

class LogitsFile final : public DivergenceBase {
 public:
  LogitsFile(MappedFile file, const BaseText& text)
      : DivergenceBase(file.path(), text, chunks_of(file, text)),
        file_(std::move(file)),
        rows_(file_.bytes().data() + header_bytes(text)) {}

  std::string description() const override {
    return fmt::format("logits in 16 bits, {} chunks, content {}", text().n_chunks, content());
  }

  void prepare(std::size_t chunk) override {
    if (prepared_ == chunk) return;
    for (std::size_t row = 0; row < text().n_rows(); ++row) {
      const std::size_t at = (chunk * text().n_rows() + row) * row_bytes_of(text());
      if (is_logits_row(rows_ + at)) continue;
      throw bad_input(path(), fmt::format("chunk {}, row {}, at byte {}: scale and least "
                                          "log-probability are none that a distribution has",
                                          chunk + 1, row + 1, header_bytes(text()) + at));
    }
    prepared_ = chunk;
  }

  TokenDivergence divergence(std::size_t chunk, std::size_t row, const float* logits,
                             Token target) const override {
    const std::size_t at = chunk * text().n_rows() + row;
    return logits_row_divergence(rows_ + at * row_bytes_of(text()), logits, text().n_vocab, target);
  }

 private:
  MappedFile file_;
  const std::uint8_t* rows_;
  std::size_t prepared_ = SIZE_MAX;
};

class LogitsWriter final : public BaseWriter {
 public:
  LogitsWriter(const OutputTarget& target, const BaseText& text)
      : text_(text), file_(target), n_rows_left_(text.n_rows() * text.n_chunks) {
    const std::int32_t sizes[] = {static_cast<std::int32_t>(text.n_ctx),
                                  static_cast<std::int32_t>(text.n_vocab),
                                  static_cast<std::int32_t>(text.n_chunks)};
    put(kLogitsMagic.data(), kLogitsMagic.size());
    put(sizes, sizeof sizes);
    put(text.tokens.data(), text.tokens.size() * sizeof(Token));
  }

  void add_rows(MatrixView<const float> logits, ThreadPool& pool) override {
    if (logits.cols != text_.n_vocab || logits.rows > n_rows_left_) {
      throw failed(file_.name() + ": rows of logits that do not belong to the text");
    }
    const std::size_t size = logits_row_size(text_.n_vocab);
    rows_.resize(logits.rows * size);
    pool.for_each(logits.rows, [&](std::size_t r, int) noexcept {
      encode_logits_row(logits.row(r), text_.n_vocab, rows_.data() + r * size);
    });
    put(rows_.data(), rows_.size() * sizeof(std::uint16_t));
    n_rows_left_ -= logits.rows;
  }

  void commit() override {
    if (n_rows_left_ > 0)
      throw failed(fmt::format("{}: {} rows are missing", file_.name(), n_rows_left_));
    file_.commit();
  }

 private:
  void put(const void* data, std::size_t n) {
    file_.write({static_cast<const std::uint8_t*>(data), n});
  }

  BaseText text_;
  AtomicFile file_;
  std::size_t n_rows_left_;
  std::vector<std::uint16_t> rows_;
};

}  // namespace

std::uint64_t logits_file_bytes(const BaseText& text) noexcept {
  return header_bytes(text) + std::uint64_t{text.n_chunks} * text.n_rows() * row_bytes_of(text);
}

std::unique_ptr<DivergenceBase> open_logits_file(const std::string& path) {
  MappedFile file(path);
  ByteReader in(file.bytes(), path);
  const BaseText text = read_text(in);
  return std::make_unique<LogitsFile>(std::move(file), text);
}

std::unique_ptr<BaseWriter> create_logits_file(const OutputTarget& target, const BaseText& text) {
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  if (text.n_ctx > kMost || text.n_vocab > kMost || text.n_chunks > kMost) {
    throw usage_error("a file of logits holds sizes of 31 bits");
  }
  return std::make_unique<LogitsWriter>(target, text);
}

}  // namespace lathe
