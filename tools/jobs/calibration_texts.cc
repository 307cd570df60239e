#include "tools/jobs/calibration_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "quant/eval/text_chunks.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/texts.h"

namespace lathe {
namespace {

constexpr std::size_t kHeldOutEvery = 8;

std::vector<BatchItem> items_of(std::span<const Token> tokens) {
  std::vector<BatchItem> items;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    items.push_back({tokens[i], static_cast<std::int32_t>(i), sequence_bit(0), true});
  }
  return items;
}

std::string shown(char c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  return std::string(1, c);
}

}  // namespace

CalibrationTexts::CalibrationTexts(const GgufFile& file, const CalibrationTextOptions& options)
    : n_ctx_(options.n_ctx == 0 ? kEvalContext : options.n_ctx) {
  if (options.files.empty()) throw usage_error("calibration needs a text");
  const std::size_t total = options.max_tokens == 0 ? kCalibrationTokens : options.max_tokens;
  chunks_.reserve(total / n_ctx_ + 2 * options.files.size());
  for (const std::string& path : options.files) {
    add_text(file, path, total / options.files.size());
  }
  const std::size_t n_items = set_.n_items();
  // Every text weighs the same, and tokens weigh 1 on average.
  for (CalibrationText& t : set_.texts) {
    t.weight *= static_cast<double>(n_items) / static_cast<double>(options.files.size());
  }
}

void CalibrationTexts::add_text(const GgufFile& file, const std::string& path,
                                std::size_t budget) {
  TextOrigin origin;
  const TextChunks text =
      open_text(file, {.files = {path}}, {.model = file.path(), .n_ctx = n_ctx_}, &origin);
  names_.insert(names_.end(), origin.names.begin(), origin.names.end());
  sha256_.insert(sha256_.end(), origin.sha256.begin(), origin.sha256.end());
  for (const std::string& warning : origin.warnings) {
    if (std::find(warnings_.begin(), warnings_.end(), warning) == warnings_.end()) {
      warnings_.push_back(warning);
    }
  }
  const std::size_t n = std::clamp<std::size_t>(budget / n_ctx_, 2, text.n_chunks());
  for (std::size_t k = 0; k < n; ++k) {
    chunks_.push_back(items_of(text.chunk(k * text.n_chunks() / n)));
    const bool held_out = k % kHeldOutEvery == kHeldOutEvery - 1 || (n < kHeldOutEvery && k == n - 1);
    set_.texts.push_back({chunks_.back(), 1.0 / static_cast<double>(n * n_ctx_), held_out});
  }
}

std::string CalibrationTexts::tokens_sha256() const {
  Sha256 digest;
  for (const CalibrationText& t : set_.texts) {
    for (const BatchItem& item : t.items) {
      digest.update({reinterpret_cast<const std::uint8_t*>(&item.token), sizeof item.token});
    }
    digest.update({reinterpret_cast<const std::uint8_t*>(&t.weight), sizeof t.weight});
  }
  return digest.hex();
}

std::size_t CalibrationTexts::n_distinct_tokens() const {
  std::set<Token> seen;
  for (const auto& items : chunks_) {
    for (const BatchItem& item : items) seen.insert(item.token);
  }
  return seen.size();
}

std::string CalibrationTexts::missing_characters(const GgufFile& file) const {
  const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata(), file.path());
  std::set<char> all, seen;
  std::set<Token> used;
  for (const auto& items : chunks_) {
    for (const BatchItem& item : items) used.insert(item.token);
  }
  for (std::size_t id = 0; id < tokenizer.n_vocab(); ++id) {
    const std::string piece = tokenizer.piece(static_cast<Token>(id));
    const bool shows = piece.size() == 1 && ((piece[0] > ' ' && piece[0] < 127) || piece[0] == '\n' ||
                                             piece[0] == '\t');
    if (!shows) continue;
    all.insert(piece[0]);
    if (used.contains(static_cast<Token>(id))) seen.insert(piece[0]);
  }
  std::string missing;
  for (const char c : all) {
    if (!seen.contains(c)) missing += (missing.empty() ? "" : " ") + shown(c);
  }
  return missing;
}

}  // namespace lathe
