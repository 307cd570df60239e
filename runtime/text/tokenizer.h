// Text to tokens and back, exactly as the model was trained: SentencePiece ("llama") and byte-level
// BPE ("gpt2") vocabularies of GGUF files.
//
// Immutable after construction; any number of threads may use one. Text is bytes: UTF-8 is
// expected, but nothing breaks on anything else. BPE gives back any bytes it was given; SPM any
// text without U+2581, its spelling of a space.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/token.h"

namespace lathe {

class BpeModel;
class Metadata;
class SpecialSplitter;
class SpmModel;
class Vocabulary;
struct VocabularySpec;

struct EncodeOptions {
  bool add_special = true;     // BOS and EOS, where the vocabulary wants them
  bool parse_special = false;  // text such as "<|eot_id|>" means the token, not its letters
};

class Tokenizer {
 public:
  // Error (kBadInput) that says what is wrong with the vocabulary; `where` names the file (empty:
  // as the metadata call it).
  static Tokenizer from_metadata(const Metadata& metadata, const std::string& where = {});
  Tokenizer(const VocabularySpec& spec, const std::string& where);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Error (kUsage) for a text of 1 GiB or more.
  std::vector<Token> encode(std::string_view text, EncodeOptions options = {}) const;

  // The text of a whole sequence: the space that SPM puts before a text is taken away again.
  // `special` prints control tokens by name; tokens outside the vocabulary print nothing.
  std::string decode(std::span<const Token> tokens, bool special = false) const;

  // The text of one token as it stands in the middle of a sequence; may be part of a character.
  std::string piece(Token token, bool special = false) const;
  void append_piece(Token token, bool special, std::string& out) const;

  std::size_t n_vocab() const noexcept;
  TokenType type(Token token) const noexcept;              // kUndefined outside the vocabulary
  Token find(std::string_view token_text) const noexcept;  // as the file spells it, or kNoToken

  const SpecialTokens& special() const noexcept;
  Token bos() const noexcept { return special().bos; }
  Token eos() const noexcept { return special().eos; }
  bool add_bos() const noexcept { return add_bos_; }
  bool add_eos() const noexcept { return add_eos_; }
  bool is_end_of_generation(Token token) const noexcept;

  // What a user should know about this vocabulary; usually nothing.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  void make_model(const VocabularySpec& spec, const std::string& where);
  void make_bpe(const VocabularySpec& spec, const std::string& where);
  void append_spm_text(Token token, std::string& out) const;
  void append_bpe_text(Token token, std::string& out) const;

  std::unique_ptr<const Vocabulary> vocabulary_;
  std::unique_ptr<const SpecialSplitter> splitter_;
  std::unique_ptr<const SpmModel> spm_;  // exactly one of
  std::unique_ptr<const BpeModel> bpe_;  // these two
  bool add_bos_ = false;
  bool add_eos_ = false;
  bool add_space_prefix_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace lathe
