// Checkpoint folders of every architecture: the same tensors and keys as the GGUF model that they
// were made from; and what is refused, by name.
#include "models/import/import_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/support/checkpoint_builder.h"
#include "tests/support/error_of.h"
#include "tests/support/model_variants.h"
#include "tests/support/temp_dir.h"

namespace lathe::test {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kVocab = 300;

TinyModel sized(TinyModel m) {
  m.n_vocab = kVocab;
  return m;
}

struct Case {
  std::string name, class_name;
  TinyModel model;
  CheckpointForm form = CheckpointForm::kHuggingFace;
  std::function<void(CheckpointBuilder&)> change = [](CheckpointBuilder&) {};
};

std::vector<Case> cases() {
  TinyModel bf16;
  bf16.format = Format::BF16;
  TinyModel tied = bf16;
  tied.tied = tied.biases = true;
  TinyModel mistral3;
  mistral3.architecture = "mistral3";
  std::vector<Case> all;
  all.push_back({"llama", "LlamaForCausalLM", TinyModel()});
  all.push_back({"llama_bf16", "LlamaForCausalLM", bf16});
  all.push_back({"llama_tied_biases", "LlamaForCausalLM", tied});
  all.push_back({"mistral_sharded", "MistralForCausalLM", bf16, CheckpointForm::kHuggingFace,
                 [](CheckpointBuilder& b) { b.n_shards = 3; }});
  all.push_back({"linear", "LlamaForCausalLM",
                 with_keys(TinyModel(), {{"rope.scaling.type", Value::text("linear")},
                                         {"rope.scaling.factor", Value::f32(2.5f)}}),
                 CheckpointForm::kHuggingFace, [](CheckpointBuilder& b) {
                   b.config["rope_scaling"] = {{"type", "linear"}, {"factor", 2.5}};
                 }});
  all.push_back({"yarn", "LlamaForCausalLM", with_yarn(TinyModel()), CheckpointForm::kHuggingFace,
                 [](CheckpointBuilder& b) {
                   b.config["rope_scaling"] = {
                       {"rope_type", "yarn"},
                       {"factor", 4.0},
                       {"original_max_position_embeddings", 512},
                       {"attention_factor", 0.9 * (1.0 + 0.1 * std::log(4.0))}};
                 }});
  all.push_back({"mistral3_with_pictures", "Mistral3ForConditionalGeneration", mistral3,
                 CheckpointForm::kHuggingFace, [](CheckpointBuilder& b) {
                   ordered_json text = b.config;
                   text.erase("architectures");
                   b.config = {{"architectures", {"Mistral3ForConditionalGeneration"}},
                               {"vision_config", {{"hidden_size", 4}}},
                               {"text_config", text}};
                   b.prefix = "language_model.";
                 }});
  all.push_back({"olmo2", "Olmo2ForCausalLM", olmo2(2)});
  all.push_back({"native", "", bf16, CheckpointForm::kNative});
  for (Case& c : all) c.model = sized(c.model);
  return all;
}

std::vector<std::uint8_t> bytes_of(const TensorSource& file, const TensorInfo& info) {
  std::vector<std::uint8_t> buffer(info.n_bytes);
  const auto rows = file.rows(info, 0, info.rows(), buffer);
  return {rows.begin(), rows.end()};
}

std::vector<std::string> texts_of(const StringList& list) {
  std::vector<std::string> out;
  for (const std::string_view text : list) out.emplace_back(text);
  return out;
}

class Import : public testing::Test {
 protected:
  std::string folder(const std::string& name) const { return dir_.file(name); }
  TempDir dir_;
};

TEST_F(Import, TensorsAndKeysAreThoseOfTheModel) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    CheckpointBuilder builder(c.model, c.class_name, c.form);
    c.change(builder);
    builder.write(folder(c.name));
    const GgufFile expected = builder.expected().file();
    const CheckpointSource file = import_checkpoint(folder(c.name));
    ASSERT_EQ(file.tensors().size(), expected.tensors().size());
    for (const TensorInfo& want : expected.tensors()) {
      const TensorInfo* have = file.find(want.name);
      ASSERT_NE(have, nullptr) << want.name;
      EXPECT_EQ(have->dims, want.dims) << want.name;
      EXPECT_EQ(have->format, want.format) << want.name;
      EXPECT_EQ(bytes_of(file, *have), bytes_of(expected, want)) << want.name;
    }
    for (const MetadataEntry& entry : expected.metadata()) {
      const Value* value = file.metadata().find(entry.key);
      ASSERT_NE(value, nullptr) << entry.key;
      if (const auto real = entry.value.as_real()) {
        EXPECT_FLOAT_EQ(static_cast<float>(*value->as_real()), static_cast<float>(*real))
            << entry.key;
      } else {
        EXPECT_TRUE(std::ranges::equal(value->raw_bytes(), entry.value.raw_bytes())) << entry.key;
        EXPECT_EQ(value->as_text(), entry.value.as_text()) << entry.key;
      }
    }
  }
}

