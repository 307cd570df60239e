// What cannot be run is refused with a message that names the key or the tensor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "models/registry.h"
#include "runtime/base/error.h"
#include "tests/support/engine_run.h"
#include "tests/support/tiny_model.h"

namespace lathe::test {
namespace {

using testing::HasSubstr;
using Change = std::function<void(ModelParts&)>;

struct Refusal {
  const char* name;
  const char* architecture;
  Change change;
  std::vector<std::string> says;
};

Change set(const char* key, Value value) {
  return [=](ModelParts& p) { p.metadata.set(key, value); };
}
Change erase(const char* key) {
  return [=](ModelParts& p) { p.metadata.erase(key); };
}
Change reshape(const char* tensor, std::uint64_t cols, std::uint64_t rows) {
  return [=](ModelParts& p) {
    ModelParts::Tensor& t = p.tensor(tensor);
    t.info.dims = {cols, rows, 1, 1};
    t.bytes.resize(row_bytes(t.info.format, cols) * rows);
  };
}
Change add_f32(const char* name, std::size_t n) {
  return [=](ModelParts& p) { p.add(name, Format::F32, {n}, std::vector<std::uint8_t>(4 * n)); };
}
Change heads_per_layer(std::vector<std::uint32_t> heads, const char* key) {
  return [=](ModelParts& p) {
    p.metadata.set(key, Value::array<std::uint32_t>(std::span<const std::uint32_t>(heads)));
  };
}

std::vector<Refusal> refusals() {
  const float nan = std::nanf("");
  return {
      {"unknown architecture",
       "llama",
       set("general.architecture", Value::text("gpt9")),
       {"'gpt9'", "llama, mistral3, olmo2"}},
      {"no architecture", "llama", erase("general.architecture"), {"general.architecture"}},
      {"no layers", "llama", set("llama.block_count", Value::u32(0)), {"llama.block_count"}},
      {"too many layers",
       "llama",
       set("llama.block_count", Value::u32(513)),
       {"llama.block_count"}},
      {"no width", "llama", erase("llama.embedding_length"), {"llama.embedding_length"}},
      {"no context", "llama", erase("llama.context_length"), {"llama.context_length"}},
      {"no feed forward", "llama", erase("llama.feed_forward_length"), {"feed_forward_length"}},
      {"no heads", "llama", erase("llama.attention.head_count"), {"llama.attention.head_count"}},
      {"zero heads",
       "llama",
       set("llama.attention.head_count", Value::u32(0)),
       {"llama.attention.head_count", "out of range"}},
      {"odd groups",
       "llama",
       set("llama.attention.head_count_kv", Value::u32(3)),
       {"head_count_kv", "does not divide"}},
      {"heads differ",
       "llama",
       heads_per_layer({4, 2}, "llama.attention.head_count"),
       {"llama.attention.head_count", "differs between layers"}},
      {"too few heads",
       "llama",
       heads_per_layer({4, 4, 4}, "llama.attention.head_count"),
       {"llama.attention.head_count", "expected 1 or 2"}},
      {"widths differ",
       "llama",
       heads_per_layer({96, 64}, "llama.feed_forward_length"),
       {"llama.feed_forward_length", "differs between layers"}},
      {"odd head size",
       "llama",
       set("llama.attention.key_length", Value::u32(23)),
       {"llama.attention.key_length", "even"}},
      {"value length",
       "llama",
       set("llama.attention.value_length", Value::u32(32)),
       {"llama.attention.value_length", "key length"}},
      {"partial rotation",
       "llama",
       set("llama.rope.dimension_count", Value::u32(12)),
       {"llama.rope.dimension_count", "partial"}},
      {"no epsilon", "llama", erase("llama.attention.layer_norm_rms_epsilon"), {"rms_epsilon"}},
      {"epsilon",
       "llama",
       set("llama.attention.layer_norm_rms_epsilon", Value::f32(nan)),
       {"rms_epsilon"}},
      {"rope base", "llama", set("llama.rope.freq_base", Value::f32(0)), {"llama.rope.freq_base"}},
      {"rope factor",
       "llama",
       set("llama.rope.scaling.factor", Value::f32(-1)),
       {"llama.rope.scaling.factor"}},
      {"longrope",
       "llama",
       set("llama.rope.scaling.type", Value::text("longrope")),
       {"llama.rope.scaling.type", "longrope", "not supported"}},
      {"unknown scaling",
       "olmo2",
       set("olmo2.rope.scaling.type", Value::text("spiral")),
       {"olmo2.rope.scaling.type", "spiral"}},
      {"experts",
       "llama",
       set("llama.expert_count", Value::u32(8)),
       {"llama.expert_count", "experts"}},
      {"not causal",
       "llama",
       set("llama.attention.causal", Value::boolean(false)),
       {"llama.attention.causal"}},
      {"soft cap", "llama", set("llama.final_logit_softcapping", Value::f32(30)), {"soft cap"}},
      {"attention scale",
       "llama",
       set("llama.attention.scale", Value::f32(0.5f)),
       {"llama.attention.scale"}},
      {"window of llama",
       "llama",
       set("llama.attention.sliding_window", Value::u32(4096)),
       {"llama.attention.sliding_window"}},
      {"temperature of llama",
       "llama",
       set("llama.attention.temperature_scale", Value::f32(1)),
       {"llama.attention.temperature_scale"}},
      {"window pattern",
       "olmo2",
       [](ModelParts& p) {
         const bool flags[] = {true, false, true};
         p.metadata.set("olmo2.attention.sliding_window", Value::u32(8));
         p.metadata.set("olmo2.attention.sliding_window_pattern",
                        Value::array<bool>(std::span<const bool>(flags)));
       },
       {"sliding_window_pattern", "expected 2"}},
      {"missing matrix",
       "llama",
       [](ModelParts& p) { p.remove("blk.1.ffn_up.weight"); },
       {"blk.1.ffn_up.weight", "missing"}},
      {"missing norm",
       "olmo2",
       [](ModelParts& p) { p.remove("blk.0.attn_q_norm.weight"); },
       {"blk.0.attn_q_norm.weight", "missing"}},
      {"missing embedding",
       "llama",
       [](ModelParts& p) { p.remove("token_embd.weight"); },
       {"token_embd.weight", "missing"}},
      {"shape of a matrix",
       "llama",
       reshape("blk.0.attn_k.weight", 64, 47),
       {"blk.0.attn_k.weight", "64 x 47", "expected 64 x 48"}},
      {"shape of a vector",
       "llama",
       reshape("blk.0.attn_norm.weight", 63, 1),
       {"blk.0.attn_norm.weight", "63", "expected 64"}},
      {"type of a vector",
       "llama",
       [](ModelParts& p) {
         ModelParts::Tensor& t = p.tensor("output_norm.weight");
         t.info.format = Format::F16;
         t.bytes.resize(t.bytes.size() / 2);
       },
       {"output_norm.weight", "f16", "expected f32"}},
      {"vocabulary",
       "llama",
       [](ModelParts& p) {
         StringList tokens;
         for (int i = 0; i < 199; ++i) tokens.push_back(std::to_string(i));
         p.metadata.set("tokenizer.ggml.tokens", Value::strings(std::move(tokens)));
       },
       {"token_embd.weight", "64 x 200", "expected 64 x 199"}},
      {"unknown tensor",
       "llama",
       add_f32("blk.0.attn_sinks.weight", 4),
       {"blk.0.attn_sinks.weight", "not known to architecture llama"}},
      {"layer beyond", "llama", add_f32("blk.2.attn_norm.weight", 64), {"blk.2.attn_norm.weight"}},
      {"norm of llama in olmo2",
       "olmo2",
       add_f32("blk.0.attn_norm.weight", 64),
       {"blk.0.attn_norm.weight", "olmo2"}},
      {"rope_freqs",
       "llama",
       add_f32("rope_freqs.weight", 12),
       {"rope_freqs.weight"}},  // zeros: no divisors
  };
}

std::string refusal_of(const ModelParts& parts) {
  const GgufFile file = parts.file();
  try {
    load_model(file);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadInput) << e.what();
    return e.what();
  }
  return "it loads";
}

TEST(LoadModel, RefusesByName) {
  for (const Refusal& r : refusals()) {
    TinyModel m;
    m.architecture = r.architecture;
    ModelParts parts = tiny_model_parts(m);
    r.change(parts);
    const std::string message = refusal_of(parts);
    for (const std::string& part : r.says) EXPECT_THAT(message, HasSubstr(part)) << r.name;
  }
}

TEST(LoadModel, AcceptsWhatChangesNothing) {
  TinyModel m;
  ModelParts parts = tiny_model_parts(m);
  set("llama.expert_count", Value::u32(0))(parts);
  set("llama.attention.causal", Value::boolean(true))(parts);
  set("llama.rope.dimension_count", Value::u32(24))(parts);
  set("llama.vocab_size", Value::u32(200))(parts);
  heads_per_layer({4, 4}, "llama.attention.head_count")(parts);
  heads_per_layer({2, 2}, "llama.attention.head_count_kv")(parts);
  add_f32("blk.0.attn_rot_embd.weight", 12)(parts);
  const GgufFile file = parts.file();
  const auto model = load_model(file);
  EXPECT_EQ(model->traits().n_head, 4u);
  EXPECT_THAT(metadata_warnings(file.metadata()), testing::IsEmpty());
}

TEST(LoadModel, Traits) {
  TinyModel m;
  m.tied = true;
  const GgufFile file = tiny_model(m);
  const auto model = load_model(file);
  const ModelTraits& t = model->traits();
  EXPECT_EQ(t.architecture, "llama");
  EXPECT_EQ(t.n_vocab, 200u);
  EXPECT_EQ(t.head_dim, 24u);
  EXPECT_TRUE(t.tied_output);
  const std::uint64_t layer = 64 * (96 + 48 + 48 + 96) + 3 * 64 * 96 + 2 * 64;
  EXPECT_EQ(t.n_params, 200 * 64 + 64 + 2 * layer);
  EXPECT_EQ(t.weight_bytes, 4 * t.n_params);
  EXPECT_EQ(model->weights().get(TensorRole::kAttnQ, 1).data,
            file.data(file.require("blk.1.attn_q.weight")).data());  // in place, no copy
}

class SessionRequests : public testing::Test {
 protected:
  SessionRequests() : file(tiny_model(model)) {}
  std::string refusal(const std::vector<BatchItem>& items) {
    RunOptions o;
    o.n_batch = 8;
    Engine engine(file, o, 16);
    engine.run({{1, 0, 1, true}, {1, 1, 1, true}});
    try {
      engine.session().decode(items, MatmulPath::kPanel);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      EXPECT_EQ(engine.session().cache().n_used(), 2u);
      return e.what();
    }
    return "it runs";
  }
  TinyModel model;
  GgufFile file;
};

TEST_F(SessionRequests, AreChecked) {
  EXPECT_THAT(refusal({{200, 2, 1, true}}), HasSubstr("outside the vocabulary"));
  EXPECT_THAT(refusal({{-1, 2, 1, true}}), HasSubstr("outside the vocabulary"));
  EXPECT_THAT(refusal({{1, 1, 1, true}}), HasSubstr("position 1 in sequence 0"));
  EXPECT_THAT(refusal({{1, 2, 1, true}, {1, 2, 1, true}}), HasSubstr("position 2"));
  EXPECT_THAT(refusal({{1, -1, 2, true}}), HasSubstr("position -1"));
  EXPECT_THAT(refusal({{1, 2, 0, true}}), HasSubstr("no sequence"));
  EXPECT_THAT(refusal(std::vector<BatchItem>(9)), HasSubstr("a batch of 9"));
  EXPECT_EQ(refusal({{1, 2, 1, true}}), "it runs");
}

TEST_F(SessionRequests, OptionsAreChecked) {
  RunOptions o;
  o.k_format = Format::Q8_0;  // head size 24
  EXPECT_THROW(Engine(file, o), Error);
  o.k_format = Format::F16;
  EXPECT_THROW(Engine(file, o, 0), Error);
  EXPECT_THROW(Engine(file, o, std::size_t{1} << 40), Error);
}

TEST_F(SessionRequests, AFullCacheIsNoError) {
  RunOptions o;
  o.n_batch = 8;
  Engine engine(file, o, 10);
  engine.run(items_of(some_tokens(8, 200)));
  EXPECT_FALSE(engine.session().decode(items_of(some_tokens(3, 200), 8), MatmulPath::kPanel));
  EXPECT_TRUE(engine.session().decode(items_of(some_tokens(2, 200), 8), MatmulPath::kPanel));
}

}  // namespace
}  // namespace lathe::test
