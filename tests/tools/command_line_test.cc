// Command lines as people of this field type them.
#include "tools/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/support/line_run.h"
#include "tools/cli/number_checks.h"

namespace lathe {
namespace {

using test::read_line;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Args = std::vector<std::string>;

std::string refusal(const Args& args) {
  try {
    const Args taken = read_line(args).args;
    return "taken: " + testing::PrintToString(taken);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
}

TEST(CommandLine, LongNamesWithOneDashAreWidened) {
  EXPECT_THAT(read_line({"bench", "-m", "x", "-pg", "8,8", "-ub", "4"}).args,
              ElementsAre("bench", "-m", "x", "--pg", "8,8", "--ub", "4"));
  EXPECT_THAT(read_line({"run", "-m=x", "-ctk=f32", "-t4", "-n-1", "-v"}).args,
              ElementsAre("run", "-m", "x", "--ctk=f32", "-t4", "-n-1", "-v"));
}

TEST(CommandLine, ValuesAreNoOptions) {
  const Args args = {"run", "-m", "x", "-p", "-ngl", "--stop", "--nonsense", "-n", "-1"};
  EXPECT_EQ(read_line(args).args, args);
  const Args after = {"inspect", "--", "-fa"};
  EXPECT_EQ(read_line(after).args, after);
}

// None of them reaches CLI11, which would take "-fa on" for the file "a".
TEST(CommandLine, OptionsWithoutMeaningHereAreLeftOutWithANote) {
  const Args given = {"-ngl",  "99",     "-fa",     "on",  "--no-mmap", "-kvu",
                      "-nkvo", "--numa", "isolate", "-tb", "8",         "-sm",
                      "row",   "-dev",   "CUDA0",   "-ts", "1,1"};
  for (const std::string command : {"run", "bench", "quantize", "inspect", "imatrix", "stats"}) {
    Args args = {command};
    args.insert(args.end(), given.begin(), given.end());
    args.insert(args.end(), {"-fa", "model.gguf"});  // a switch without a value
    const CommandLine line = read_line(args);
    EXPECT_THAT(line.args, ElementsAre(command, "model.gguf"));
    ASSERT_EQ(line.notes.size(), 11u) << command;
    EXPECT_EQ(line.notes[0], "-ngl has no meaning here: lathe runs on the CPU");
  }
  EXPECT_THAT(read_line({"eval", "ppl", "--n-gpu-layers=99", "-m", "x"}).args,
              ElementsAre("eval", "ppl", "-m", "x"));
  EXPECT_THAT(read_line({"run", "-cnv", "-no-cnv", "--no-warmup", "-m", "x"}).args,
              ElementsAre("run", "-m", "x"));
}

TEST(CommandLine, WhatACommandHasIsNotForeign) {
  EXPECT_THAT(read_line({"bench", "--no-warmup", "-m", "x"}).notes, IsEmpty());
  EXPECT_THAT(read_line({"bench", "-r", "3", "-m", "x"}).args,
              ElementsAre("bench", "-r", "3", "-m", "x"));
}

TEST(CommandLine, OptionsThatWouldChangeTheResultAreRefused) {
  EXPECT_THAT(refusal({"run", "-hf", "a/b"}), HasSubstr("downloads nothing"));
  EXPECT_THAT(refusal({"run", "-sysf", "system.txt"}), HasSubstr("use --system"));
  EXPECT_THAT(refusal({"run", "-mu", "http://x"}), HasSubstr("downloads nothing"));
  EXPECT_THAT(refusal({"run", "--lora", "x"}), HasSubstr("not in lathe"));
  EXPECT_THAT(refusal({"eval", "ppl", "--kl-divergence"}), HasSubstr("eval kld"));
}

TEST(CommandLine, UnknownOptionsNameTheNearest) {
  EXPECT_EQ(refusal({"run", "--modle", "x"}),
            "run has no option --modle; did you mean --model? (see lathe run --help)");
  EXPECT_THAT(refusal({"eval", "ppl", "--chunk=3"}), HasSubstr("did you mean --chunks?"));
  EXPECT_THAT(refusal({"run", "-mx"}), HasSubstr("run has no option -mx"));
  EXPECT_THAT(refusal({"run", "-zz"}), HasSubstr("no option -zz"));
  EXPECT_EQ(refusal({"run", "--qqqqqqqqqq"}),
            "run has no option --qqqqqqqqqq (see lathe run --help)");
  EXPECT_THAT(refusal({"--modle"}), HasSubstr("there is no option"));
}

TEST(CommandLine, UnknownCommandsNameTheNearestOrWhatToUse) {
  EXPECT_THAT(refusal({"inspekt"}), HasSubstr("did you mean inspect?"));
  EXPECT_THAT(refusal({"quantiz"}), HasSubstr("did you mean quantize?"));
  EXPECT_THAT(refusal({"eval", "pll"}), HasSubstr("eval has no command 'pll'; did you mean"));
  EXPECT_THAT(refusal({"perplexity"}), HasSubstr("use `lathe eval ppl`"));
  EXPECT_THAT(refusal({"llama-bench"}), HasSubstr("use `lathe bench`"));
  EXPECT_THAT(refusal({"kl-divergence"}), HasSubstr("use `lathe eval kld`"));
  EXPECT_THAT(refusal({"quantise"}), HasSubstr("use `lathe quantize`"));
  EXPECT_THAT(refusal({"cli"}), HasSubstr("use `lathe chat`"));
  EXPECT_THAT(refusal({"serve"}), HasSubstr("not in lathe yet"));
  EXPECT_THAT(refusal({"convert_hf_to_gguf.py"}), HasSubstr("use `lathe convert`"));
  EXPECT_THAT(refusal({"zzzzzzzz"}), HasSubstr("there are: bench chat checkpoints convert cpu eval"));
  EXPECT_THAT(refusal({}), HasSubstr("no command is given (there are: bench"));
  EXPECT_THAT(refusal({"eval"}), HasSubstr("no command is given (there are: ppl"));
  EXPECT_THAT(read_line({"--help"}).args, ElementsAre("--help"));
  EXPECT_THAT(refusal({std::string(100000, 'x')}), HasSubstr("no command"));
}

TEST(NumberChecks, WholeNumbers) {
  for (const char* good : {"1", "4096"}) EXPECT_EQ(whole_number(1, 4096)(good), "") << good;
  for (const char* bad :
       {"0", "4097", "-1", "1.5", "", "x", "1x", " 1", "nan", "99999999999999999999"}) {
    EXPECT_NE(whole_number(1, 4096)(bad), "") << bad;
  }
  EXPECT_EQ(whole_number(-1)("-1"), "");
  EXPECT_EQ(one_or_more("0"), "expected a whole number of 1 or more, found '0'");
  EXPECT_EQ(zero_or_more("0"), "");
}

TEST(NumberChecks, RealNumbers) {
  for (const char* good : {"0", "1", "0.5", "1e-3"}) EXPECT_EQ(real_number(0, 1)(good), "") << good;
  for (const char* bad : {"-0.1", "1.1", "nan", "inf", "-inf", "", "x", "0.5x"}) {
    EXPECT_NE(real_number(0, 1)(bad), "") << bad;
  }
  EXPECT_EQ(real_number()("-1e300"), "");
  EXPECT_NE(real_number()("1e999"), "");
  EXPECT_EQ(real_number(0)("-1"), "expected a number of 0 or more, found '-1'");
}

}  // namespace
}  // namespace lathe
