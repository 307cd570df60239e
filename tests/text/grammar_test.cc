// GBNF: what is read, what is refused and how, which texts match.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/text/grammar/automaton.h"
#include "runtime/text/grammar/program.h"
#include "runtime/text/grammar/syntax.h"
#include "runtime/text/grammar/utf8_ranges.h"
#include "runtime/text/utf8.h"

namespace lathe::grammar {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Program> read(const std::string& gbnf) {
  const Syntax syntax = parse_gbnf(gbnf, "g.gbnf");
  check_syntax(syntax);
  return compile(syntax);
}

enum class Match { kWhole, kBeginning, kNo };

Match match(Automaton& automaton, const std::string& text) {
  StateId state = automaton.start();
  for (const char byte : text) state = automaton.next(state, static_cast<std::uint8_t>(byte));
  if (state == kDead) return Match::kNo;
  return automaton.may_end(state) ? Match::kWhole : Match::kBeginning;
}

void expect_matches(const std::string& gbnf, const std::vector<std::string>& whole,
                    const std::vector<std::string>& beginnings,
                    const std::vector<std::string>& no) {
  SCOPED_TRACE(gbnf);
  Automaton automaton(read(gbnf));
  for (const std::string& text : whole) EXPECT_EQ(match(automaton, text), Match::kWhole) << text;
  for (const std::string& text : beginnings) {
    EXPECT_EQ(match(automaton, text), Match::kBeginning) << text;
  }
  for (const std::string& text : no) EXPECT_EQ(match(automaton, text), Match::kNo) << text;
}

// What an Error says; nothing where there is none.
template <typename Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    return error.what();
  }
  return {};
}

std::string refusal(const std::string& gbnf) {
  return error_of([&] { read(gbnf); });
}

TEST(GrammarText, LiteralsAndEscapes) {
  expect_matches(R"(root ::= "a\n\r\t\\\"\[\]\x41\u00e9\U0001F600é")",
                 {"a\n\r\t\\\"[]A\u00e9\U0001F600\u00e9"}, {"", "a\n", "a\n\r\t\\\"[]A\xC3"},
                 {"b"});
  expect_matches("root ::= \"\"", {""}, {}, {"a"});
}

TEST(GrammarText, ChoicesGroupsAndRepetitions) {
  expect_matches("root ::= \"a\" | \"b\" \"c\"", {"a", "bc"}, {"", "b"}, {"ab", "c"});
  expect_matches("root ::= (\"a\" | \"b\")* \"c\"", {"c", "abbac"}, {"", "ab"}, {"cc"});
  expect_matches("root ::= \"a\"+", {"a", "aaaa"}, {""}, {"b"});
  expect_matches("root ::= \"a\"? \"b\"", {"b", "ab"}, {"a"}, {"aa"});
  expect_matches("root ::= \"a\"{3}", {"aaa"}, {"", "aa"}, {"aaaa"});
  expect_matches("root ::= \"ab\"{2,}", {"abab", "ababab"}, {"ab", "aba"}, {"abb"});
  expect_matches("root ::= [ab]{1,3}", {"a", "bab"}, {""}, {"abab"});
  expect_matches("root ::= [ab]{,2} \"c\"", {"c", "abc"}, {"ab"}, {"aba"});
  expect_matches("root ::= \"a\"{0}", {""}, {}, {"a"});
  expect_matches("root ::= | \"x\"", {"", "x"}, {}, {"xx"});
  expect_matches("root ::= (\"a\"? \"b\"?){2}", {"", "ab", "ba", "abab", "aa"}, {},
                 {"aaa",
                  "bab"
                  "b"});
  expect_matches("root ::= (\"a\"*)* \"b\"", {"b", "aab"}, {"aa"}, {"c"});
}

TEST(GrammarText, LinesAndComments) {
  expect_matches(
      "# first\nroot ::= item+ # items\n\n  item ::=\n  \"x\" |\n  \"y\"\n  | (\n \"z\"\n\n \"!\" "
      ")\r\n",
      {"x", "yz!"}, {"z"}, {"!"});
  expect_matches("a-1_b ::= \"x\"\r\nroot::=a-1_b", {"x"}, {}, {"y"});
}

TEST(GrammarText, RulesMayBeRecursive) {
  expect_matches("root ::= \"(\" root \")\" | \"x\"", {"x", "((x))"}, {"((x)"}, {"((x)))", ")"});
  expect_matches("root ::= list\nlist ::= [0-9] | [0-9] \",\" list", {"1", "1,2,3"}, {"1,"},
                 {",", "12"});
  // Palindromes: no automaton without a stack, and many stacks at once.
  expect_matches("root ::= \"a\" root \"a\" | \"b\" root \"b\" | \"c\"", {"abcba"}, {"ab", "abcb"},
                 {"abca"});
  expect_matches("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"", {"aaadbcb"}, {"aaad"},
                 {"aadbbb"});
  // Of a rule that may be nothing, in a loop.
  expect_matches("root ::= (ws \"x\" ws)* \".\"\nws ::= [ ]*", {".", "x.", "  x x  ."}, {"x "},
                 {"y"});
}

