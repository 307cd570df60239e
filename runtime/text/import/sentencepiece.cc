#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/text/import/readers.h"
#include "runtime/text/vocabulary.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxPieces = std::size_t{1} << 24;

// The fields of one protobuf message, one after another.
class ProtoReader {
 public:
  enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    std::uint64_t number = 0;
    WireType wire = kVarint;
    std::uint64_t value = 0;   // of a number
    std::string_view bytes{};  // of everything else
  };

  ProtoReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  bool next(Field& field) {
    if (at_ == bytes_.size()) return false;
    const std::uint64_t tag = varint();
    field.number = tag >> 3;
    field.wire = static_cast<WireType>(tag & 7);
    if (field.number == 0) fail("a field without a number");
    switch (field.wire) {
      case kVarint:
        field.value = varint();
        return true;
      case kFixed64:
        field.bytes = take(8);
        return true;
      case kFixed32:
        field.bytes = take(4);
        return true;
      case kBytes:
        field.bytes = take(varint());
        return true;
    }
    fail(fmt::format("a field of the wire type {}", tag & 7));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw bad_input(where_, fmt::format("no SentencePiece model: {} near byte {} of {}", what, at_,
                                        bytes_.size()));
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) fail("a number is cut off");
      const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail("a number of more than 64 bits");
  }
  std::string_view take(std::uint64_t n) {
    if (n > bytes_.size() - at_) fail(fmt::format("a field of {} bytes is cut off", n));
    const std::string_view out = bytes_.substr(at_, n);
    at_ += n;
    return out;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  const std::string& where_;
};
using Field = ProtoReader::Field;

// Of SentencePiece, whose pieces that users defined are found in a text before all others.
TokenType type_of(std::uint64_t type, ProtoReader& reader) {
  switch (type) {
    case 1:
      return TokenType::kNormal;
    case 2:
      return TokenType::kUnknown;
    case 3:
      return TokenType::kControl;
    case 4:
      return TokenType::kUserDefined;
    case 5:
      return TokenType::kUnused;
    case 6:
      return TokenType::kByte;
    default:
      reader.fail(fmt::format("a piece of the type {}", type));
  }
}

void add_piece(std::string_view bytes, const std::string& where, ImportedVocabulary& out) {
  if (out.tokens.size() == kMaxPieces)
    throw bad_input(where, "more pieces than any vocabulary has");
  ProtoReader reader(bytes, where);
  std::string_view text;
  float score = 0.0f;
  TokenType type = TokenType::kNormal;
  for (Field field; reader.next(field);) {
    if (field.number == 1 && field.wire == ProtoReader::kBytes) text = field.bytes;
    if (field.number == 2 && field.wire == ProtoReader::kFixed32) {
      std::memcpy(&score, field.bytes.data(), sizeof(score));
    }
    if (field.number == 3 && field.wire == ProtoReader::kVarint)
      type = type_of(field.value, reader);
  }
  if (type == TokenType::kByte && byte_of_token_text(text) < 0) {
    reader.fail("a byte piece that names no byte");
  }
  out.tokens.emplace_back(text);
  out.scores.push_back(score);
  out.types.push_back(type);
}

// TrainerSpec: which algorithm the pieces are for.
void check_trainer(std::string_view bytes, const std::string& where) {
  constexpr std::uint64_t kBpe = 2;
  ProtoReader reader(bytes, where);
  std::uint64_t model_type = 1;  // unigram, by default
  for (Field field; reader.next(field);) {
    if (field.number == 3 && field.wire == ProtoReader::kVarint) model_type = field.value;
  }
  if (model_type == kBpe) return;
  throw bad_input(where,
                  "a SentencePiece model that is no BPE (unigram, word or char), which "
                  "lathe cannot tokenize with");
}

// NormalizerSpec: whether a space is put before a text, and what else would be done to it.
void read_normalizer(std::string_view bytes, const std::string& where, ImportedVocabulary& out) {
  ProtoReader reader(bytes, where);
  bool dummy_prefix = true, remove_spaces = true, has_rules = false;
  for (Field field; reader.next(field);) {
    if (field.number == 2) has_rules = !field.bytes.empty();
    if (field.number == 3) dummy_prefix = field.value != 0;
    if (field.number == 4) remove_spaces = field.value != 0;
  }
  if (has_rules || remove_spaces) {
    throw bad_input(where, "a SentencePiece model that normalizes its texts, which lathe does not");
  }
  if (!dummy_prefix) out.add_space_prefix = false;
}

}  // namespace

ImportedVocabulary read_sentencepiece(std::string_view bytes, const std::string& where) {
  ImportedVocabulary out;
  out.model = "llama";
  out.pre = "default";
  out.origin = where;
  ProtoReader reader(bytes, where);
  for (Field field; reader.next(field);) {
    if (field.wire != ProtoReader::kBytes) continue;
    if (field.number == 1) add_piece(field.bytes, where, out);
    if (field.number == 2) check_trainer(field.bytes, where);
    if (field.number == 3) read_normalizer(field.bytes, where, out);
  }
  if (out.tokens.empty()) reader.fail("there are no pieces");
  const auto special = [&](const char* name, const char* text) {
    for (std::size_t i = 0; i < out.tokens.size(); ++i) {
      if (out.tokens[i] == text) out.special_ids.emplace(name, i);
    }
  };
  special("bos", "<s>");
  special("eos", "</s>");
  special("unk", "<unk>");
  return out;
}

}  // namespace lathe
