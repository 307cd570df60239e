// JSON schemas as grammars: texts drawn by chance under the mask parse and match their schema.
#include "runtime/text/grammar/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/text/grammar/token_grammar.h"
#include "tests/support/grammar_walk.h"
#include "tests/support/schema_validator.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

Json schemas() {
  std::ifstream file(test::source_path("tests/data/json-schemas.json"));
  return Json::parse(file);
}

Tokenizer tokenizer_of_json() {
  test::SmallVocabulary v = test::small_bpe();
  for (const char* text : {"{\"", "\":", "\": \"", "\",", "\"}", "},{", "]}", "[[", "true", "null",
                           "20", "-0", ".5", "e+", "\\\"", "\\u00", "\xC3\xA9", "name", "kind"}) {
    v.add(test::spell_bytes(text));
  }
  return v.make();
}

class JsonSchemaTexts : public testing::Test {
 protected:
  // Whether the grammar of the schema has this text.
  bool has(const std::string& schema, const std::string& text) {
    const TokenGrammar grammar(Grammar::from_json_schema(schema, "s.json"), tokenizer_);
    GrammarState state = grammar.start();
    for (const char c : text) {
      bool went_on = false;
      for (Token t = 0; t < 256 && !went_on; ++t) {
        went_on = tokenizer_.piece(t) == std::string(1, c) && state.accept(t);
      }
      if (!went_on) return false;
    }
    return state.may_end();
  }