TEST(GrammarText, ClassesHoldExactlyTheirCharacters) {
  Automaton automaton(
      read(R"(root ::= [^\x00-\x1Fa-z\]\-é-ü\u0800\uD7FF-\uE000\U00010000-\U000FFFFF])"));
  for (char32_t c = 0; c <= 0x110000; ++c) {
    std::string text;
    if (c > kLastCodePoint || (c >= 0xD800 && c <= 0xDFFF)) continue;
    append_utf8(text, c);
    const bool excluded = c <= 0x1F || (c >= 'a' && c <= 'z') || c == ']' || c == '-' ||
                          (c >= 0xE9 && c <= 0xFC) || c == 0x800 || c == 0xD7FF || c == 0xE000 ||
                          (c >= 0x10000 && c <= 0xFFFFF);
    ASSERT_EQ(match(automaton, text), excluded ? Match::kNo : Match::kWhole)
        << static_cast<unsigned>(c);
  }
}

TEST(GrammarText, AnyCharacterIsWellFormed) {
  Automaton automaton(read("root ::= ."));
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      for (const char* rest : {"", "\x80", "\x80\x80", "\xBF\xBF"}) {
        std::string text = {static_cast<char>(a), static_cast<char>(b)};
        text += rest;
        const bool is_char = is_valid_utf8(text) && decode_utf8(text, 0).length == text.size();
        ASSERT_EQ(match(automaton, text) == Match::kWhole, is_char) << a << " " << b;
      }
    }
  }
}

TEST(GrammarText, ByteSequencesCoverEachCharacterOnce) {
  const CharRanges ranges =
      normalized({{0x41, 0x7FF}, {0x900, 0x12345}, {0x10FFFE, 0x10FFFF}, {0xD000, 0xDFFF}});
  const std::vector<ByteSequence> sequences = byte_sequences(ranges);
  for (char32_t c = 0; c <= kLastCodePoint; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    int n = 0;
    for (const ByteSequence& s : sequences) {
      bool inside = s.length == text.size();
      for (std::size_t i = 0; inside && i < s.length; ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        inside = s.ranges[i].first <= byte && byte <= s.ranges[i].last;
      }
      n += inside;
    }
    const bool expected =
        (c >= 0x41 && c <= 0x7FF) || (c >= 0x900 && c <= 0x12345) || c >= 0x10FFFE;
    ASSERT_EQ(n, expected ? 1 : 0) << static_cast<unsigned>(c);
  }
}

TEST(GrammarErrors, NameThePlaceAndWhatWasExpected) {
  const std::pair<std::string, std::string> cases[] = {
      {"root := \"a\"", "line 1, column 6: expected ::= after the name of a rule, found ':'"},
      {"root ::= \"a\n", "line 1, column 10: expected a \" that closes this literal"},
      {"root ::= \"a\"\n  1", "line 2, column 3: expected the name of a rule, found '1'"},
      {"root ::= [a", "line 1, column 10: expected a ] that closes this class"},
      {"root ::= [z-a]", "line 1, column 11: the range 'z-a' goes backwards"},
      {"root ::= []", "line 1, column 10: a class without characters"},
      {"root ::= \"\\q\"", "line 1, column 11: expected one of the escapes"},
      {"root ::= \"\\u12g4\"", "line 1, column 15: expected 4 hexadecimal digits, found 'g'"},
      {"root ::= \"\\uD800\"", "line 1, column 11: \\uD800 is no character"},
      {"root ::= \"é\" )",
       "line 1, column 14: expected a literal, a class, a rule, ( or | in the rule 'root', found "
       "')'"},
      {"root ::= (\"a\"\nb ::= \"c\"", "line 2, column 1: expected ) before the next rule"},
      {"root ::= (\"a\"", "expected ) or more of the group, found the end of the grammar"},
      {"root ::= \"a\"{3,2}", "line 1, column 13: a repetition of 3 to 2 times"},
      {"root ::= \"a\"{x}", "line 1, column 14: expected a number, found 'x'"},
      {"root ::= \"a\"{200000}", "line 1, column 14: expected a number of at most 100000"},
      {"root ::= *", "found '*'"},
      {"root ::= a\n\na ::= b", "line 3, column 7: there is no rule 'b'"},
      {"root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: the rule 'root' is written twice"},
      {"a ::= \"a\"", "there is no rule 'root'"},
      {"", "there is no rule 'root'"},
      {"root ::= \"\xFF\"", "expected UTF-8"},
      {"root ::= " + std::string(200, '('), "parentheses are nested deeper than 100"},
      {"root ::= \"a\"" + std::string(200, '*'), "too many repetitions of a repetition"},
  };
  for (const auto& [gbnf, expected] : cases) {
    EXPECT_THAT(refusal(gbnf), HasSubstr("g.gbnf: ")) << gbnf;
    EXPECT_THAT(refusal(gbnf), HasSubstr(expected)) << gbnf;
  }
}

