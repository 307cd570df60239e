// The base of a divergence as a file: what a model said of a text, so that it need not run again.
//
// Two kinds, told apart by content: the logits file that other programs of this field exchange
// (quant/eval/base/logits_file.h), and lathe's compact base (quant/eval/base/compact_base.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quant/eval/divergence.h"
#include "quant/eval/text_chunks.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// The text of a base, and how it was cut (quant/eval/text_chunks.h).
struct BaseText {
  std::size_t n_ctx = 0;
  std::size_t n_vocab = 0;
  std::size_t n_chunks = 0;
  std::vector<Token> tokens{};  // [n_chunks * n_ctx] as the text has them, before any BOS

  // Scored rows of a chunk.
  std::size_t n_rows() const noexcept { return n_ctx - 1 - n_ctx / 2; }
};

// Of chunks side by side. Error (kUsage) for windows with a stride, which no base file holds.
BaseText base_text(const TextChunks& text, std::size_t n_vocab);

class DivergenceBase {
 public:
  virtual ~DivergenceBase() = default;

  const std::string& path() const noexcept { return path_; }
  const BaseText& text() const noexcept { return text_; }
  // In words, what the file is and of which model, where it says so; with content().
  virtual std::string description() const = 0;
  // Tells bases of one kind and one size apart: 16 hexadecimal digits over the text and the
  // beginning of each chunk.
  const std::string& content() const noexcept { return content_; }

  // Makes a chunk ready for divergence(). Error (kBadInput) where the file is damaged.
  virtual void prepare(std::size_t chunk) { static_cast<void>(chunk); }
  // From this base to a model's logits [n_vocab] for row `row` of chunk `chunk`, which is the one
  // that was prepared last. Any number of threads.
  virtual TokenDivergence divergence(std::size_t chunk, std::size_t row, const float* logits,
                                     Token target) const = 0;

 protected:
  // chunks: the bytes of each.
  DivergenceBase(std::string path, BaseText text,
                 std::span<const std::span<const std::uint8_t>> chunks);

 private:
  std::string path_;
  BaseText text_;
  std::string content_;
};

// Error (kBadInput) for a file that is neither kind, or is damaged.
std::unique_ptr<DivergenceBase> open_divergence_base(const std::string& path);
// Whether a file starts like one of the kinds (a GGUF file does not).
bool is_divergence_base(const std::string& path);

// Error (kUsage) naming the first difference, unless the base is of this text: the same context,
// vocabulary and tokens, and at least as many chunks.
void check_same_text(const DivergenceBase& base, const TextChunks& text, std::size_t n_vocab);

// Writes a base while a model runs.
class BaseWriter {
 public:
  virtual ~BaseWriter() = default;

  // The next scored rows in the order of the text, [n, n_vocab]. Error (kFailed): disk full, rows
  // that do not belong to the text.
  virtual void add_rows(MatrixView<const float> logits, ThreadPool& pool) = 0;
  // Completes the file. Error (kFailed) when rows are missing.
  virtual void commit() = 0;
};

// Divergence of all models of a run from a base file: as measure_divergence, with no base among the
// models.
void measure_divergence(const EvalContext& context, const TextChunks& text, DivergenceBase& base,
                        ChunkRecords& records, const ChunkProgress& progress = {});

}  // namespace lathe