TEST_F(Import, PartsOfRowsAreThoseOfTheWhole) {
  CheckpointBuilder builder(sized(TinyModel()), "LlamaForCausalLM");
  builder.write(folder("a"));
  const CheckpointSource file = import_checkpoint(folder("a"));
  const TensorInfo& queries = file.require("blk.1.attn_q.weight");
  const std::vector<std::uint8_t> whole = bytes_of(file, queries);
  const std::size_t stride = row_bytes(queries.format, queries.cols());
  std::vector<std::uint8_t> buffer(5 * stride);
  const auto rows = file.rows(queries, 31, 5, buffer);
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), whole.begin() + 31 * static_cast<long>(stride)));
}

// Of Llama 3.1: values of its published rope_freqs.
TEST_F(Import, Llama3ScalingBecomesDivisors) {
  TinyModel m = sized(TinyModel());
  m.head_dim = 128;
  CheckpointBuilder builder(m, "LlamaForCausalLM");
  builder.config["rope_theta"] = 500000.0;
  builder.config["rope_scaling"] = {{"rope_type", "llama3"},
                                    {"factor", 8.0},
                                    {"low_freq_factor", 1.0},
                                    {"high_freq_factor", 4.0},
                                    {"original_max_position_embeddings", 8192}};
  builder.write(folder("a"));
  const CheckpointSource file = import_checkpoint(folder("a"));
  const auto bytes = bytes_of(file, file.require("rope_freqs.weight"));
  const std::span<const float> factors{reinterpret_cast<const float*>(bytes.data()), 64};
  const std::pair<int, float> published[] = {{0, 1.0f},      {28, 1.0f},     {29, 1.20748f},
                                             {30, 1.55341f}, {32, 2.69453f}, {34, 5.25733f},
                                             {35, 8.0f},     {63, 8.0f}};
  for (const auto& [i, value] : published) {
    EXPECT_NEAR(factors[static_cast<std::size_t>(i)], value, 2e-5f) << i;
  }
  EXPECT_FALSE(file.metadata().has("llama.rope.scaling.type"));
  EXPECT_EQ(file.metadata().real("llama.rope.freq_base"), 500000.0);
}

TEST_F(Import, TheHeadOfATiedOlmo2IsTheEmbedding) {
  TinyModel m = sized(olmo2(4));
  m.tied = true;
  CheckpointBuilder(m, "Olmo2ForCausalLM").write(folder("a"));
  const CheckpointSource file = import_checkpoint(folder("a"));
  const auto rows = [&](const char* name) { return file.rows(file.require(name), 0, 1, {}); };
  EXPECT_EQ(rows("output.weight").data(), rows("token_embd.weight").data());
}

