// Fuzzes the vocabulary of a GGUF file and the tokenizer made of it: a vocabulary is refused with
// an Error of the kind kBadInput, or any text can be encoded with it, into tokens that it has, and
// comes out of a stream as valid UTF-8. The text is the file itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/text/text_stream.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"

namespace {

using lathe::Token;
using lathe::Tokenizer;

void require(bool condition) {
  if (!condition) std::abort();
}

void use(const Tokenizer& tokenizer, std::string_view text, bool parse_special) {
  lathe::TextStream stream(tokenizer, {.special = parse_special, .stops = {"ab", "\u00E9"}});
  std::string printed;
  for (const Token token : tokenizer.encode(text, {true, parse_special})) {
    require(token >= 0 && static_cast<std::size_t>(token) < tokenizer.n_vocab());
    require(tokenizer.piece(token).size() <= tokenizer.piece(token, true).size());
    printed += stream.push(token);
  }
  printed += stream.finish();
  require(lathe::is_valid_utf8(printed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const lathe::GgufContents file = lathe::parse_gguf({data, size}, "fuzz");
    const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata);
    for (const bool parse_special : {false, true}) {
      use(tokenizer, text.substr(size - size / 4), parse_special);
      use(tokenizer, "the ab\u00E9 </s><s>  \n 123 \xFF", parse_special);
    }
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
