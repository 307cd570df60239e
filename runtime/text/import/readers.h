// The tokenizer files of this field, each read to tokens, types and merges; what other files of the
// folder say of them is added later (runtime/text/import/import_vocabulary.h).
//
// All take the bytes of a file that is not trusted; `where` names it. Error (kBadInput) for what
// is malformed, and for what lathe cannot do as it is meant.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/import/vocabulary.h"

namespace lathe {

// tokenizer.model of SentencePiece: a protobuf message, of which field 1 is each piece (1 text, 2
// score, 3 type), field 2 how it was trained and field 3 the normalizer (4: a space is put before a
// text).
ImportedVocabulary read_sentencepiece(std::string_view bytes, const std::string& where);

// tokenizer.json: BPE on bytes, or as SentencePiece does it. `pre` names the pre-tokenizer, empty:
// told from the file, and an Error that shows its pattern where lathe does not know that.
ImportedVocabulary read_tokenizer_json(const nlohmann::json& json, const std::string& where,
                                       const std::string& pre);

// tekken.json: tokens by rank after `n_special` special ones. `n_vocab` tokens are taken; 0: as
// many as the file says.
ImportedVocabulary read_tekken(const nlohmann::json& json, const std::string& where,
                               std::uint64_t n_vocab);

// tokenizer.model of Llama 3: a line with base64 text and rank for each token, then 256 special
// tokens whose names stand nowhere.
bool is_tiktoken(std::string_view bytes);
ImportedVocabulary read_tiktoken(std::string_view bytes, const std::string& where);

// What makes `ranked` tokens (spelled as GPT-2 does, lowest rank first) of two others: all pairs,
// in the order in which they are to be merged. The first 256 are single bytes.
std::vector<std::string> merges_of_ranks(const std::vector<std::string>& ranked);

// The name of the pre-tokenizer that works by these patterns; `ignores_merges`: a piece that is a
// token is taken whole. Empty where none does.
std::string pre_tokenizer_of(const std::vector<std::string>& patterns, bool ignores_merges);

}  // namespace lathe