TEST_F(Import, VocabularyAndSpecialTokens) {
  CheckpointBuilder(sized(TinyModel()), "LlamaForCausalLM").write(folder("a"));
  write_text(folder("a") + "/tokenizer_config.json",
             R"({"eos_token": {"content": "<|end_of_text|>"}, "chat_template": "{{ 1 }}"})");
  const Metadata metadata = import_checkpoint(folder("a")).metadata();
  EXPECT_EQ(metadata.text("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(metadata.text("tokenizer.ggml.pre"), "llama-bpe");
  EXPECT_EQ(metadata.uint("tokenizer.ggml.bos_token_id"), kVocab - 2);
  EXPECT_EQ(metadata.uint("tokenizer.ggml.eos_token_id"), kVocab - 1);
  EXPECT_EQ(metadata.boolean("tokenizer.ggml.add_bos_token"), true);
  EXPECT_EQ(metadata.text("tokenizer.chat_template"), "{{ 1 }}");
  const StringList& tokens = *metadata.string_array("tokenizer.ggml.tokens");
  ASSERT_EQ(tokens.size(), kVocab);
  EXPECT_EQ(tokens[258], "\xC4\xA0the");
  EXPECT_EQ(tokens[270], "[PAD270]");
}

TEST_F(Import, WhatTheFolderSaysOfTheModel) {
  CheckpointBuilder(sized(TinyModel()), "LlamaForCausalLM").write(folder("a"));
  write_text(folder("a") + "/README.md",
             "---\nlicense: other\nlicense_name: 'my licence'\nlanguage:\n- en\n- de\n"
             "tags: [small, \"random\"]\nbase_model: someone/Something-1B\n---\n# Text\n");
  write_text(folder("a") + "/generation_config.json", R"({"temperature": 0.25, "top_k": 7})");
  const Metadata metadata = import_checkpoint(folder("a") + "/").metadata();
  EXPECT_EQ(metadata.text("general.name"), "a");
  EXPECT_EQ(metadata.text("general.license"), "other");
  EXPECT_EQ(metadata.text("general.license.name"), "my licence");
  const StringList& languages = *metadata.string_array("general.languages");
  EXPECT_THAT(texts_of(languages), ElementsAre("en", "de"));
  const StringList& tags = *metadata.string_array("general.tags");
  EXPECT_THAT(texts_of(tags), ElementsAre("small", "random"));
  EXPECT_EQ(metadata.text("general.base_model.0.name"), "Something-1B");
  EXPECT_EQ(metadata.text("general.base_model.0.organization"), "someone");
  EXPECT_EQ(metadata.real("general.sampling.temp"), 0.25);
  EXPECT_EQ(metadata.integer("general.sampling.top_k"), 7);
}

// ---- refusals

std::string refusal(const std::string& folder) {
  return message_of([&] { import_checkpoint(folder); }, ErrorKind::kBadInput);
}

TEST_F(Import, ConfigurationsThatLatheDoesNotDo) {
  const std::pair<std::function<void(ordered_json&)>, const char*> wrong[] = {
      {[](auto& c) { c["architectures"] = {"MixtralForCausalLM"}; }, "MixtralForCausalLM"},
      {[](auto& c) { c["architectures"] = {"Olmo3ForCausalLM"}; }, "Olmo3ForCausalLM"},
      {[](auto& c) { c.erase("architectures"); }, "names no architecture"},
      {[](auto& c) { c.erase("hidden_size"); }, "\"hidden_size\" is missing"},
      {[](auto& c) { c["hidden_size"] = "big"; }, "hidden_size: expected a whole number"},
      {[](auto& c) { c["num_hidden_layers"] = 0; }, "num_hidden_layers"},
      {[](auto& c) { c["num_hidden_layers"] = 1e300; }, "num_hidden_layers"},
      {[](auto& c) { c["num_key_value_heads"] = 3; }, "do not divide"},
      {[](auto& c) { c["hidden_act"] = "gelu"; }, "silu"},
      {[](auto& c) {
         c["quantization_config"] = {{"quant_method", "fp8"}};
       },
       "quantized (fp8)"},
      {[](auto& c) { c["partial_rotary_factor"] = 0.5; }, "in part"},
      {[](auto& c) {
         c["rope_scaling"] = {{"type", "dynamic"}, {"factor", 2}};
       },
       "'dynamic'"},
      {[](auto& c) {
         c["rope_scaling"] = {{"rope_type", "llama3"}};
       },
       "\"factor\" is missing"},
      {[](auto& c) { c["vocab_size"] = kVocab + 1; }, "a vocabulary of 301 tokens"},
      {[](auto& c) { c["num_hidden_layers"] = 1; }, "not known to"},
  };
  int n = 0;
  for (const auto& [change, message] : wrong) {
    CheckpointBuilder builder(sized(TinyModel()), "LlamaForCausalLM");
    change(builder.config);
    const std::string path = folder(std::to_string(n++));
    builder.write(path);
    EXPECT_THAT(refusal(path), HasSubstr(message));
  }
}

TEST_F(Import, WeightsThatLatheCannotRead) {
  EXPECT_THAT(refusal(dir_.path()), HasSubstr("no checkpoint"));
  write_text(folder("config.json"), "{}");
  write_text(folder("pytorch_model.bin"), "x");
  EXPECT_THAT(refusal(dir_.path()), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("pickle"),
                                          HasSubstr(".safetensors")));
  std::filesystem::remove(folder("pytorch_model.bin"));
  write_text(folder("consolidated.00.pth"), "x");
  EXPECT_THAT(refusal(dir_.path()), HasSubstr("consolidated.00.pth"));
}

TEST_F(Import, TensorsThatDoNotFit) {
  const std::pair<std::function<void(CheckpointBuilder::Tensor&)>, const char*> wrong[] = {
      {[](auto& t) { t.dtype = "I32"; }, "its type I32 is not supported"},
      {[](auto& t) {
         t.dtype = "F8_E4M3";
         t.bytes.resize(t.bytes.size() / 4);
       },
       "16-bit weights"},
      {[](auto& t) { t.name = "model.layers.0.self_attn.surprise.weight"; }, "surprise"},
      {[](auto& t) { t.name = "model.layers.00.self_attn.q_proj.weight"; }, "layers.00"},
      {[](auto& t) {
         t.shape = {t.shape[0] / 2, t.shape[1] * 2};
       },
       "48 rows, expected 4 heads"},
      {[](auto& t) {
         t.shape = {2, t.shape[0] / 2, t.shape[1]};
       },
       "a vector or a matrix"},
  };
  int n = 0;
  for (const auto& [change, message] : wrong) {
    CheckpointBuilder builder(sized(TinyModel()), "LlamaForCausalLM");
    const std::string path = folder(std::to_string(n++));
    builder.write(path);
    SafetensorsBuilder file;
    for (CheckpointBuilder::Tensor t : builder.tensors()) {
      if (t.name == "model.layers.0.self_attn.q_proj.weight") change(t);
      file.add(t.name, t.dtype, t.shape, t.bytes);
    }
    write_bytes(path + "/model.safetensors", file.build());
    EXPECT_THAT(refusal(path), HasSubstr(message));
  }
}

TEST_F(Import, FilesThatAreMissingOrDoNotBelong) {
  CheckpointBuilder builder(sized(TinyModel()), "LlamaForCausalLM");
  builder.n_shards = 2;
  builder.write(folder("a"));
  const std::string index = folder("a") + "/model.safetensors.index.json";
  const std::string second = folder("a") + "/model-00002-of-00002.safetensors";
  ordered_json json = ordered_json::parse(std::ifstream(index));
  const ordered_json right = json;
  const auto with_index = [&](const ordered_json& changed) {
    write_text(index, changed.dump());
    return refusal(folder("a"));
  };
  json["weight_map"]["model.norm.weight"] = "../model.safetensors";
  EXPECT_THAT(with_index(json), HasSubstr("no name of a safetensors file of this folder"));
  json = right;
  json["weight_map"]["model.more.weight"] = "model-00002-of-00002.safetensors";
  EXPECT_THAT(with_index(json), HasSubstr("model.more.weight"));
  json = right;
  json["weight_map"].erase("model.norm.weight");
  EXPECT_THAT(with_index(json), HasSubstr("where the index does not have it"));
  std::filesystem::remove(index);  // then the names say it
  EXPECT_NO_THROW(import_checkpoint(folder("a")));
  std::filesystem::remove(second);
  EXPECT_THAT(refusal(folder("a")), HasSubstr("model-00002-of-00002.safetensors is missing"));
}

TEST_F(Import, AHeadThatIsMissing) {
  TinyModel m = sized(TinyModel());
  m.tied = true;
  CheckpointBuilder builder(m, "LlamaForCausalLM");
  builder.config["tie_word_embeddings"] = false;
  builder.write(folder("a"));
  EXPECT_THAT(refusal(folder("a")), HasSubstr("the output head is missing"));
}

}  // namespace
}  // namespace lathe::test