  std::string refusal(const std::string& schema) {
    try {
      Grammar::from_json_schema(schema, "s.json");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
    return {};
  }

  Tokenizer tokenizer_ = tokenizer_of_json();
};

TEST_F(JsonSchemaTexts, ByChanceParseAndMatch) {
  std::mt19937 random(11);
  for (const Json& schema : schemas()) {
    const std::string text = schema.dump();
    SCOPED_TRACE(text);
    const nlohmann::json plain = nlohmann::json::parse(text);
    const test::SchemaValidator validator(plain);
    const TokenGrammar grammar(Grammar::from_json_schema(text, "schema"), tokenizer_);
    for (int i = 0; i < 15; ++i) {
      const std::string made = test::random_text(grammar, tokenizer_, random);
      const nlohmann::json value = nlohmann::json::parse(made, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << made;
      ASSERT_TRUE(validator.matches(value)) << made;
    }
  }
}

TEST_F(JsonSchemaTexts, HoldWhatTheSchemaMeans) {
  EXPECT_TRUE(has(R"({"type":"integer","minimum":-12,"maximum":12})", "-12"));
  for (int i = -130; i <= 130; ++i) {
    EXPECT_EQ(has(R"({"type":"integer","minimum":-12,"maximum":105})", std::to_string(i)),
              i >= -12 && i <= 105)
        << i;
  }
  const std::string real = R"({"type":"number","exclusiveMinimum":-2,"maximum":10})";
  for (const char* in : {"-1.99", "-0.5", "0", "0.0", "9.99", "10", "10.0"})
    EXPECT_TRUE(has(real, in)) << in;
  for (const char* out : {"-2", "-2.0", "-3", "10.01", "11", "-0", "1.", "01"})
    EXPECT_FALSE(has(real, out)) << out;
  // What is next to a bound and would be read as the bound itself is not made.
  const std::string below = R"({"type":"number","minimum":0,"exclusiveMaximum":305})";
  EXPECT_TRUE(has(below, "304.999999999999"));
  EXPECT_FALSE(has(below, "304.9999999999999999"));
  EXPECT_TRUE(has(R"({"type":"integer","format":"int32"})", "2147483647"));
  EXPECT_FALSE(has(R"({"type":"integer","format":"int32"})", "2147483648"));
  EXPECT_TRUE(has("true", R"({"a": [1, -2.5e+10, "x\n\u00e9", null, true], "b": {}})"));
  EXPECT_TRUE(has("{}", "\n{\n  \"a\": [\n    1,\n    2\n  ]\n}"));
  EXPECT_FALSE(has("{}", "[1,  2]"));
  EXPECT_FALSE(has("{}", "\"\\ud800\""));
  const std::string person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name"]})";
  EXPECT_TRUE(has(person, R"({"name":"x"})"));
  EXPECT_TRUE(has(person, "{\"name\": \"x\",\n \"age\": 3\n}"));
  EXPECT_FALSE(has(person, R"({"age":3})"));
  EXPECT_FALSE(has(person, R"({"name":"x","other":1})"));
  const std::string open =
      R"({"type":"object","properties":{"ab":{"type":"null"}},"additionalProperties":{"type":"integer"}})";
  for (const char* in :
       {"{}", R"({"ab":null})", R"({"ab":null,"a":1,"abc":2})", R"({"":1})", R"({"b":1})"}) {
    EXPECT_TRUE(has(open, in)) << in;
  }
  EXPECT_FALSE(has(open, R"({"ab":1})"));
  EXPECT_FALSE(has(open, R"({"a":1,"ab":1})"));
  EXPECT_TRUE(has(R"({"type":"string","maxLength":2})", "\"\xF0\x9F\x98\x80\\n\""));
  EXPECT_FALSE(has(R"({"type":"string","maxLength":2})", "\"abc\""));
  EXPECT_TRUE(has(R"({"type":"string","pattern":"b+"})", "\"abbc\""));
  EXPECT_FALSE(has(R"({"type":"string","pattern":"b+"})", "\"ac\""));
  EXPECT_FALSE(has(R"({"type":"string","format":"date"})", "\"2026-02-30\""));
  EXPECT_TRUE(has(R"({"type":"string","format":"date-time"})", "\"2026-11-27T15:00:00.25+01:00\""));
  // A reference with something beside it, and one to itself.
  EXPECT_TRUE(has(R"({"$defs":{"n":{"type":"integer"}},"$ref":"#/$defs/n","minimum":7})", "7"));
  EXPECT_FALSE(has(R"({"$defs":{"n":{"type":"integer"}},"$ref":"#/$defs/n","minimum":7})", "6"));
  EXPECT_TRUE(has(R"({"type":"array","items":{"$ref":"#"}})", "[[],[[]]]"));
}

// What other drafts, OpenAPI and the generators of schemas write.
TEST_F(JsonSchemaTexts, TermsOfOlderDraftsAndOfOpenApi) {
  const std::string pair = R"({"type":"array","items":[{"type":"string"},{"type":"integer"}])";
  EXPECT_TRUE(has(pair + "}", R"(["a",1])"));
  EXPECT_FALSE(has(pair + "}", R"(["a","b"])"));
  EXPECT_TRUE(has(pair + R"(,"additionalItems":{"type":"null"},"minItems":3})", R"(["a",1,null])"));
  EXPECT_FALSE(has(pair + R"(,"additionalItems":false,"minItems":2})", R"(["a",1,null])"));
  EXPECT_TRUE(has(R"({"items":{"type":"null"},"additionalItems":false})", "[null,null]"));
  const std::string open = R"({"type":"integer","minimum":1,"exclusiveMinimum":true})";
  EXPECT_FALSE(has(open, "1"));
  EXPECT_TRUE(has(open, "2"));
  EXPECT_TRUE(has(R"({"type":"integer","maximum":1,"exclusiveMaximum":false})", "1"));
  EXPECT_TRUE(has(R"({"type":"string","format":"uri","minLength":1,"maxLength":2083})",
                  R"("http://a.b/c")"));
  for (const char* in : {"P1Y2M3DT4H5M6S", "PT0S", "P3W", "P12D", "PT36H"}) {
    EXPECT_TRUE(has(R"({"type":"string","format":"duration"})", '"' + std::string(in) + '"')) << in;
  }
  for (const char* out : {"P", "PT", "P1S", "PT1D", "P1Y1D2M"}) {
    EXPECT_FALSE(has(R"({"type":"string","format":"duration"})", '"' + std::string(out) + '"'))
        << out;
  }
  EXPECT_EQ(
      refusal(R"({"type":"object","x-order":1,"xml":{},"discriminator":{"propertyName":"a"}})"),
      "");
}

// What is made for one of them lacks what the other requires, so it matches one alone.
TEST_F(JsonSchemaTexts, OneOfSeveralObjectsByWhatTheyRequire) {
  const auto one_of = [](const char* a, const char* b) {
    return std::string(R"({"oneOf":[{"type":"object",)") + a + R"(},{"type":"object",)" + b + "}]}";
  };
  const char* const a = R"("properties":{"a":{"type":"string"}},"required":["a"])";
  const char* const b = R"("properties":{"b":{"type":"integer"}},"required":["b"])";
  EXPECT_TRUE(has(one_of(a, b), R"({"a":"x"})"));
  EXPECT_TRUE(has(one_of(a, b), R"({"b":1})"));
  EXPECT_FALSE(has(one_of(a, b), R"({"a":"x","b":1})"));
  for (const char* other :
       {R"("properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["b"])",
        R"("properties":{"b":{"type":"integer"}})", R"("required":["b"])",
        R"("properties":{"b":{"type":"integer"}},"required":["b"],"additionalProperties":true)"}) {
    EXPECT_THAT(refusal(one_of(a, other)), HasSubstr("may both match")) << other;
  }
}

TEST_F(JsonSchemaTexts, WhatIsNotSupportedIsRefusedByItsPath) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"properties":{"a":{"multipleOf":2}}})",
       "s.json: properties.a.multipleOf: this keyword is not supported"},
      {R"({"type":"array","uniqueItems":true})", "uniqueItems: this keyword is not supported"},
      {R"({"anyOf":[{"type":"null"},{"not":{}}]})", "anyOf[1].not: this keyword is not supported"},
      {R"({"type":"strin"})", "type: there is no type 'strin', expected null, boolean"},
      {R"({"type":"string","format":"iri"})",
       "format: the format 'iri' is not supported, expected one of date, time"},
      {R"({"type":"integer","format":"date"})",
       "format: not supported of a number, expected int32"},
      {R"({"type":"string","pattern":"^(?=a)b$"})",
       "pattern: look-around and named groups are not supported"},
      {R"({"type":"string","pattern":"a\\b"})", "pattern: this escape is not supported"},
      {R"({"type":"string","pattern":"(a"})", "pattern: expected )"},
      {R"({"type":"string","pattern":"a","minLength":2})",
       "a pattern beside length or format is not supported"},
      {R"({"enum":[1],"minimum":3})", "minimum: not supported beside enum or const"},
      {R"({"$ref":"other.json"})",
       "$ref: 'other.json' is not supported, expected a reference into this schema"},
      {R"({"$ref":"#/$defs/x"})", "$ref: there is no '#/$defs/x' in this schema"},
      {R"({"$ref":"#"})", "nested too deeply"},
      {R"({"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"$ref":"#/$defs/a"})",
       "nested too deeply"},
      {R"({"type":"number","minimum":0.5})", "the bound 0.5 of a number is not supported"},
      {R"({"type":"integer","minimum":5,"maximum":4})", "no whole number"},
      {R"({"type":"string","minLength":5,"maxLength":4})", "maxLength is less than minLength"},
      {R"({"type":"string","minLength":-1})", "minLength: expected a whole number, 0 or more"},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})",
       "oneOf: [0] and [1] may both match a value"},
      {R"({"oneOf":[{"properties":{"a":{}}},{"type":"null"}]})", "may both match"},
      {R"({"allOf":[{"type":"integer"},{"type":"string"}]})", "no value can match this"},
      {R"({"type":"object","properties":{"a":false},"required":["a"]})",
       "properties.a: this is required, and no value"},
      {R"({"type":"object","required":["a"],"additionalProperties":false})",
       "required.a: this is required"},
      {"false", "no value can match this"},
      {R"({"enum":[]})", "enum: expected a list that is not empty"},
      {R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})",
       "never comes to an end"},
      {"[1]", "expected a schema: an object, true or false"},
      {"{\"type\":", "s.json: "},
      {R"({"type":"null","type":"string"})", "stands twice"},
      {R"({"items":[{}],"prefixItems":[{}]})",
       "items: expected a schema (a list of them stands alone, or is prefixItems)"},
      {R"({"type":"string","nullable":true})", "nullable: a keyword of OpenAPI"},
      {R"({"type":"string","format":"uri","maxLength":100})",
       "format: beside it lengths are supported that all its texts have: 8 characters at least, "
       "436 at most"},
      {R"({"type":"string","format":"date","minLength":11})", "format: beside it lengths"},
  };
  for (const auto& [schema, expected] : cases) {
    EXPECT_THAT(refusal(schema), HasSubstr(expected)) << schema;
  }
  EXPECT_EQ(
      refusal(
          R"({"$schema":"x","title":"t","description":"d","default":1,"examples":[1],"type":"integer"})"),
      "");
}

