// lathe quantize, imatrix and eval, through the commands' own options: the whole loop on the
// packaged model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quant/imatrix/imatrix.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/cli/interrupt.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kOther = test::source_path("tests/data/tiny-olmo2-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-evaluation.txt");

using Output = test::CommandOutput;
using test::run_command;

class Loop : public testing::Test {
 protected:
  std::string out(const std::string& name) const { return dir_.file(name); }
  bool nothing_written() const { return fs::is_empty(dir_.path()); }
  Output quantize(std::vector<std::string> args) const {
    args.insert(args.begin(), "quantize");
    return run_command(add_quantize, std::move(args));
  }
  TempDir dir_;
};

TEST_F(Loop, DryRunPrintsThePlanAndWritesNothing) {
  for (const Output& o : {quantize({"--dry-run", kModel, out("q.gguf"), "q4_k"}),
                          quantize({"--dry-run", kModel, "Q4_K_M"})}) {
    EXPECT_EQ(o.exit_code, 0);
    EXPECT_THAT(o.text, HasSubstr("blk.0.attn_v.weight"));
    EXPECT_THAT(o.text, HasSubstr("outer eighths"));
    EXPECT_THAT(o.text, HasSubstr("5.13 bits per weight"));
    EXPECT_TRUE(nothing_written());
  }
  // Problems are known before any work.
  EXPECT_EQ(quantize({"--dry-run", kModel, "IQ2_XXS"}).exit_code, 2);
}

TEST_F(Loop, ArgumentsThatMakeNoSense) {
  EXPECT_THROW(quantize({kModel, out("q"), "Q99"}), Error);
  EXPECT_THROW(quantize({kModel, out("q"), "Q8_0", "many"}), Error);
  EXPECT_THROW(quantize({kModel, out("q"), "Q8_0", "0"}), Error);
  EXPECT_THROW(quantize({"--output-tensor-type", "q9", kModel, out("q"), "Q8_0"}), Error);
  EXPECT_THROW(quantize({"--imatrix", out("absent"), kModel, out("q"), "Q8_0"}), Error);
  EXPECT_THROW(quantize({"--imatrix", kModel, kModel, out("q"), "Q8_0"}), Error) << "a model";
  EXPECT_THROW(quantize({out("absent"), out("q"), "Q8_0"}), Error);
  EXPECT_THROW(quantize({kModel}), Error) << "no recipe";
  EXPECT_THROW(quantize({}), test::CommandLineError);
  EXPECT_TRUE(nothing_written());
}

