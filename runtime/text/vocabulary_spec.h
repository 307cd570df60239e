// What a file says about its vocabulary, before anything of it is checked against anything else.
//
// A plain struct, so that a tokenizer can be made from GGUF metadata, from another format, or by
// hand in a test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

class Metadata;

struct VocabularySpec {
  std::string model;               // "llama" (SentencePiece) or "gpt2" (byte-level BPE)
  std::optional<std::string> pre;  // name of the pre-tokenizer, BPE only

  // Texts belong to someone else and must live until the tokenizer is made.
  std::vector<std::string_view> tokens;
  std::optional<std::vector<float>> scores;
  std::optional<std::vector<std::int32_t>> types;
  std::optional<std::vector<std::string_view>> merges;

  // Ids as the file gives them: possibly outside the vocabulary.
  using Id = std::optional<std::uint64_t>;
  Id bos, eos, eot, eom, unknown, separator, padding, mask, fim_pad, fim_repo, fim_file;
  std::vector<std::uint64_t> more_eos;  // tokens that end a text as `eos` does

  std::optional<bool> add_bos, add_eos, add_space_prefix;
  std::vector<std::string> ignored_keys;  // what the file says and nothing is done about
};

// Reads the `tokenizer.ggml.*` keys. Error (kBadInput) when the model or the tokens are missing or
// a key has another type than the format gives it. The texts belong to the metadata.
VocabularySpec vocabulary_spec(const Metadata& metadata, const std::string& where);

}  // namespace lathe
