// The language of chat templates: snippets and what Jinja2 makes of them
// (tests/data/jinja_oracle.py), errors, and bounds.
#include "runtime/text/jinja/jinja.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/error_of.h"
#include "tests/support/source_path.h"

namespace lathe::jinja {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::StartsWith;

std::string render(const std::string& source, const Json& context = Json::object()) {
  return Template(source, "template").render(context, 0);
}

std::string error_of(const std::string& source, const Json& context = Json::object()) {
  return message_of([&] { render(source, context); }, ErrorKind::kBadInput);
}

TEST(Jinja, SnippetsGiveWhatJinja2Gives) {
  std::ifstream file(test::source_path("tests/data/jinja-cases.json"));
  const Json golden = Json::parse(file);
  for (const Json& c : golden["cases"]) {
    const std::string source = c["template"];
    if (c.contains("error")) {
      EXPECT_THROW(render(source, golden["context"]), Error) << source;
    } else {
      std::string text;
      EXPECT_NO_THROW(text = render(source, golden["context"])) << source;
      EXPECT_EQ(text, c["output"]) << source;
    }
  }
}

TEST(Jinja, ErrorsNameTheLineAndWhatStandsThere) {
  EXPECT_EQ(error_of("a\n\n{{ 'x' | join(missing.y) }}"),
            "template: line 3, in the attribute 'y': 'missing' is undefined");
  EXPECT_THAT(
      error_of("\n{% for a in 5 %}{% endfor %}"),
      StartsWith("template: line 2, in an expression: a value of type int cannot be walked"));
  EXPECT_EQ(error_of("x\n{% if a %}\n\n"),
            "template: line 2: the block {% if %} is not closed by {% endif %}");
  EXPECT_EQ(error_of("\n{{ 1 + }}"), "template: line 2: expected an expression, found '}}'");
  EXPECT_EQ(error_of("{{ 1 | nope }}"), "template: line 1: there is no filter 'nope'");
  EXPECT_EQ(error_of("{{ raise_exception('roles must alternate') }}"),
            "template: line 1, in the call raise_exception(): the template refuses: roles must "
            "alternate");
  EXPECT_THAT(error_of("{% import 'os' as x %}"), HasSubstr("unexpected block 'import'"));
}

TEST(Jinja, ReachesNothingBehindItsValues) {
  EXPECT_EQ(render("{{ ''.__class__ }}|{{ {}.__init__ }}|{{ range.__globals__ }}|{{ self }}"),
            "|||");
  EXPECT_THROW(render("{{ ''.__class__.__mro__ }}"), Error);
}

TEST(Jinja, StrftimeTellsTheTimeItIsGiven) {
  EXPECT_EQ(Template("{{ strftime_now('%Y-%m-%d') }}", "t").render(Json::object(), 86400 * 365),
            "1971-01-01");
  EXPECT_THROW(render("{{ strftime_now('%9999d') }}"), Error);
}

// Each would take for ever, or all memory, or the stack.
const char* const kHostile[] = {
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}"
    "{% endfor %}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}"
    "{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(90000) %}{% set ns.l = [ns.l, ns.l] %}"
    "{% endfor %}{{ ns.l }}",
    "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
    "{{ 'x' * 1000000000000 }}",
    "{{ [0] * 1000000000000 }}",
    "{{ 'ab' | replace('', 'x' * 10000000) }}",
    "{% set s = 'a' * 1000000 %}{% for i in range(10000) %}{{ s }}{% endfor %}",
    "{% set s = 'a' * 3000000 %}{% for i in range(10000) %}{% if (s + 'b') in (s * 2) %}{% endif %}"
    "{% endfor %}",
    "{% set s = 'a' * 2000000 %}{{ s.rfind('a' * 1000000 + 'b') }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
    "{% set s = 'ab ' * 1000000 %}{% for i in range(10000) %}{% set t = s.split() %}{% endfor %}",
    "{% set l = range(99999) | list %}{% for i in range(10000) %}{{ l | sort | length }}{% endfor "
    "%}",
    "{% set s = ' ' * 8000000 %}{% for i in range(10000) %}{% set t = s | trim %}{% endfor %}",
    "{% set s = ' ' * 8000000 %}{% for i in range(10000) %}{% set t = s.rstrip() %}{% endfor %}",
    "{{ 2 ** 1000000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'x'.center(100000000000) }}",
    "{{ [1] | tojson(indent=1000000000) }}",
    "{{ range(99999) | list | unique | list | length }}",
    "{% set d = dict() %}{% for i in range(100000) %}{{ range(100000) | slice(100000) | list }}"
    "{% endfor %}",
};

TEST(Jinja, HostileTemplatesEndInAnError) {
  for (const char* source : kHostile) {
    EXPECT_THAT(error_of(source), StartsWith("template: line 1")) << source;
  }
}

TEST(Jinja, NestingIsBounded) {
  const auto times = [](std::string_view text, int n) {
    std::string all;
    for (int i = 0; i < n; ++i) all += text;
    return all;
  };
  constexpr int kMany = 100'000;
  for (const std::string& source : {
           "{{ " + times("(", kMany),
           "{{ " + times("[", kMany),
           "{{ " + times("{1:", kMany),
           "{{ " + times("not ", kMany) + "1 }}",
           "{{ " + times("-", kMany) + "1 }}",
           "{{ " + times("a.", kMany) + "a }}",
           "{{ " + times("1 + ", kMany) + "1 }}",
           "{{ 1" + times(" | abs", kMany) + " }}",
           "{{ a" + times("[0]", kMany) + " }}",
           "{{ a" + times("()", kMany) + " }}",
           times("{% if 1 %}", kMany),
           times("{% for x in [1] %}", kMany),
           "{{ 1" + times(" if 1 else 1", kMany) + " }}",
           "{% set " + times("(", kMany) + " = 1 %}",
       }) {
    EXPECT_THROW(render(source), Error) << source.substr(0, 40);
  }
  EXPECT_EQ(render("{{ " + times("1 + ", 200) + "1 }}"), "201");
}

TEST(Jinja, DataAreBounded) {
  Json deep = 1;
  for (int i = 0; i < 200; ++i) deep = Json::array({deep});
  EXPECT_THAT(error_of("x", {{"deep", deep}}), HasSubstr("nested too deeply"));
  EXPECT_THAT(error_of("x", {{"n", 18446744073709551615U}}), HasSubstr("beyond 64 bits"));
  EXPECT_THROW(render("x", Json::array()), Error);
  EXPECT_THROW(Template(std::string(2 << 20, 'x'), "template"), Error);
}

TEST(Jinja, BytesThatAreNoUtf8Stay) {
  EXPECT_EQ(render("{{ a ~ a | length ~ a[0] ~ (a | upper) }}", {{"a", "x\xFF"}}),
            "x\xFF"
            "2xX\xFF");
}

}  // namespace
}  // namespace lathe::jinja
