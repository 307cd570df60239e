// lathe convert and lathe verify, through the commands' own options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/command_run.h"
#include "tests/support/engine_run.h"
#include "tests/support/error_of.h"
#include "tests/support/model_variants.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kVocab = 300;

class Convert : public testing::Test {
 protected:
  Convert() { m_.n_vocab = kVocab; }

  std::string out(const std::string& name) const { return dir_.file(name); }
  CommandOutput convert(std::vector<std::string> args) const {
    args.insert(args.begin(), "convert");
    return run_command(add_convert, std::move(args));
  }
  CommandOutput verify(std::vector<std::string> args) const {
    args.insert(args.begin(), "verify");
    return run_command(add_verify, std::move(args));
  }
  // A checkpoint in the folder "checkpoint".
  std::string checkpoint(const TinyModel& m, const char* class_name = "LlamaForCausalLM") const {
    CheckpointBuilder(m, class_name).write(out("checkpoint"));
    return out("checkpoint");
  }

  TempDir dir_;
  TinyModel m_;
};

TEST_F(Convert, EveryArchitectureGivesTheLogitsOfItsModel) {
  TinyModel mistral3 = m_;
  mistral3.architecture = "mistral3";
  TinyModel olmo = olmo2(2);
  olmo.n_vocab = kVocab;
  const std::pair<const char*, TinyModel> models[] = {
      {"LlamaForCausalLM", m_},
      {"Mistral3ForConditionalGeneration", mistral3},
      {"Olmo2ForCausalLM", olmo}};
  for (const auto& [class_name, model] : models) {
    SCOPED_TRACE(class_name);
    CheckpointBuilder builder(model, class_name);
    builder.write(out("checkpoint"));
    EXPECT_EQ(convert({out("checkpoint"), "-o", out("a.gguf")}).exit_code, 0);
    const std::vector<int> tokens = some_tokens(20, kVocab);
    EXPECT_EQ(run_model(GgufFile::open(out("a.gguf")), tokens, {}),
              run_model(builder.expected().file(), tokens, {}));
    EXPECT_EQ(verify({out("a.gguf"), out("checkpoint")}).exit_code, 0);
  }
}

