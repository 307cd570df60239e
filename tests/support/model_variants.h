// A tiny model of every kind of attention, norm, RoPE and head that the architectures know.
#pragma once

#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "tests/support/tiny_model.h"

namespace lathe::test {

inline TinyModel with_keys(TinyModel m, std::initializer_list<std::pair<const char*, Value>> keys) {
  for (const auto& [name, value] : keys) m.keys.set(m.architecture + "." + name, value);
  return m;
}

inline TinyModel with_yarn(TinyModel m) {
  return with_keys(m, {{"rope.scaling.type", Value::text("yarn")},
                       {"rope.scaling.factor", Value::f32(4)},
                       {"rope.scaling.original_context_length", Value::u32(512)},
                       {"rope.scaling.attn_factor", Value::f32(0.9f)}});
}

inline TinyModel olmo2(std::size_t n_head_kv) {
  TinyModel m;
  m.architecture = "olmo2";
  m.n_head_kv = n_head_kv;
  return m;
}

struct ModelVariant {
  const char* name;
  TinyModel model;
};

inline std::vector<ModelVariant> model_variants() {
  std::vector<ModelVariant> all;
  all.push_back({"llama", TinyModel()});
  TinyModel m;
  m.tied = m.biases = m.rope_freqs = true;
  all.push_back({"tied_biases_rope_freqs", m});
  m.fused_qkv = true;
  m.n_head_kv = 1;
  all.push_back({"fused_qkv_one_kv_head", m});
  all.push_back({"linear", with_keys(TinyModel(), {{"rope.scaling.type", Value::text("linear")},
                                                   {"rope.scaling.factor", Value::f32(2.5f)}})});
  all.push_back({"old_linear", with_keys(TinyModel(), {{"rope.scale_linear", Value::f32(2)}})});
  all.push_back({"none", with_keys(TinyModel(), {{"rope.scaling.type", Value::text("none")},
                                                 {"rope.scaling.factor", Value::f32(2)}})});
  all.push_back({"yarn", with_yarn(TinyModel())});
  TinyModel mistral;
  mistral.architecture = "mistral3";
  all.push_back({"mistral3", mistral});
  all.push_back(
      {"mistral3_temperature_yarn",
       with_keys(with_yarn(mistral), {{"rope.scaling.original_context_length", Value::u32(16)},
                                      {"attention.temperature_scale", Value::f32(0.5f)},
                                      {"rope.scaling.yarn_log_multiplier", Value::f32(0.7f)},
                                      {"rope.scaling.yarn_beta_fast", Value::f32(4)},
                                      {"rope.scaling.yarn_beta_slow", Value::f32(2)}})});
  all.push_back({"olmo2", olmo2(4)});
  all.push_back({"olmo2_grouped", olmo2(2)});
  TinyModel olmo3 = with_keys(with_yarn(olmo2(2)), {{"attention.sliding_window", Value::u32(7)},
                                                    {"rope.freq_base", Value::f32(500000)}});
  olmo3.n_layer = 5;
  all.push_back({"olmo3", olmo3});
  const bool pattern[] = {false, true, true, false, true};
  olmo3 = with_keys(olmo3, {{"attention.sliding_window_pattern",
                             Value::array<bool>(std::span<const bool>(pattern))},
                            {"rope.freq_base_swa", Value::f32(20000)}});
  all.push_back({"olmo3_pattern", olmo3});
  return all;
}

}  // namespace lathe::test
