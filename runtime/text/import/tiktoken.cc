#include <fmt/format.h>

#include <charconv>

#include "runtime/base/error.h"
#include "runtime/text/byte_code.h"
#include "runtime/text/import/base64.h"
#include "runtime/text/import/readers.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxTokens = std::size_t{1} << 24;

// What follows the ranks in Llama 3: these at their places, "<|reserved_special_token_N|>" at the
// others.
constexpr std::size_t kSpecial = 256;
constexpr std::pair<std::size_t, std::string_view> kNamed[] = {{0, "<|begin_of_text|>"},
                                                               {1, "<|end_of_text|>"},
                                                               {6, "<|start_header_id|>"},
                                                               {7, "<|end_header_id|>"},
                                                               {9, "<|eot_id|>"}};

std::string special_name(std::size_t i, std::size_t& n_reserved) {
  for (const auto& [at, name] : kNamed) {
    if (at == i) return std::string(name);
  }
  return fmt::format("<|reserved_special_token_{}|>", n_reserved++);
}

// "IQ== 0"
bool read_line(std::string_view line, std::string& bytes, std::size_t& rank) {
  const std::size_t space = line.find(' ');
  if (space == line.npos || !decode_base64(line.substr(0, space), bytes)) return false;
  const char* const last = line.data() + line.size();
  const auto [end, error] = std::from_chars(line.data() + space + 1, last, rank);
  return error == std::errc{} && end == last && !bytes.empty();
}

}  // namespace

bool is_tiktoken(std::string_view bytes) {
  std::string text;
  std::size_t rank = 0;
  return read_line(bytes.substr(0, bytes.find('\n')), text, rank) && rank == 0;
}

ImportedVocabulary read_tiktoken(std::string_view bytes, const std::string& where) {
  ImportedVocabulary out;
  out.model = "gpt2";
  out.pre = "llama-bpe";
  out.origin = where;
  std::string text;
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    std::size_t rank = 0;
    const std::size_t expected = out.tokens.size();
    if (expected == kMaxTokens || !read_line(line, text, rank) || rank != expected ||
        (expected < 256 && text.size() != 1)) {
      throw bad_input(where, fmt::format("line {}: expected a token in base64 and the rank {}",
                                         expected + 1, expected));
    }
    out.tokens.push_back(encode_byte_text(text));
  }
  if (out.tokens.size() < 256) throw bad_input(where, "not even a token for every byte");
  out.merges = merges_of_ranks(out.tokens);
  out.types.assign(out.tokens.size(), TokenType::kNormal);
  const std::size_t n_ranked = out.tokens.size();
  std::size_t n_reserved = 0;
  for (std::size_t i = 0; i < kSpecial; ++i) {
    out.tokens.push_back(special_name(i, n_reserved));
    out.types.push_back(TokenType::kControl);
  }
  out.special_ids.emplace("bos", n_ranked);
  out.special_ids.emplace("eos", n_ranked + 1);
  out.add_bos = true;
  return out;
}

}  // namespace lathe