TEST_F(JsonSchemaTexts, SchemasThatTakeForEverAreRefused) {
  std::string fan = R"({"$ref":"#/$defs/a0","$defs":{"a40":false)";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "{\"$ref\":\"#/$defs/a" + std::to_string(i + 1) + "\"}";
    fan += ",\"a" + std::to_string(i) + "\":{\"anyOf\":[" + next + "," + next + "]}";
  }
  EXPECT_THAT(refusal(fan + "}}"), HasSubstr("too"));
  EXPECT_THAT(refusal(std::string(300, '[') + std::string(300, ']')),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(
      refusal(R"({"type":"array","items":{"type":"string","maxLength":90000},"minItems":90000})"),
      HasSubstr("s.json: "));
}

// Against an implementation of JSON schema itself. Needs python3-jsonschema (Debian).
TEST(LongJsonSchemas, PythonAgreesThatTextsMatch) {
  if (std::system("python3 -c 'import jsonschema' 2> /dev/null") != 0) {
    GTEST_SKIP() << "python3-jsonschema is missing";
  }
  const Tokenizer tokenizer = tokenizer_of_json();
  std::mt19937 random(3);
  const TempDir dir;
  const std::string cases = dir.file("cases.jsonl");
  {
    std::ofstream out(cases);
    for (const Json& schema : schemas()) {
      const TokenGrammar grammar(Grammar::from_json_schema(schema.dump(), "schema"), tokenizer);
      Json texts = Json::array();
      for (int i = 0; i < 100; ++i) texts.push_back(test::random_text(grammar, tokenizer, random));
      out << Json{{"schema", schema}, {"texts", texts}}.dump() << "\n";
    }
  }
  const std::string script = test::source_path("tests/data/json_schema_oracle.py");
  EXPECT_EQ(std::system(("python3 " + script + " " + cases).c_str()), 0);
}

}  // namespace
}  // namespace lathe
