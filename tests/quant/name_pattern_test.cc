// Patterns for names: what std::regex, the library of the llama.cpp tools, takes means the same;
// what crashes it or never ends is an error at once.
#include "quant/plan/name_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "runtime/base/error.h"
#include "tests/support/error_of.h"

namespace lathe {
namespace {

using testing::HasSubstr;

const char* const kNames[] = {"token_embd.weight",        "output.weight",
                              "output_norm.weight",       "blk.0.attn_q.weight",
                              "blk.3.attn_v.weight",      "blk.17.attn_output.weight",
                              "blk.31.ffn_down.weight",   "blk.107.ffn_gate_exps.weight",
                              "blk.0.attn_qkv.bias",      "rope_freqs.weight",
                              "blk.11.ssm_conv1d.weight", "x"};

TEST(NamePattern, MeansWhatStdRegexMeans) {
  for (const char* pattern : {"attn_v",
                              "blk.3.attn_v.weight",
                              "\\.([0-9]|1[01257]|31)\\.attn_k",
                              "^output",
                              "weight$",
                              "^blk\\.(0|1|2|3)\\.",
                              "blk\\.(?!0\\.)",
                              "blk\\.(?=1)",
                              "ffn_(up|gate|down)",
                              "^(?!blk)",
                              "[0-9]{2,}",
                              "[0-9]{2}\\.",
                              "blk\\.\\d\\.",
                              "\\bffn",
                              "\\bdown\\b",
                              "\\w+_\\w+\\.weight",
                              "[[:digit:]]+\\.attn",
                              "[^a-z._0-9]",
                              "(t)\\1",
                              "(a|b)?lk",
                              ".*",
                              "",
                              "blk\\..*\\.weight",
                              "b.?k",
                              "a{0}output",
                              "(?:attn|ffn)_.+?\\.",
                              "ffn_down|attn_v|output\\.",
                              "\\x62lk",
                              "\\u0062lk",
                              "[\\w.]+$",
                              "[\\d]{3}",
                              "weight\\s",
                              "(()|o)utput",
                              "^$|x$",
                              "\\S\\.\\S"}) {
    const std::regex expected(pattern);
    const NamePattern found(pattern);
    for (const char* name : kNames) {
      EXPECT_EQ(found.found_in(name), std::regex_search(name, expected)) << pattern << " " << name;
    }
  }
}

std::string refusal(const std::string& pattern) {
  return message_of([&] { NamePattern{pattern}; }, ErrorKind::kUsage);
}

std::string repeated(const char* text, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

TEST(NamePattern, WhatIsNoPatternIsRefusedWithItsPlace) {
  EXPECT_THAT(refusal("attn_(v"), HasSubstr("no regular expression"));
  EXPECT_THAT(refusal("attn_(v"), HasSubstr("at character 8"));
  for (const char* pattern :
       {"[a", "*a", "a)", "(?<a", "a{2,1}", "\\", "(?P<n>a)(?P<n>b)", "[z-a]"}) {
    EXPECT_THAT(refusal(pattern), HasSubstr("no regular expression")) << pattern;
  }
}

TEST(NamePattern, LengthAndNestingHaveBounds) {
  const std::string open = repeated("(", 1'000'000), close = repeated(")", 1'000'000);
  EXPECT_THAT(refusal(open + "a" + close), HasSubstr("too long: 2000001 bytes"));
  EXPECT_THAT(refusal(repeated("(", 10'000)), HasSubstr("no regular expression"));
  EXPECT_THAT(refusal(repeated("(", 101) + "a" + repeated(")", 101)), HasSubstr("nested"));
  EXPECT_THAT(refusal(repeated("(?=", 5'000) + "a" + repeated(")", 5'000)),
              HasSubstr("no regular expression"));
  EXPECT_THAT(refusal("((a{1000}){1000}){1000}"), HasSubstr("no regular expression"));
  EXPECT_TRUE(NamePattern(repeated("(", 99) + "blk" + repeated(")", 99)).found_in(kNames[3]));
  const NamePattern alternatives(repeated("nothing|", 2000) + "attn_v");
  EXPECT_TRUE(alternatives.found_in("blk.3.attn_v.weight"));
  EXPECT_FALSE(alternatives.found_in("blk.3.attn_k.weight"));
}

TEST(NamePattern, ASearchThatWouldNotEndIsAnError) {
  const std::string name = "blk.0." + repeated("a", 5'000) + ".weight";
  for (const char* pattern :
       {"(a+)+$", "(a|aa)+$", "(a*)*[!?]", "(.*)*[!?]$", "((a?)+)+[!?]", "(.|.)*[!?]"}) {
    EXPECT_THAT(message_of([&] { NamePattern(pattern).found_in(name); }, ErrorKind::kUsage),
                HasSubstr("takes too long"))
        << pattern;
  }
  EXPECT_FALSE(NamePattern("(a+)+$").found_in("blk.0.attn_q.weight"));
  EXPECT_TRUE(NamePattern("(a|b)*\\.weight$").found_in(name.substr(4900)));
}

}  // namespace
}  // namespace lathe