TEST_F(Convert, TypesAndRecipes) {
  m_.format = Format::BF16;
  m_.n_embd = m_.n_ff = 256;
  const std::string folder = checkpoint(m_);
  const auto format_of = [&](std::vector<std::string> args, const char* tensor) {
    args.insert(args.begin(), {folder, "-o", out("a.gguf")});
    EXPECT_EQ(convert(args).exit_code, 0);
    EXPECT_EQ(verify({out("a.gguf"), folder}).exit_code, 0);
    return GgufFile::open(out("a.gguf")).require(tensor).format;
  };
  const char* const matrix = "blk.0.ffn_up.weight";
  EXPECT_EQ(format_of({}, matrix), Format::BF16);
  EXPECT_EQ(format_of({}, "blk.0.attn_norm.weight"), Format::F32);
  EXPECT_EQ(format_of({"--outtype", "f32"}, matrix), Format::F32);
  EXPECT_EQ(format_of({"--outtype", "f16"}, matrix), Format::F16);
  EXPECT_EQ(format_of({"--outtype", "q8_0"}, matrix), Format::Q8_0);
  EXPECT_EQ(format_of({"Q4_K_M"}, matrix), Format::Q4_K);
  EXPECT_EQ(format_of({"--tensor-type", "ffn_up=q5_k"}, matrix), Format::Q5_K);
  const auto refusal = [&](std::vector<std::string> args) {
    return message_of([&] { convert(args); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(refusal({folder, "Q4_K_M", "--outtype", "f16", "-o", out("b")}),
              HasSubstr("two different things"));
  EXPECT_THAT(refusal({folder, "--outtype", "q4_k", "-o", out("b")}), HasSubstr("Q4_K_M"));
  EXPECT_THAT(refusal({folder}), HasSubstr("-o OUT.gguf"));
  EXPECT_THAT(refusal({out("a.gguf"), "-o", out("b")}), HasSubstr("expected the folder"));
}

TEST_F(Convert, OutputsMayLieInTheFolderAndNeverOnItsFiles) {
  const std::string folder = checkpoint(m_);
  EXPECT_EQ(convert({folder, "-o", folder + "/model.gguf"}).exit_code, 0);
  EXPECT_THAT(message_of(
                  [&] {
                    convert({folder, "-o", folder + "/config.json"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("reads that file"));
  const auto before = fs::file_size(folder + "/model.safetensors");
  EXPECT_THROW(convert({folder, "-o", folder + "/model.safetensors"}), Error);
  EXPECT_EQ(fs::file_size(folder + "/model.safetensors"), before);
}

TEST_F(Convert, AValueBeyondF16IsToldBeforeTheWork) {
  m_.format = Format::BF16;
  CheckpointBuilder builder(m_, "LlamaForCausalLM");
  auto& tensor = builder.expected().tensor("blk.1.ffn_up.weight");
  const std::uint16_t large = 0x47C0;  // 98304
  std::memcpy(tensor.bytes.data() + 2 * (3 * m_.n_embd + 5), &large, 2);
  builder.write(out("checkpoint"));
  EXPECT_THAT(message_of(
                  [&] {
                    convert({out("checkpoint"), "--outtype", "f16", "-o", out("a.gguf")});
                  },
                  ErrorKind::kBadInput),
              AllOf(HasSubstr("blk.1.ffn_up.weight, row 3: value 5 is 98304"), HasSubstr("65504")));
  EXPECT_FALSE(fs::exists(out("a.gguf")));
  EXPECT_EQ(convert({out("checkpoint"), "-o", out("a.gguf")}).exit_code, 0);
}

TEST_F(Convert, SaysWhereItCameFrom) {
  const std::string folder = checkpoint(m_);
  convert({folder, "-o", out("a.gguf")});
  const Metadata metadata = GgufFile::open(out("a.gguf")).metadata();
  const StringList& files = *metadata.string_array("lathe.convert.files");
  ASSERT_EQ(files.size(), 1U);
  EXPECT_THAT(std::string(files[0]), testing::StartsWith("model.safetensors "));
  EXPECT_EQ(files[0].size(), std::string("model.safetensors ").size() + 64);
  convert({folder, "-o", out("b.gguf"), "--no-provenance"});
  EXPECT_FALSE(GgufFile::open(out("b.gguf")).metadata().has("lathe.convert.files"));
}

TEST_F(Convert, DryRunWritesNothing) {
  const std::string folder = checkpoint(m_);
  const CommandOutput o = convert({folder, "--dry-run", "--outtype", "f16"});
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.text, HasSubstr("blk.0.attn_q.weight"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
}

// Before the source is read, which takes as long as the disk needs for it: of this one, days.
TEST_F(Convert, AModelThatTheDiskCannotHoldIsRefusedAtOnce) {
  m_.n_embd = 4096;
  m_.n_ff = 160;  // as nothing else is
  constexpr std::uint64_t kWide = std::uint64_t{1} << 24;
  CheckpointBuilder builder(m_, "LlamaForCausalLM");
  builder.config["intermediate_size"] = kWide;
  builder.write(out("checkpoint"));
  nlohmann::ordered_json header;
  std::uint64_t offset = 0;
  for (const CheckpointBuilder::Tensor& t : builder.tensors()) {
    std::vector<std::uint64_t> shape = t.shape;
    std::uint64_t n_bytes = sizeof(float);
    for (std::uint64_t& d : shape) {
      if (d == m_.n_ff) d = kWide;
      n_bytes *= d;
    }
    header[t.name] = {
        {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, offset + n_bytes}}};
    offset += n_bytes;
  }
  const std::string weights = out("checkpoint") + "/model.safetensors";
  const auto bytes = SafetensorsBuilder().with_header(header.dump());
  write_bytes(weights, bytes);
  std::error_code error;
  fs::resize_file(weights, bytes.size() + offset, error);
  if (error || fs::space(dir_.path()).available > offset) {
    GTEST_SKIP() << "no sparse files of 1.6 TB here, or a disk that holds them";
  }
  EXPECT_THAT(message_of(
                  [&] {
                    convert({out("checkpoint"), "-o", out("a.gguf")});
                  },
                  ErrorKind::kFailed),
              AllOf(HasSubstr("are needed"), HasSubstr("are free on that disk")));
  EXPECT_THAT(message_of(
                  [&] {
                    convert({out("checkpoint"), "-o", out("a.gguf"), "--resume"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("nothing to resume"));
  EXPECT_FALSE(fs::exists(out("a.gguf.part")));
}

TEST_F(Convert, QuantizePlanAndTokenizeTakeAFolder) {
  const std::string folder = checkpoint(m_);
  EXPECT_EQ(run_command(add_quantize, {"quantize", folder, out("q.gguf"), "Q8_0"}).exit_code, 0);
  EXPECT_EQ(verify({out("q.gguf"), folder}).exit_code, 0);
  EXPECT_THAT(run_command(add_plan, {"plan", folder, "Q8_0"}).text, HasSubstr("q8_0"));
  EXPECT_EQ(
      run_command(add_tokenize, {"tokenize", "-m", folder, "-p", "the", "--ids"}).text,
      run_command(add_tokenize, {"tokenize", "-m", out("q.gguf"), "-p", "the", "--ids"}).text);
}

// ---- verify

TEST_F(Convert, VerifySaysWhatDiffersAndWhetherItMatters) {
  CheckpointBuilder builder(m_, "LlamaForCausalLM");
  builder.write(out("checkpoint"));
  convert({out("checkpoint"), "-o", out("a.gguf"), "--no-provenance"});
  const GgufFile right = GgufFile::open(out("a.gguf"));
  ModelParts parts;
  parts.metadata = right.metadata();
  for (const TensorInfo& t : right.tensors()) {
    const auto bytes = right.data(t);
    parts.add(t.name, t.format, {t.dims.begin(), t.dims.begin() + t.n_dims},
              {bytes.begin(), bytes.end()});
  }
  const auto differences = [&](const std::function<void(ModelParts&)>& change, int exit_code) {
    ModelParts changed = parts;
    change(changed);
    write_bytes(out("b.gguf"), changed.bytes());
    const CommandOutput o = verify({out("b.gguf"), out("checkpoint")});
    EXPECT_EQ(o.exit_code, exit_code) << o.text;
    return o.text;
  };
  EXPECT_THAT(differences([](auto&) {}, 0), Not(HasSubstr("matters  where")));
  EXPECT_THAT(differences([](auto& p) { p.metadata.set("general.name", Value::text("else")); }, 0),
              HasSubstr("general.name"));
  EXPECT_THAT(
      differences([](auto& p) { p.metadata.set("llama.rope.freq_base", Value::f32(5)); }, 1),
      HasSubstr("llama.rope.freq_base"));
  EXPECT_THAT(
      differences([](auto& p) { p.metadata.set("tokenizer.ggml.eos_token_id", Value::u32(7)); }, 1),
      HasSubstr("is 7, expected 299"));
  EXPECT_THAT(differences([](auto& p) { p.metadata.set("llama.vocab_size", Value::u32(1)); }, 0),
              HasSubstr("llama.vocab_size"));
  EXPECT_THAT(
      differences([](auto& p) { p.metadata.set("tokenizer.ggml.pre", Value::text("llama3")); }, 0),
      HasSubstr("'llama3'"));
  EXPECT_THAT(
      differences([](auto& p) { p.metadata.set("tokenizer.ggml.pre", Value::text("gpt-2")); }, 1),
      HasSubstr("'gpt-2'"));
  EXPECT_THAT(differences([](auto& p) { p.remove("blk.1.ffn_norm.weight"); }, 1),
              HasSubstr("is missing"));
  EXPECT_THAT(differences([](auto& p) { p.tensor("blk.0.attn_norm.weight").bytes[3] ^= 0x80; }, 1),
              HasSubstr("blk.0.attn_norm.weight"));
  // The rows of queries as the checkpoint has them.
  const auto unpaired = [&](ModelParts& p) {
    for (const CheckpointBuilder::Tensor& t : builder.tensors()) {
      if (t.name == "model.layers.1.self_attn.q_proj.weight") {
        p.tensor("blk.1.attn_q.weight").bytes = t.bytes;
      }
    }
  };
  EXPECT_THAT(differences(unpaired, 1),
              AllOf(HasSubstr("blk.1.attn_q.weight"), HasSubstr("not permuted")));
}

TEST_F(Convert, VerifyPrintsJson) {
  const std::string folder = checkpoint(m_);
  convert({folder, "-o", out("a.gguf")});
  const auto json = nlohmann::json::parse(verify({out("a.gguf"), folder, "--json"}).text);
  EXPECT_EQ(json["kind"], "verify");
  EXPECT_EQ(json["same"], true);
  EXPECT_EQ(json["n_tokens"], kVocab);
}

// ---- the packaged models, whose GGUF files were made from the same weights by other means

TEST(ConvertShared, TheTrainedModelsAreTheirGgufFiles) {
  for (const char* name : {"tiny-llama", "tiny-olmo2"}) {
    const std::string folder = source_path(std::string("../shared/models/") + name);
    if (!fs::exists(folder)) GTEST_SKIP() << "shared models are absent";
    const TempDir dir;
    const std::string made = dir.file("a.gguf");
    EXPECT_EQ(
        run_command(add_convert, {"convert", folder, "--outtype", "f16", "-o", made}).exit_code, 0);
    const CommandOutput o = run_command(add_verify, {"verify", folder + "/model-f16.gguf", folder});
    EXPECT_EQ(o.exit_code, 0) << o.text;
    const GgufFile have = GgufFile::open(made), want = GgufFile::open(folder + "/model-f16.gguf");
    ASSERT_EQ(have.tensors().size(), want.tensors().size());
    for (const TensorInfo& t : want.tensors()) {
      EXPECT_TRUE(std::ranges::equal(have.data(have.require(t.name)), want.data(t))) << t.name;
    }
    const Tokenizer a = Tokenizer::from_metadata(have.metadata());
    const Tokenizer b = Tokenizer::from_metadata(want.metadata());
    const std::string text = "The old house, built in 1847, \"creaked\"; don't\n\n go in!";
    EXPECT_EQ(a.encode(text), b.encode(text));
    const std::vector<int> tokens = some_tokens(30, 4096);
    EXPECT_EQ(run_model(have, tokens, {}), run_model(want, tokens, {}));
  }
}

}  // namespace
}  // namespace lathe::test
