#include "tools/commands/options/grammar_options.h"

#include <CLI/CLI.hpp>
#include <string>

namespace lathe {

void add_grammar_options(CLI::App& command, GrammarOptions& options) {
  const auto add = [&](const char* name, std::string& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type)->group("Grammar");
  };
  CLI::Option* const all[] = {
      add("--grammar", options.gbnf, "GBNF", "Grammar that the generated text must match"),
      add("--grammar-file", options.gbnf_file, "FILE", "The same from a file"),
      add("-j,--json-schema", options.schema, "SCHEMA",
          "JSON schema that the generated text must match; {}: any JSON"),
      add("--jf,--json-schema-file", options.schema_file, "FILE", "The same from a file")};
  for (CLI::Option* option : all) {
    for (CLI::Option* other : all) {
      if (other != option) option->excludes(other);
    }
  }
}

}  // namespace lathe
