// The grammar that a text must match, as the options give it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/text/grammar/token_grammar.h"

namespace lathe {

// One of these at most.
struct GrammarOptions {
  std::string gbnf;         // --grammar
  std::string gbnf_file;    // --grammar-file
  std::string schema;       // --json-schema
  std::string schema_file;  // --json-schema-file
};

// Nothing where none is given. Error (kBadInput) for one that is none, naming file or option.
std::optional<Grammar> read_grammar(const GrammarOptions& options);

// The same over a vocabulary; null where none is given.
std::shared_ptr<const TokenGrammar> over_vocabulary(const std::optional<Grammar>& grammar,
                                                    const Tokenizer& tokenizer);

}  // namespace lathe
