// lathe inspect, through the command's own options.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/base/error.h"
#include "tests/support/command_run.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::HasSubstr;

std::string run_inspect(std::vector<std::string> args) {
  args.insert(args.begin(), "inspect");
  return test::run_command(add_inspect, std::move(args)).text;
}

std::string write_model(const TempDir& dir) {
  GgufBuilder b;
  b.kv_text("general.architecture", "llama").kv_text("general.name", "line\nbreak\x1b");
  b.kv_strings("tokenizer.ggml.tokens", {"a", "b", "c", "d", "e", "f", "g", "\xff"});
  b.kv<float>("llama.rope.freq_base", 10000);
  b.tensor("token_embd.weight", {256, 2}, 1, 1024).tensor("blk.0.ffn_up.weight", {256, 3}, 12, 432);
  b.write(dir.file("m.gguf"));
  return dir.file("m.gguf");
}

TEST(Inspect, Text) {
  const TempDir dir;
  const std::string out = run_inspect({write_model(dir), "--tensors"});
  EXPECT_THAT(out, HasSubstr("architecture  llama\n"));
  EXPECT_THAT(out, HasSubstr("tensors       2 with 1280 elements in 1456 bytes\n"));
  EXPECT_THAT(out, HasSubstr("bits/weight   9.1000\n"));
  EXPECT_THAT(out, HasSubstr("string[8]  ['a', 'b', 'c', 'd', 'e', 'f', ...]\n"));
  EXPECT_THAT(out, HasSubstr("'line\\x0abreak\\x1b'"));  // nothing a terminal would obey
  EXPECT_THAT(out, HasSubstr("blk.0.ffn_up.weight  256 x 3  q4_K"));
}

TEST(Inspect, Full) {
  const TempDir dir;
  EXPECT_THAT(run_inspect({write_model(dir), "--full"}), HasSubstr("'f', 'g', '\xff']\n"));
}

TEST(Inspect, Json) {
  const TempDir dir;
  const auto json = nlohmann::json::parse(run_inspect({"-m", write_model(dir), "--json"}));
  EXPECT_EQ(json["bits_per_weight"], 9.1);
  EXPECT_EQ(json["n_elements"], 1280);
  EXPECT_EQ(json["metadata"]["llama.rope.freq_base"]["value"], 10000.0);
  EXPECT_EQ(json["metadata"]["tokenizer.ggml.tokens"]["length"], 8);
  EXPECT_EQ(json["metadata"]["tokenizer.ggml.tokens"]["truncated"], true);
  EXPECT_EQ(json["tensors"][1]["shape"], (std::vector<int>{256, 3}));
  EXPECT_EQ(json["tensors"][1]["layer"], 0);
  EXPECT_EQ(json["tensors"][1]["role"], "ffn_up");
  EXPECT_TRUE(json["tensors"][0]["layer"].is_null());
  EXPECT_EQ(json["by_layer"][0]["name"], "blk.0");
  EXPECT_EQ(json["by_layer"][0]["bits_per_weight"], 4.5);
  EXPECT_EQ(json["by_role"][0]["bytes"], 1024);
}

TEST(Inspect, JsonWithBytesThatAreNoText) {
  const TempDir dir;
  const auto json = nlohmann::json::parse(run_inspect({write_model(dir), "--json", "--full"}));
  EXPECT_EQ(json["metadata"]["tokenizer.ggml.tokens"]["value"][7], "\xef\xbf\xbd");
}

TEST(Inspect, LongTablesLoseTheirMiddleUnlessAllIsAskedFor) {
  const TempDir dir;
  GgufBuilder b;
  for (int i = 0; i < 200; ++i) b.kv<float>(fmt::format("key.{:03}", i), 1);
  b.write(dir.file("m.gguf"));
  const std::string cut = run_inspect({dir.file("m.gguf")});
  EXPECT_THAT(cut, HasSubstr("key.031"));
  EXPECT_THAT(cut, HasSubstr("\n... 152 more rows (--full shows all)\n"));
  EXPECT_THAT(cut, testing::Not(HasSubstr("key.100")));
  EXPECT_THAT(cut, HasSubstr("key.199"));
  EXPECT_THAT(run_inspect({dir.file("m.gguf"), "--all"}), HasSubstr("key.100"));
  EXPECT_THAT(run_inspect({dir.file("m.gguf"), "--json"}), HasSubstr("key.100"));
}

TEST(Inspect, VocabularyOnly) {
  const TempDir dir;
  GgufBuilder().kv_text("general.architecture", "llama").write(dir.file("vocab.gguf"));
  const std::string out = run_inspect({dir.file("vocab.gguf")});
  EXPECT_THAT(out, HasSubstr("tensors       0 with 0 elements"));
  EXPECT_THAT(out, testing::Not(HasSubstr("bits/w")));
}

TEST(Inspect, BadFilesAreBadInput) {
  const TempDir dir;
  std::ofstream(dir.file("bad.gguf")) << "no model";
  try {
    run_inspect({dir.file("bad.gguf")});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), HasSubstr("not a GGUF file"));
  }
}

}  // namespace
}  // namespace lathe
