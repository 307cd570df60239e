#include "runtime/text/bpe_model.h"

#include <fmt/core.h>

#include <bit>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/byte_code.h"

namespace lathe {
namespace {

// Ranks are kept in 32 bits, and no published list has as many as a million.
constexpr std::size_t kMaxMerges = std::size_t{1} << 26;

}  // namespace

void MergeTable::reserve(std::size_t count) { slots_.assign(std::bit_ceil(2 * count + 2), Slot{}); }

std::size_t MergeTable::slot_of(std::int32_t left, std::int32_t right) const noexcept {
  const std::uint64_t key =
      std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  const std::uint64_t hash = (key ^ key >> 29) * 0x9E3779B97F4A7C15ull;
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = (hash >> 32) & mask;
  while (slots_[i].left >= 0 && (slots_[i].left != left || slots_[i].right != right)) {
    i = (i + 1) & mask;
  }
  return i;
}

void MergeTable::insert(std::int32_t left, std::int32_t right, PairMerger::Merge merge) {
  Slot& slot = slots_[slot_of(left, right)];
  if (slot.left < 0) slot = {left, right, merge};
}

PairMerger::Merge MergeTable::find(std::int32_t left, std::int32_t right) const noexcept {
  return slots_[slot_of(left, right)].merge;
}

BpeModel::BpeModel(const Vocabulary& vocabulary, const std::vector<std::string_view>& merges,
                   const PreTokenizer& pre, const std::string& where)
    : pre_(&pre), n_tokens_(vocabulary.size()) {
  add_symbols(vocabulary);
  add_merges(merges, where);
}

void BpeModel::add_symbols(const Vocabulary& vocabulary) {
  std::size_t n_bytes = 0;
  for (std::size_t i = 0; i < n_tokens_; ++i) {
    n_bytes += vocabulary.text(static_cast<Token>(i)).size();
  }
  symbols_.reserve(n_tokens_ + 256, n_bytes + 256);
  std::string bytes;
  for (std::size_t i = 0; i < n_tokens_; ++i) {
    // A text that spells no bytes (an added token with a space in it) never comes out of merging.
    if (decode_byte_text(vocabulary.text(static_cast<Token>(i)), bytes))
      symbols_.insert(bytes);
    else
      symbols_.skip_number();
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const char as_text = static_cast<char>(byte);
    byte_symbols_[byte] = symbols_.insert({&as_text, 1}).id;
  }
}

void BpeModel::add_merges(const std::vector<std::string_view>& merges, const std::string& where) {
  if (merges.size() > kMaxMerges) {
    throw bad_input(where, fmt::format("the vocabulary has {} merges, at most {} are supported",
                                       merges.size(), kMaxMerges));
  }
  merges_.reserve(merges.size());
  std::string left, right, whole;
  std::int32_t whole_symbol = 0;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view text = merges[rank];
    const std::size_t space = text.find(' ', 1);
    if (space == text.npos || space + 1 == text.size()) {
      throw bad_input(where, fmt::format("merge {} is {}, expected two texts with a space between "
                                         "them",
                                         rank, quoted(text)));
    }
    // A part that spells no bytes can never be met.
    if (!decode_byte_text(text.substr(0, space), left)) continue;
    if (!decode_byte_text(text.substr(space + 1), right)) continue;
    const std::int32_t left_symbol = symbols_.insert(left).id;
    const std::int32_t right_symbol = symbols_.insert(right).id;
    // Lists made from ranked tokens have all the ways to a token one after another.
    whole.assign(left).append(right);
    if (symbols_[static_cast<std::size_t>(whole_symbol)] != whole) {
      whole_symbol = symbols_.insert(whole).id;
    }
    merges_.insert(left_symbol, right_symbol, {static_cast<std::uint32_t>(rank), whole_symbol});
  }
}

void BpeModel::encode(std::string_view text, std::vector<Token>& out) const {
  std::vector<std::size_t> lengths;
  split_text(*pre_, text, lengths);
  PairMerger merger;
  for (const std::size_t length : lengths) {
    encode_piece(text.substr(0, length), merger, out);
    text.remove_prefix(length);
  }
}

void BpeModel::encode_piece(std::string_view piece, PairMerger& merger,
                            std::vector<Token>& out) const {
  if (pre_->ignore_merges) {
    if (const std::int32_t symbol = symbols_.find(piece); is_token(symbol)) {
      out.push_back(symbol);
      return;
    }
  }
  merger.clear();
  for (const char c : piece) merger.add(1, byte_symbols_[static_cast<std::uint8_t>(c)]);
  merger.run([&](const PairMerger::Symbol& left, const PairMerger::Symbol& right) {
    return merges_.find(left.id, right.id);
  });
  merger.for_each([&](const PairMerger::Symbol& symbol) {
    if (is_token(symbol.id)) {
      out.push_back(symbol.id);
      return;
    }
    for (const char c : piece.substr(symbol.begin, symbol.length)) {
      const std::int32_t byte = byte_symbols_[static_cast<std::uint8_t>(c)];
      if (is_token(byte)) out.push_back(byte);
    }
  });
}

}  // namespace lathe
