// Fuzzes grammars: any text is refused with an Error of the kind kBadInput, or is a grammar whose
// masks are right, token by token, along a text that it makes. What begins with a byte below '0' is
// GBNF after that byte, all else a JSON schema.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/text/grammar/token_grammar.h"
#include "tests/text/small_vocabulary.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

const lathe::Tokenizer& tokenizer() {
  static const lathe::Tokenizer made = [] {
    lathe::test::SmallVocabulary v = lathe::test::small_bpe();
    for (const char* text : {"\":", "\", \"", "{\"", "\"}", "]]", "[[[[", "true", "\xE2\x82", "ab",
                             "\x82\xAC\"", "  "}) {
      v.add(lathe::test::spell_bytes(text));
    }
    return v.make();
  }();
  return made;
}

// Large repetitions are refused or take their time; here that is no find.
bool has_large_number(std::string_view text) {
  std::size_t n_digits = 0;
  return std::any_of(text.begin(), text.end(), [&](char c) {
    n_digits = c >= '0' && c <= '9' ? n_digits + 1 : 0;
    return n_digits > 2;
  });
}

void make_text(const lathe::Grammar& grammar, std::string_view choices) {
  const lathe::TokenGrammar over(grammar, tokenizer());
  lathe::GrammarState state = over.start();
  for (std::size_t i = 0; i < 40 && !state.is_complete(); ++i) {
    const lathe::TokenMask mask = state.allowed();
    for (lathe::Token t = 0; t < static_cast<lathe::Token>(mask.n_vocab()); ++t) {
      lathe::GrammarState tried = state;
      require(tried.accept(t) == mask.has(t));
    }
    require(mask.any());  // every byte is a token: there is no dead end
    const auto n = static_cast<std::size_t>(
        i < choices.size() ? static_cast<unsigned char>(choices[choices.size() - 1 - i]) : 0);
    std::size_t left = n % mask.count();
    lathe::Token drawn = lathe::kNoToken;
    mask.for_each([&](lathe::Token t) {
      if (left-- == 0) drawn = t;
    });
    if (tokenizer().is_end_of_generation(drawn)) return;
    require(state.accept(drawn));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size < 2 || size > 4096 || has_large_number(text)) return 0;
  try {
    make_text(text[0] < '0' ? lathe::Grammar::from_gbnf(text.substr(1), "fuzz")
                            : lathe::Grammar::from_json_schema(text, "fuzz"),
              text);
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
