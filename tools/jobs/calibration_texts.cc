#include "tools/jobs/calibration_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "quant/eval/text_chunks.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/random_numbers.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/calibration_chunks.h"
#include "tools/jobs/texts.h"

namespace lathe {
namespace {

constexpr std::size_t kHeldOutEvery = 8;

std::vector<BatchItem> items_of(std::span<const Token> tokens) {
  std::vector<BatchItem> items;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    items.push_back({tokens[i], static_cast<std::int32_t>(i), sequence_bit(0)});
  }
  return items;
}

// Deals its tokens in no order, each once before any comes again.
class TokenDeck {
 public:
  explicit TokenDeck(RandomNumbers& random) : random_(random) {}

  void add(Token token) { tokens_.push_back(token); }
  bool empty() const noexcept { return tokens_.empty(); }
  Token next() {
    const std::size_t left = tokens_.size() - n_dealt_ % tokens_.size();
    std::swap(tokens_[left - 1], tokens_[random_.below(left)]);
    ++n_dealt_;
    return tokens_[left - 1];
  }

 private:
  RandomNumbers& random_;
  std::vector<Token> tokens_;
  std::size_t n_dealt_ = 0;
};

std::string shown(char c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  return std::string(1, c);
}

}  // namespace

CalibrationTexts::CalibrationTexts(const TensorSource& file, const CalibrationTextOptions& options)
    : n_ctx_(options.n_ctx == 0 ? kEvalContext : options.n_ctx) {
  if (options.files.empty()) throw usage_error("calibration needs a text");
  const std::size_t tokens = options.max_tokens == 0 ? kCalibrationTokens : options.max_tokens;
  // Chunks of the vocabulary are that share of the number of those of texts.
  const auto total =
      static_cast<std::size_t>(static_cast<double>(tokens) / (1.0 + options.vocabulary));
  chunks_.reserve(total / n_ctx_ + 2 * options.files.size());
  const double share = (1.0 - options.vocabulary) / static_cast<double>(options.files.size());
  for (const std::string& path : options.files) {
    add_text(file, path, total / options.files.size(), share);
  }
  n_text_chunks_ = chunks_.size();
  if (options.vocabulary > 0.0) add_vocabulary(file, options.vocabulary);
  const auto n_items = static_cast<double>(set_.n_items());
  for (CalibrationText& t : set_.texts) t.weight *= n_items;  // 1 on average
}

// Chunks of the texts in which every third token is another: one of the whole vocabulary, or, every
// second time, one that is a single byte. So tokens that the texts lack are seen behind real ones.
void CalibrationTexts::add_vocabulary(const TensorSource& file, double share) {
  const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata(), file.path());
  RandomNumbers random;
  TokenDeck all(random), bytes(random);
  for (std::size_t id = 0; id < tokenizer.n_vocab(); ++id) {
    const auto token = static_cast<Token>(id);
    const std::size_t length = tokenizer.piece(token).size();
    if (length > 0) all.add(token);  // none for tokens that control
    if (length == 1) bytes.add(token);
  }
  if (all.empty()) return;
  if (bytes.empty()) bytes.add(all.next());
  const auto n = static_cast<std::size_t>(share * static_cast<double>(n_text_chunks_)) + 1;
  for (std::size_t c = 0; c < n; ++c) {
    std::vector<BatchItem> items = chunks_[c * n_text_chunks_ / n];
    for (std::size_t i = 1; i < items.size(); ++i) {
      if (random.below(3) == 0) items[i].token = random.below(2) == 0 ? all.next() : bytes.next();
    }
    chunks_.push_back(std::move(items));
    set_.texts.push_back({chunks_.back(), share / static_cast<double>(n * n_ctx_)});
  }
}

void CalibrationTexts::add_text(const TensorSource& file, const std::string& path,
                                std::size_t budget, double weight) {
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
  const TextChunks chosen = spread_chunks(text, std::max<std::size_t>(2, budget / n_ctx_));
  const std::size_t n = chosen.n_chunks();
  for (std::size_t k = 0; k < n; ++k) {
    chunks_.push_back(items_of(chosen.chunk(k)));
    const bool held_out =
        k % kHeldOutEvery == kHeldOutEvery - 1 || (n < kHeldOutEvery && k == n - 1);
    set_.texts.push_back({chunks_.back(), weight / static_cast<double>(n * n_ctx_), held_out});
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

std::string CalibrationTexts::missing_characters(const TensorSource& file) const {
  const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata(), file.path());
  std::set<char> all, seen;
  std::set<Token> used;
  for (std::size_t c = 0; c < n_text_chunks_; ++c) {
    for (const BatchItem& item : chunks_[c]) used.insert(item.token);
  }
  for (std::size_t id = 0; id < tokenizer.n_vocab(); ++id) {
    const std::string piece = tokenizer.piece(static_cast<Token>(id));
    const bool shows = piece.size() == 1 &&
                       ((piece[0] > ' ' && piece[0] < 127) || piece[0] == '\n' || piece[0] == '\t');
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