TEST(GrammarErrors, LeftRecursionIsNamed) {
  EXPECT_THAT(refusal("root ::= root \"a\" | \"b\""),
              HasSubstr("'root' begins with itself (root -> root)"));
  EXPECT_THAT(refusal("root ::= a\na ::= b \"x\"\nb ::= \"y\" | a"), HasSubstr("(a -> b -> a)"));
  // Behind what may be nothing.
  EXPECT_THAT(refusal("root ::= ws root | \"b\"\nws ::= \" \"*"), HasSubstr("root -> root"));
  EXPECT_THAT(refusal("root ::= (\"\" | \"a\") [b]{0,3} root | \"b\""), HasSubstr("root -> root"));
  EXPECT_EQ(refusal("root ::= \"a\" root | \"b\""), "");
}

TEST(GrammarErrors, WhatNeverMatchesIsNamed) {
  EXPECT_THAT(refusal("root ::= \"a\" | b\nb ::= \"x\" b"),
              HasSubstr("the rule 'b' never comes to an end"));
  EXPECT_THAT(refusal("root ::= \"a\" root+"), HasSubstr("'root' never comes to an end"));
  EXPECT_EQ(refusal("root ::= \"a\" root*"), "");
}

TEST(GrammarErrors, SizesAreBounded) {
  EXPECT_THAT(refusal("root ::= ((\"abc\"{1000}){1000}){1000}"), HasSubstr("too large"));
  EXPECT_THAT(refusal("root ::= ((\"\"{100000}){100000}){100000}"), HasSubstr("too large"));
  EXPECT_THAT(refusal("root ::= (\"\"?){100000}"), HasSubstr("too large"));
  std::string deep = "root ::= r0\n";
  for (int i = 0; i < 1200; ++i) {
    deep += "r" + std::to_string(i) + " ::= [a-z]* r" + std::to_string(i + 1) + " \"x\"\n";
  }
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 15'000; ++i) {
    chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "\n";
  }
  EXPECT_EQ(refusal(chain + "r15000 ::= \"y\""), "");
  EXPECT_THAT(refusal(deep + "r1200 ::= \"y\""), HasSubstr("opens 1199 rules"));
}

// At the greatest depth a text must close what it has opened; it never gets stuck.
TEST(GrammarText, DepthIsBoundedWithoutDeadEnds) {
  Automaton automaton(
      read("root ::= \"[\" inner \"]\" | \"x\"\ninner ::= root | \"{\" pair \"}\"\npair ::= root "
           "\",\" root"));
  StateId state = automaton.start();
  std::size_t n_open = 0;
  for (;; ++n_open) {
    const StateId next = automaton.next(state, '[');
    if (next == kDead) break;
    state = next;
    ASSERT_LT(n_open, 10'000u);
  }
  EXPECT_GE(n_open, kMostDepth / 2 - 10);
  EXPECT_LE(n_open, kMostDepth);
  state = automaton.next(state, 'x');
  for (; n_open > 0; --n_open) {
    ASSERT_NE(state, kDead);
    EXPECT_FALSE(automaton.may_end(state));
    state = automaton.next(state, ']');
  }
  EXPECT_TRUE(automaton.may_end(state));
}

// A list by recursion at the end of a rule has no depth.
TEST(GrammarText, ListsByRecursionAreOfAnyLength) {
  Automaton automaton(read("root ::= item root | \"\"\nitem ::= [a-z]{12} | \".\""));
  StateId state = automaton.start();
  for (int i = 0; i < 100'000; ++i) state = automaton.next(state, '.');
  EXPECT_TRUE(automaton.may_end(state));
  EXPECT_FALSE(automaton.is_full());
}

TEST(GrammarText, AmbiguityBeyondTheBoundIsTold) {
  std::string gbnf = "root ::= ";
  for (int i = 0; i < 25'000; ++i) gbnf += "\"a" + std::to_string(i) + "\" | ";
  Automaton automaton(read(gbnf + "\"b\""));
  EXPECT_THAT(error_of([&] { automaton.next(automaton.start(), 'a'); }),
              HasSubstr("more than 20000 places at once"));
}

TEST(GrammarText, AStateIsCopiedToAnotherAutomaton) {
  const auto program = read("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"");
  Automaton from(program), to(program);
  StateId state = from.start();
  for (const char c : std::string("aaad")) state = from.next(state, static_cast<std::uint8_t>(c));
  StateId copy = to.copy(from, state);
  for (const char c : std::string("bcb")) {
    copy = to.next(copy, static_cast<std::uint8_t>(c));
    ASSERT_NE(copy, kDead);
  }
  EXPECT_TRUE(to.may_end(copy));
  EXPECT_EQ(to.next(copy, 'b'), kDead);
}

}  // namespace
}  // namespace lathe::grammar
