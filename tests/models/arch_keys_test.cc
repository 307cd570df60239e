// Every key of an architecture that could change results is used, or neutral, or refused by name.
#include "models/arch_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/registry.h"
#include "runtime/base/error.h"
#include "tests/support/engine_run.h"
#include "tests/support/error_of.h"
#include "tests/support/tiny_model.h"

namespace lathe::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TinyModel with(const char* architecture, Metadata keys) {
  TinyModel m;
  m.architecture = architecture;
  m.keys = std::move(keys);
  return m;
}
Metadata keys_of(std::initializer_list<MetadataEntry> entries) {
  Metadata keys;
  for (const MetadataEntry& e : entries) keys.set(e.key, e.value);
  return keys;
}
std::vector<std::string> warnings_of(const TinyModel& m) {
  const GgufFile file = tiny_model(m);
  load_model(file);
  return metadata_warnings(file.metadata());
}
std::string refusal(const TinyModel& m) {
  return message_of([&] { warnings_of(m); }, ErrorKind::kBadInput);
}
Value f32(float v) { return Value::f32(v); }

struct Key {
  const char* name;
  Value neutral, other;
};

TEST(ArchKeys, WhatIsNotDoneIsRefusedByNameAndItsNeutralValueIsNot) {
  const Key keys[] = {
      {"expert_count", Value::u32(0), Value::u32(8)},
      {"expert_used_count", Value::u32(0), Value::u32(2)},
      {"leading_dense_block_count", Value::u32(0), Value::u32(1)},
      {"nextn_predict_layers", Value::u32(0), Value::u32(1)},
      {"attention.causal", Value::boolean(true), Value::boolean(false)},
      {"attention.clamp_kqv", f32(0), f32(8)},
      {"attention.max_alibi_bias", f32(0), f32(8)},
      {"attention.scale", f32(0), f32(0.5f)},
      {"attn_logit_softcapping", f32(0), f32(50)},
      {"final_logit_softcapping", f32(0), f32(30)},
      {"logit_scale", f32(1), f32(0.25f)},
      {"embedding_scale", f32(1), f32(12)},
      {"residual_scale", f32(1), f32(0.22f)},
      {"use_parallel_residual", Value::boolean(false), Value::boolean(true)},
      {"pooling_type", Value::u32(0), Value::u32(1)},
      {"rope.scaling.yarn_ext_factor", f32(0), f32(1)},
      {"rope.scaling.yarn_attn_factor", f32(1), f32(1.2f)},
  };
  for (const char* architecture : {"llama", "mistral3", "olmo2"}) {
    for (const Key& key : keys) {
      const std::string name = std::string(architecture) + "." + key.name;
      EXPECT_THAT(warnings_of(with(architecture, keys_of({{name, key.neutral}}))), IsEmpty())
          << name;
      EXPECT_THAT(refusal(with(architecture, keys_of({{name, key.other}}))),
                  AllOf(HasSubstr("'" + name + "'"), HasSubstr("not supported")));
      EXPECT_THAT(refusal(with(architecture, keys_of({{name, Value::text("x")}}))),
                  HasSubstr(name));
    }
  }
}

TEST(ArchKeys, WhatOneArchitectureReadsIsRefusedByTheOthers) {
  struct Own {
    const char* name;
    Value value;
    std::string_view reader;
  };
  const Own keys[] = {{"attention.sliding_window", Value::u32(64), "olmo2"},
                      {"attention.temperature_scale", f32(0.1f), "mistral3"},
                      {"rope.scaling.yarn_log_multiplier", f32(1), "mistral3"}};
  for (const std::string_view architecture : {"llama", "mistral3", "olmo2"}) {
    for (const Own& key : keys) {
      const std::string name = std::string(architecture) + "." + key.name;
      const TinyModel m = with(architecture.data(), keys_of({{name, key.value}}));
      if (architecture == key.reader) {
        EXPECT_THAT(warnings_of(m), IsEmpty()) << name;
      } else {
        EXPECT_THAT(refusal(m), HasSubstr(name));
      }
    }
  }
}

TEST(ArchKeys, UnknownOnesAreListedInAWarning) {
  const TinyModel m = with("llama", keys_of({{"llama.attention.magic", Value::u32(1)},
                                             {"llama.vocab_size", Value::u32(200)},
                                             {"olmo2.attention.other", Value::u32(1)},
                                             {"llama.spirals", Value::text("many")}}));
  EXPECT_THAT(warnings_of(m), ElementsAre(HasSubstr("llama.attention.magic, llama.spirals")));
}

// YaRN's ramp is what the file says, for all architectures alike: llama and mistral3 are one model.
TEST(ArchKeys, TheRampOfYarnIsUsedByAll) {
  const auto logits = [](const std::string& architecture, float fast, float slow, float ext = 1) {
    const std::string scaling = architecture + ".rope.scaling.";
    return run_model(tiny_model(with(architecture.c_str(),
                                     keys_of({{scaling + "type", Value::text("yarn")},
                                              {scaling + "factor", f32(8)},
                                              {scaling + "original_context_length", Value::u32(32)},
                                              {scaling + "yarn_beta_fast", f32(fast)},
                                              {scaling + "yarn_beta_slow", f32(slow)},
                                              {scaling + "yarn_ext_factor", f32(ext)}}))),
                     some_tokens(40, 200));
  };
  EXPECT_EQ(logits("llama", 32, 1), logits("mistral3", 32, 1));
  EXPECT_EQ(logits("llama", 8, 0.5f), logits("mistral3", 8, 0.5f));
  EXPECT_NE(logits("llama", 8, 0.5f), logits("llama", 32, 1));
  EXPECT_NE(logits("olmo2", 8, 0.5f), logits("olmo2", 32, 1));
  EXPECT_THROW(logits("llama", 32, 1, 0.5f), Error);
  EXPECT_THROW(logits("olmo2", -1, 1), Error);
}

TEST(ArchKeys, WhatIsNoModelSaysWhatItIs) {
  for (const char* type : {"adapter", "mmproj", "imatrix"}) {
    EXPECT_THAT(refusal(with("llama", keys_of({{"general.type", Value::text(type)}}))),
                AllOf(HasSubstr(type), HasSubstr("not a model")));
  }
  ModelParts parts = tiny_model_parts({});
  parts.tensors.clear();
  const GgufFile file = parts.file();
  EXPECT_THAT(message_of([&] { load_model(file); }, ErrorKind::kBadInput),
              HasSubstr("it is a vocabulary"));
  TinyModel old = with("llama", keys_of({{"general.quantization_version", Value::u32(1)}}));
  EXPECT_THAT(warnings_of(old), IsEmpty());  // of floats, of which there is one version
  old.format = Format::Q8_0;
  old.head_dim = 32;
  EXPECT_THAT(refusal(old), HasSubstr("general.quantization_version"));
}

}  // namespace
}  // namespace lathe::test
