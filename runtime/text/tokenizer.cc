#include "runtime/text/tokenizer.h"

#include <fmt/core.h>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/metadata.h"
#include "runtime/text/bpe_model.h"
#include "runtime/text/byte_code.h"
#include "runtime/text/special_split.h"
#include "runtime/text/spm_model.h"
#include "runtime/text/utf8.h"
#include "runtime/text/vocabulary.h"
#include "runtime/text/vocabulary_check.h"
#include "runtime/text/vocabulary_spec.h"

namespace lathe {
namespace {

constexpr std::string_view kEscapedSpace = "\u2581";
// Positions inside a text are 32 bits, and escaping makes three bytes of a space.
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;

std::string escape_spaces(std::string_view text, bool prefix) {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 2 + kEscapedSpace.size());
  if (prefix) escaped += kEscapedSpace;
  for (const char c : text) {
    if (c == ' ')
      escaped += kEscapedSpace;
    else
      escaped.push_back(c);
  }
  return escaped;
}

}  // namespace

Tokenizer Tokenizer::from_metadata(const Metadata& metadata, const std::string& where) {
  const std::string& name = where.empty() ? metadata.origin() : where;
  return Tokenizer(vocabulary_spec(metadata, name), name);
}

Tokenizer::Tokenizer(const VocabularySpec& spec, const std::string& where) {
  if (spec.model != "llama" && spec.model != "gpt2") {
    throw bad_input(where, fmt::format("tokenizer model {} is not supported, expected llama "
                                       "(SentencePiece) or gpt2 (byte-level BPE)",
                                       quoted(spec.model)));
  }
  vocabulary_ = std::make_unique<const Vocabulary>(spec, where);
  splitter_ = std::make_unique<const SpecialSplitter>(*vocabulary_);
  make_model(spec, where);
}

Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

void Tokenizer::make_model(const VocabularySpec& spec, const std::string& where) {
  if (spec.model == "llama") {
    spm_ = std::make_unique<const SpmModel>(*vocabulary_);
    add_bos_ = true;
    add_space_prefix_ = spec.add_space_prefix.value_or(true);
  } else {
    make_bpe(spec, where);
  }
  add_bos_ = spec.add_bos.value_or(add_bos_);
  add_eos_ = spec.add_eos.value_or(false);
  warnings_ = vocabulary_warnings(spec, *vocabulary_, add_bos_, add_eos_);
}

void Tokenizer::make_bpe(const VocabularySpec& spec, const std::string& where) {
  const std::string name = spec.pre.value_or(std::string(kDefaultPreTokenizer));
  const PreTokenizer* pre = find_pre_tokenizer(name);
  if (pre == nullptr) {
    throw bad_input(where, fmt::format("unknown pre-tokenizer {}, known are: {}", quoted(name),
                                       known_pre_tokenizers()));
  }
  if (!spec.merges) throw bad_input(where, "tokenizer.ggml.merges is missing");
  bpe_ = std::make_unique<const BpeModel>(*vocabulary_, *spec.merges, *pre, where);
  add_bos_ = pre->add_bos;
}

std::vector<Token> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  if (text.size() >= kMaxTextBytes) {
    throw usage_error(
        fmt::format("a text of {} bytes is too long to tokenize at once, the limit is "
                    "1 GiB",
                    text.size()));
  }
  std::vector<Token> tokens;
  tokens.reserve(text.size() / 3 + 2);
  if (options.add_special && add_bos_ && bos() != kNoToken) tokens.push_back(bos());
  bool after_special = true;
  for (const Fragment& fragment : splitter_->split(text, options.parse_special)) {
    if (fragment.token != kNoToken) {
      tokens.push_back(fragment.token);
    } else if (spm_) {
      const bool prefix = add_space_prefix_ && after_special;
      spm_->encode(*vocabulary_, escape_spaces(fragment.text, prefix), tokens);
    } else {
      bpe_->encode(fragment.text, tokens);
    }
    after_special = fragment.token != kNoToken;
  }
  if (options.add_special && add_eos_ && eos() != kNoToken) tokens.push_back(eos());
  return tokens;
}

std::string Tokenizer::decode(std::span<const Token> tokens, bool special) const {
  std::string text;
  bool at_start = spm_ != nullptr && add_space_prefix_;
  for (const Token token : tokens) {
    append_piece(token, special, text);
    if (!at_start || text.empty()) continue;
    if (text.front() == ' ') text.erase(0, 1);
    at_start = false;
  }
  return text;
}

std::string Tokenizer::piece(Token token, bool special) const {
  std::string text;
  append_piece(token, special, text);
  return text;
}

void Tokenizer::append_piece(Token token, bool special, std::string& out) const {
  switch (type(token)) {
    case TokenType::kControl:
    case TokenType::kUnknown:
      if (special) out += vocabulary_->text(token);
      return;
    case TokenType::kUserDefined:
      out += vocabulary_->text(token);
      return;
    case TokenType::kByte:
      out.push_back(static_cast<char>(byte_of_token_text(vocabulary_->text(token))));
      return;
    case TokenType::kNormal:
      spm_ ? append_spm_text(token, out) : append_bpe_text(token, out);
      return;
    case TokenType::kUndefined:
    case TokenType::kUnused:
      return;
  }
}

void Tokenizer::append_spm_text(Token token, std::string& out) const {
  std::string_view text = vocabulary_->text(token);
  for (std::size_t at = text.find(kEscapedSpace); at != text.npos; at = text.find(kEscapedSpace)) {
    out += text.substr(0, at);
    out.push_back(' ');
    text.remove_prefix(at + kEscapedSpace.size());
  }
  out += text;
}

// Characters that spell no byte stand for themselves.
void Tokenizer::append_bpe_text(Token token, std::string& out) const {
  const std::string_view text = vocabulary_->text(token);
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    const int byte = c.status == Utf8Status::kValid ? byte_of_code_point(c.code_point) : -1;
    if (byte >= 0)
      out.push_back(static_cast<char>(byte));
    else
      out += text.substr(pos, c.length);
    pos += c.length;
  }
}

std::size_t Tokenizer::n_vocab() const noexcept { return vocabulary_->size(); }

TokenType Tokenizer::type(Token token) const noexcept {
  return vocabulary_->contains(token) ? vocabulary_->type(token) : TokenType::kUndefined;
}

Token Tokenizer::find(std::string_view token_text) const noexcept {
  return vocabulary_->find(token_text);
}

const SpecialTokens& Tokenizer::special() const noexcept { return vocabulary_->special(); }

bool Tokenizer::is_end_of_generation(Token token) const noexcept {
  return vocabulary_->ends_generation(token);
}

}  // namespace lathe
