// SentencePiece BPE: neighbours merge when their text together is a token, best score first; what
// is no token in the end falls back to byte tokens.
//
// A long text is first cut where no merge can ever happen, between two characters that are
// neighbours in no token of the vocabulary. That changes no result, and makes words out of a book.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/text/pair_merger.h"
#include "runtime/text/vocabulary.h"

namespace lathe {

class SpmModel {
 public:
  explicit SpmModel(const Vocabulary& vocabulary);

  // Appends the tokens of `text`, in which spaces are already U+2581. Any bytes are accepted.
  void encode(const Vocabulary& vocabulary, std::string_view text, std::vector<Token>& out) const;

 private:
  void learn_neighbours(std::string_view text);
  bool may_merge(std::string_view left, std::string_view right) const noexcept;
  void encode_segment(const Vocabulary& vocabulary, std::string_view segment, PairMerger& merger,
                      std::vector<Token>& out) const;
  void emit_bytes(std::string_view bytes, std::vector<Token>& out) const;

  std::array<Token, 256> byte_tokens_;
  Token unknown_;
  std::vector<std::uint64_t> neighbours_;  // a bit set over hashes of character pairs
};

}  // namespace lathe