TEST_F(Loop, WithoutAnOutputItHasTheUsualNameBesideTheModel) {
  fs::copy_file(kModel, out("model.gguf"));
  const Output written = quantize({out("model.gguf"), "7", "1"});
  EXPECT_EQ(written.exit_code, 0);
  EXPECT_THAT(written.messages, HasSubstr(out("ggml-model-Q8_0.gguf")));
  EXPECT_EQ(
      GgufFile::open(out("ggml-model-Q8_0.gguf")).metadata().require_uint("general.file_type"), 7u);
  EXPECT_THAT(message_of(
                  [&] {
                    quantize({out("model.gguf"), "q8_0"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("is there already"));
}

TEST_F(Loop, RecipesHaveNumbers) {
  EXPECT_THAT(quantize({"--dry-run", kModel, "15"}).text, HasSubstr("\nQ4_K_M: "));
  EXPECT_THAT(quantize({"--dry-run", kModel, out("q"), "2", "3"}).text, HasSubstr("\nQ4_0: "));
  EXPECT_THROW(quantize({kModel, out("q"), "999"}), Error);
  EXPECT_TRUE(nothing_written());
}

TEST_F(Loop, CopyKeepsEveryTensorAndItsFileType) {
  EXPECT_EQ(quantize({kModel, out("q.gguf"), "Q4_K_M"}).exit_code, 0);
  EXPECT_EQ(quantize({"--split-max-tensors", "30", "--override-kv", "general.name=str:mine",
                      out("q.gguf"), out("c.gguf"), "copy"})
                .exit_code,
            0);
  const GgufFile source = GgufFile::open(out("q.gguf"));
  const GgufFile copy = GgufFile::open(out("c-00001-of-00003.gguf"));
  EXPECT_EQ(copy.metadata().require_uint("general.file_type"), 15u);
  EXPECT_EQ(copy.metadata().require_text("general.name"), "mine");
  ASSERT_EQ(copy.tensors().size(), source.tensors().size());
  for (const TensorInfo& t : source.tensors()) {
    const auto a = source.data(t), b = copy.data(copy.require(t.name));
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << t.name;
  }
  EXPECT_THROW(quantize({"--pure", kModel, out("x"), "COPY"}), Error);
}

TEST_F(Loop, WhatCannotBeLoadedIsNotWritten) {
  for (const char* key :
       {"llama.block_count=int:99", "llama.embedding_length=int:17",
        "llama.attention.head_count=str:many", "tokenizer.ggml.model=str:nothing"}) {
    EXPECT_THAT(message_of(
                    [&] {
                      quantize({"--override-kv", key, kModel, out("q"), "Q8_0"});
                    },
                    ErrorKind::kFailed),
                HasSubstr("would not load as a model"));
    EXPECT_TRUE(nothing_written()) << key;
    const Output dry = quantize({"--override-kv", key, "--dry-run", kModel, "Q8_0"});
    EXPECT_EQ(dry.exit_code, 2);
    EXPECT_THAT(dry.messages, HasSubstr("would not load as a model"));
  }
  const Output other =
      quantize({"--override-kv", "general.architecture=str:other", kModel, out("q"), "Q8_0"});
  EXPECT_EQ(other.exit_code, 0);
  EXPECT_THAT(other.messages, HasSubstr("was not loaded as a model: architecture 'other'"));
}

TEST_F(Loop, CollectQuantizeMeasure) {
  const Output collected = run_command(add_imatrix, {"imatrix", "-m", kModel, "-f", kText, "-c",
                                                     "128", "--chunks", "2", "-o", out("im.gguf")});
  EXPECT_EQ(collected.exit_code, 0);
  EXPECT_THAT(collected.text, HasSubstr("[1]"));
  EXPECT_THAT(collected.text, HasSubstr("Final estimate: PPL = "));
  const Imatrix imatrix = read_imatrix(out("im.gguf"));
  EXPECT_EQ(imatrix.chunk_count, 2u);
  EXPECT_EQ(imatrix.chunk_size, 128u);
  EXPECT_THAT(imatrix.datasets, testing::ElementsAre("demo-evaluation.txt"));

  const Output quantized = quantize({"--imatrix", out("im.gguf"), "--output-tensor-type", "q8_0",
                                     kModel, out("q.gguf"), "q4_k_m", "2"});
  EXPECT_EQ(quantized.exit_code, 0);
  EXPECT_THAT(quantized.text, HasSubstr("bits per weight"));
  EXPECT_EQ(GgufFile::open(out("q.gguf")).require("token_embd.weight").format, Format::Q8_0);

  const std::vector<std::string> common = {"-f", kText, "-c", "128", "--chunks", "3", "--json"};
  const auto eval = [&](std::vector<std::string> args) {
    args.insert(args.end(), common.begin(), common.end());
    return json::parse(run_command(add_eval, args).text);
  };
  const json ppl = eval({"eval", "ppl", "-m", out("q.gguf")});
  EXPECT_EQ(ppl["n_chunks"], 3);
  EXPECT_EQ(ppl["n_scored"], 3 * 63);
  EXPECT_EQ(ppl["running_ppl"].size(), 3u);
  EXPECT_EQ(ppl["running_ppl"][2], ppl["ppl"]);
  EXPECT_GT(ppl["ppl_error"], 0.0);

  const json kld = eval({"eval", "kld", "--base", kModel, "-m", out("q.gguf")});
  EXPECT_NEAR(kld["ppl"], ppl["ppl"], 1e-6 * ppl["ppl"].get<double>());
  EXPECT_GT(kld["kld"], 1e-5);
  EXPECT_LT(kld["kld"], 0.05);
  EXPECT_GT(kld["same_top"], 0.8);
  EXPECT_EQ(kld["kld_percentiles"].size(), 11u);
}

TEST_F(Loop, TextOutputOfMeasures) {
  const Output ppl = run_command(
      add_eval, {"eval", "ppl", "-m", kModel, "-f", kText, "-c", "64", "--chunks", "2"});
  EXPECT_THAT(ppl.text,
              testing::MatchesRegex("# lathe .*\n# model: .*\n# text: .*, 2 chunks of 64 tokens\n"
                                    "\\[1\\][0-9.]+,\\[2\\][0-9.]+,\n"
                                    "Final estimate: PPL = [0-9.]+ \\+/- [0-9.]+\n"
                                    "95 % interval \\(.*\\): [0-9.]+ to [0-9.]+\n"));
  const Output kld = run_command(add_eval, {"eval", "kld", "--base", kModel, "-m", kModel, "-f",
                                            kText, "-c", "64", "--chunks", "2"});
  EXPECT_THAT(kld.text, HasSubstr("Mean    KLD:   0.000000 ±   0.000000"));
  EXPECT_THAT(kld.text, HasSubstr("Same top p: 100.000 ± 0.000 %"));
}

TEST_F(Loop, TextsThatAreTooShortAreRefused) {
  EXPECT_THROW(run_command(add_eval, {"eval", "ppl", "-m", kModel, "-f", kText, "-c", "1000000"}),
               Error);
  EXPECT_THROW(run_command(add_imatrix, {"imatrix", "-m", kModel, "-f", kText, "-c", "1000000",
                                         "-o", out("im.gguf")}),
               Error);
  EXPECT_TRUE(nothing_written());
}

TEST(Interrupt, SetsAFlagWhileAGuardLives) {
  {
    const InterruptGuard guard;
    EXPECT_FALSE(InterruptGuard::requested());
    raise(SIGINT);
    EXPECT_TRUE(InterruptGuard::requested());
  }
  const InterruptGuard again;
  EXPECT_FALSE(InterruptGuard::requested());
}

}  // namespace
}  // namespace lathe
