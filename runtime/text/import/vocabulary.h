// A vocabulary as the tokenizer files of a checkpoint folder give it, in the terms of GGUF.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/token.h"

namespace lathe {

class Metadata;

// The text of an id without a token.
std::string padding_text(std::size_t id);
// Every `from` becomes `to`.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);
inline constexpr std::string_view kSpmSpace = "\xE2\x96\x81";  // U+2581, SentencePiece's space
// Texts that name no word, whatever the file says: "<|...|>", "<pad>", "<unused7>".
bool looks_special(std::string_view text) noexcept;

struct ImportedVocabulary {
  std::string model;  // "llama" (SentencePiece) or "gpt2" (byte-level BPE)
  std::string pre;    // name of the pre-tokenizer
  std::vector<std::string> tokens;
  std::vector<float> scores{};  // of SentencePiece; else empty
  std::vector<TokenType> types;
  std::vector<std::string> merges{};
  // "bos", "eos", "unk", "sep", "pad", "cls", "mask".
  std::map<std::string, std::uint64_t, std::less<>> special_ids{};
  std::optional<bool> add_bos{}, add_eos{}, add_space_prefix{};
  std::string origin{};  // the file that the tokens are from

  // Makes it n tokens long: ids without a token are unused, as their texts say. Error (kBadInput)
  // where it has more.
  void fit(std::uint64_t n);
  // Appends tokenizer.ggml.*, in the order of the field's converter.
  void put(Metadata& metadata) const;
};

}  // namespace lathe
