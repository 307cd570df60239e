// A JSON schema as a grammar in GBNF, so that every text of the grammar is JSON which the schema
// accepts.
//
// Reads the parts of draft 2020-12 (and `definitions` of older ones) that say of a value what it
// is: type, enum, const; properties, required, additionalProperties; items, prefixItems, minItems,
// maxItems; minLength, maxLength, pattern, format; minimum, maximum and the exclusive ones; anyOf,
// oneOf, allOf, $ref into the same document, also recursive. Annotations (title, description,
// default, ...) say nothing of a value. Everything else is refused by its path.
//
// The grammar makes part of what the schema accepts: members in the order of `properties`; other
// members only where additionalProperties, or an object without properties, asks for them; items
// behind prefixItems only where items or minItems ask for them; numbers of at most 18 digits;
// white space of at most one end of line with some blanks.
#pragma once

#include <string>
#include <string_view>

namespace lathe::grammar {

// Error (kBadInput), which begins with `where` and the path in the schema, for what is no schema,
// what is not supported, and what no value can match.
std::string gbnf_of_json_schema(std::string_view text, const std::string& where);

}  // namespace lathe::grammar
