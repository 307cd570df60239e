// Byte-level BPE (GPT-2): pieces of the pre-tokenizer are merged from single bytes, lowest rank of
// the merge list first.
//
// The file spells bytes as printable characters; here everything is decoded to bytes once, at load.
// Merges are then a table from two symbol numbers to a rank and a symbol number. Symbols are the
// tokens, by their ids, and after them the texts that only merges know.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/pair_merger.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/string_table.h"
#include "runtime/text/vocabulary.h"

namespace lathe {

// (left symbol, right symbol) -> Merge. Open addressing; the first of equal keys stays.
class MergeTable {
 public:
  void reserve(std::size_t count);
  void insert(std::int32_t left, std::int32_t right, PairMerger::Merge merge);
  PairMerger::Merge find(std::int32_t left, std::int32_t right) const noexcept;

 private:
  struct Slot {
    std::int32_t left = -1, right = -1;
    PairMerger::Merge merge = {0, -1};
  };
  std::size_t slot_of(std::int32_t left, std::int32_t right) const noexcept;

  std::vector<Slot> slots_;  // a power of two, never more than half full
};

class BpeModel {
 public:
  // Error (kBadInput) for a merge that is not two texts with a space between them.
  BpeModel(const Vocabulary& vocabulary, const std::vector<std::string_view>& merges,
           const PreTokenizer& pre, const std::string& where);

  // Appends the tokens of `text`: any bytes, malformed UTF-8 too (see char_class.h).
  void encode(std::string_view text, std::vector<Token>& out) const;

 private:
  void add_symbols(const Vocabulary& vocabulary);
  void add_merges(const std::vector<std::string_view>& merges, const std::string& where);
  void encode_piece(std::string_view piece, PairMerger& merger, std::vector<Token>& out) const;
  bool is_token(std::int32_t symbol) const noexcept {
    return symbol >= 0 && static_cast<std::size_t>(symbol) < n_tokens_;
  }

  const PreTokenizer* pre_;  // one of a constant table
  std::size_t n_tokens_;
  StringTable symbols_;  // the bytes of each symbol
  std::array<std::int32_t, 256> byte_symbols_;
  MergeTable merges_;
};

}  // namespace lathe
