#include "runtime/text/spm_model.h"

#include <fmt/core.h>

#include <bit>

#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr std::size_t kNeighbourBits = std::size_t{1} << 20;

// A malformed UTF-8 unit is a character of its own, so that it takes no part of its neighbours
// along.
std::size_t character_length(std::string_view text, std::size_t pos) noexcept {
  return static_cast<std::uint8_t>(text[pos]) < 0x80 ? 1 : decode_utf8(text, pos).length;
}

std::uint32_t bits_of(std::string_view character) noexcept {
  std::uint32_t bits = 0;
  for (const char c : character) bits = bits << 8 | static_cast<std::uint8_t>(c);
  return bits;
}

std::size_t pair_hash(std::string_view left, std::string_view right) noexcept {
  const std::uint64_t pair = std::uint64_t{bits_of(left)} << 32 | bits_of(right);
  return (pair * 0x9E3779B97F4A7C15ull) >> (64 - std::bit_width(kNeighbourBits - 1));
}

// Higher scores give lower priorities; the bits of a float order like integers, once the sign is
// taken care of. Adding zero makes -0 equal to 0.
std::uint32_t priority_of(float score) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);
  const std::uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

Token find_byte_token(const Vocabulary& vocabulary, int byte) {
  const Token token = vocabulary.find(fmt::format("<0x{:02X}>", byte));
  if (token != kNoToken) return token;
  const char as_character = static_cast<char>(byte);
  return vocabulary.find({&as_character, 1});
}

}  // namespace

SpmModel::SpmModel(const Vocabulary& vocabulary)
    : unknown_(vocabulary.special().unknown), neighbours_(kNeighbourBits / 64) {
  for (int byte = 0; byte < 256; ++byte) {
    byte_tokens_[static_cast<std::size_t>(byte)] = find_byte_token(vocabulary, byte);
  }
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    learn_neighbours(vocabulary.text(static_cast<Token>(i)));
  }
}

void SpmModel::learn_neighbours(std::string_view text) {
  std::string_view left;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::string_view right = text.substr(pos, character_length(text, pos));
    if (!left.empty()) {
      const std::size_t bit = pair_hash(left, right);
      neighbours_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
    pos += right.size();
    left = right;
  }
}

bool SpmModel::may_merge(std::string_view left, std::string_view right) const noexcept {
  const std::size_t bit = pair_hash(left, right);
  return neighbours_[bit / 64] >> (bit % 64) & 1;
}

void SpmModel::encode(const Vocabulary& vocabulary, std::string_view text,
                      std::vector<Token>& out) const {
  PairMerger merger;
  std::size_t start = 0;
  std::string_view left;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::string_view right = text.substr(pos, character_length(text, pos));
    if (pos > start && !may_merge(left, right)) {
      encode_segment(vocabulary, text.substr(start, pos - start), merger, out);
      start = pos;
    }
    pos += right.size();
    left = right;
  }
  if (start < text.size()) encode_segment(vocabulary, text.substr(start), merger, out);
}

void SpmModel::encode_segment(const Vocabulary& vocabulary, std::string_view segment,
                              PairMerger& merger, std::vector<Token>& out) const {
  merger.clear();
  for (std::size_t pos = 0; pos < segment.size();) {
    const std::size_t length = character_length(segment, pos);
    merger.add(static_cast<std::uint32_t>(length), kNoToken);
    pos += length;
  }
  merger.run([&](const PairMerger::Symbol& left, const PairMerger::Symbol& right) {
    const std::size_t length = left.length + right.length;
    if (length > vocabulary.longest_text()) return PairMerger::Merge{0, kNoToken};
    const Token token = vocabulary.find(segment.substr(left.begin, length));
    return PairMerger::Merge{token < 0 ? 0 : priority_of(vocabulary.score(token)), token};
  });
  merger.for_each([&](const PairMerger::Symbol& symbol) {
    const std::string_view text = segment.substr(symbol.begin, symbol.length);
    const Token token = symbol.id >= 0 ? symbol.id : vocabulary.find(text);
    if (token >= 0)
      out.push_back(token);
    else
      emit_bytes(text, out);
  });
}

// A character with bytes that have no token becomes the unknown token, or nothing where there is
// none.
void SpmModel::emit_bytes(std::string_view bytes, std::vector<Token>& out) const {
  const std::size_t before = out.size();
  for (const char c : bytes) {
    const Token token = byte_tokens_[static_cast<std::uint8_t>(c)];
    if (token >= 0) {
      out.push_back(token);
      continue;
    }
    out.resize(before);
    if (unknown_ >= 0) out.push_back(unknown_);
    return;
  }
}

}  // namespace lathe
