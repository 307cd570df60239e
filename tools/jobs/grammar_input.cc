#include "tools/jobs/grammar_input.h"

#include "tools/jobs/text_input.h"

namespace lathe {

std::optional<Grammar> read_grammar(const GrammarOptions& o) {
  if (!o.gbnf.empty()) return Grammar::from_gbnf(o.gbnf, "--grammar");
  if (!o.gbnf_file.empty()) return Grammar::from_gbnf(read_text_file(o.gbnf_file), o.gbnf_file);
  if (!o.schema.empty()) return Grammar::from_json_schema(o.schema, "--json-schema");
  if (o.schema_file.empty()) return std::nullopt;
  return Grammar::from_json_schema(read_text_file(o.schema_file), o.schema_file);
}

std::shared_ptr<const TokenGrammar> over_vocabulary(const std::optional<Grammar>& grammar,
                                                    const Tokenizer& tokenizer) {
  return grammar ? std::make_shared<const TokenGrammar>(*grammar, tokenizer) : nullptr;
}

}  // namespace lathe
