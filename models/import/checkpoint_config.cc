#include "models/import/checkpoint_config.h"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <numbers>

#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/metadata.h"

namespace lathe {
namespace {

using Keys = std::initializer_list<const char*>;

constexpr std::uint64_t kMaxLayers = 512;
constexpr std::uint64_t kMaxWidth = 1U << 24;
constexpr std::uint64_t kMaxContext = 0x7fffffff;
constexpr double kLargest = 1e15;

// The objects that are looked into, the first first: text_config before the whole.
class Fields {
 public:
  explicit Fields(const JsonNode& root) : layers_{root} {
    const auto text = root.find("text_config");
    if (text && text->is_object()) layers_.insert(layers_.begin(), *text);
  }

  const JsonNode& root() const { return layers_.back(); }

  // The first of the keys that is there and not null.
  std::optional<JsonNode> find(Keys keys) const {
    for (const char* key : keys) {
      for (const JsonNode& layer : layers_) {
        const auto node = layer.find(key);
        if (node && !node->is_null()) return node;
      }
    }
    return std::nullopt;
  }

  std::optional<std::uint64_t> number(Keys keys, std::uint64_t max) const {
    const auto node = find(keys);
    if (!node) return std::nullopt;
    const std::uint64_t n = node->uint(max);
    if (n == 0) node->fail("expected a number of 1 or more");
    return n;
  }
  std::uint64_t require(Keys keys, std::uint64_t max) const {
    const auto n = number(keys, max);
    if (!n) root().fail(fmt::format("the key \"{}\" is missing", *keys.begin()));
    return *n;
  }
  std::optional<double> real(Keys keys) const {
    const auto node = find(keys);
    return node ? std::optional(checked(*node)) : std::nullopt;
  }
  double require_real(Keys keys) const {
    const auto value = real(keys);
    if (!value) root().fail(fmt::format("the key \"{}\" is missing", *keys.begin()));
    return *value;
  }
  bool flag(Keys keys, bool otherwise) const {
    const auto node = find(keys);
    return node ? node->boolean() : otherwise;
  }
  std::string text(Keys keys) const {
    const auto node = find(keys);
    return node && node->is_text() ? node->text() : std::string{};
  }

  static double checked(const JsonNode& node) {
    const double value = node.real();
    if (!(value >= 0.0 && value <= kLargest)) node.fail("is out of range");
    return value;
  }

 private:
  std::vector<JsonNode> layers_;
};

struct KnownClass {
  std::string_view name, architecture;
};
constexpr KnownClass kClasses[] = {{"LlamaForCausalLM", "llama"},
                                   {"LLaMAForCausalLM", "llama"},
                                   {"MistralForCausalLM", "llama"},
                                   {"Mistral3ForConditionalGeneration", "mistral3"},
                                   {"Olmo2ForCausalLM", "olmo2"}};

std::string_view architecture_of(const JsonNode& root) {
  const auto list = root.find("architectures");
  if (!list || list->is_null()) {
    root.fail("it names no architecture (\"architectures\"): not a model's configuration");
  }
  const std::vector<JsonNode> names = list->elements();
  if (names.empty()) list->fail("it names no architecture");
  const std::string& name = names.front().text();
  std::string known;
  for (const KnownClass& c : kClasses) {
    if (c.name == name) return c.architecture;
    known += (known.empty() ? "" : ", ") + std::string(c.name);
  }
  list->fail(fmt::format("{} is not supported; lathe converts {}", quoted(name), known));
}

void refuse(const Fields& fields, const char* key, std::string_view neutral,
            std::string_view what) {
  const auto node = fields.find({key});
  if (!node) return;
  const bool same = node->is_text() ? node->text() == neutral : false;
  if (!same) node->fail(fmt::format("{}", what));
}

// What other models of these classes do and lathe does not.
void refuse_foreign(const Fields& fields) {
  if (const auto quantized = fields.find({"quantization_config"})) {
    const auto method = quantized->find("quant_method");
    quantized->fail(fmt::format(
        "the checkpoint is quantized{}: take the one with 16-bit weights",
        method && method->is_text() ? " (" + printable(method->text()) + ")" : std::string{}));
  }
  refuse(fields, "hidden_act", "silu", "only the activation silu is supported");
  for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    if (const auto n = fields.find({key}); n && n->real() > 0) {
      n->fail("mixtures of experts are not supported");
    }
  }
  if (const auto part = fields.find({"partial_rotary_factor"}); part && part->real() != 1.0) {
    part->fail("heads that are rotated in part are not supported");
  }
}

// ---- RoPE

void read_llama3(const JsonNode& node, CheckpointRope& rope) {
  rope.factor = Fields::checked(node.at("factor"));
  const auto real = [&](const char* key, double otherwise) {
    const auto value = node.find(key);
    return value && !value->is_null() ? Fields::checked(*value) : otherwise;
  };
  rope.low_factor = real("low_freq_factor", 1.0);
  rope.high_factor = real("high_freq_factor", 4.0);
  rope.original_context = real("original_max_position_embeddings", 8192.0);
  if (rope.factor < 1.0 || rope.original_context < 1.0 || rope.low_factor <= 0.0 ||
      rope.high_factor <= rope.low_factor) {
    node.fail("its factors make no sense");
  }
}

// What the magnitude is multiplied with beyond the 1 + 0.1 ln(factor) that YaRN means by default.
std::optional<double> yarn_attn_factor(std::optional<double> whole, std::optional<double> mscale,
                                       std::optional<double> mscale_all, double factor) {
  const auto magnitude = [&](double m) {
    return factor > 1.0 ? 1.0 + 0.1 * m * std::log(factor) : 1.0;
  };
  if (whole) return *whole / magnitude(1.0);
  if (!mscale || !mscale_all) return std::nullopt;
  return magnitude(*mscale) / magnitude(*mscale_all) / magnitude(1.0);
}

void read_yarn(const JsonNode& node, const Fields& fields, bool by_multiplier,
               CheckpointRope& rope) {
  const auto real = [&](const char* key) -> std::optional<double> {
    const auto value = node.find(key);
    return value && !value->is_null() ? std::optional(Fields::checked(*value)) : std::nullopt;
  };
  rope.factor = Fields::checked(node.at("factor"));
  if (rope.factor <= 0.0) node.fail("its factor makes no sense");
  rope.original_context = real("original_max_position_embeddings").value_or(0.0);
  if (rope.original_context < 1.0) {
    rope.original_context =
        static_cast<double>(fields.require({"max_position_embeddings"}, kMaxContext));
  }
  rope.beta_fast = real("beta_fast");
  rope.beta_slow = real("beta_slow");
  if (by_multiplier) {
    rope.log_multiplier = real("mscale_all_dim");
  } else {
    rope.attn_factor = yarn_attn_factor(real("attention_factor"), real("mscale"),
                                        real("mscale_all_dim"), rope.factor);
  }
}

std::string rope_type(const JsonNode& scaling) {
  for (const char* key : {"rope_type", "type"}) {
    const auto type = scaling.find(key);
    if (type && !type->is_null()) return type->text();
  }
  return "default";
}

void read_rope(const Fields& fields, CheckpointConfig& out) {
  CheckpointRope& rope = out.rope;
  const auto parameters = fields.find({"rope_parameters"});
  const auto scaling = parameters ? parameters : fields.find({"rope_scaling"});
  rope.theta = fields.real({"rope_theta"});
  if (parameters) {
    const auto theta = parameters->find("rope_theta");
    if (theta && !theta->is_null()) rope.theta = Fields::checked(*theta);
  }
  if (!scaling) return;
  const std::string type = rope_type(*scaling);
  if (type == "default" || type == "none") return;
  rope.type = type;
  const bool ministral =
      out.architecture == "mistral3" && fields.text({"model_type"}) == "ministral3";
  if (type == "linear") {
    rope.factor = Fields::checked(scaling->at("factor"));
  } else if (type == "llama3") {
    read_llama3(*scaling, rope);
  } else if (type == "yarn") {
    read_yarn(*scaling, fields, ministral, rope);
  } else {
    scaling->fail(
        fmt::format("the scaling {} is not supported (linear, llama3 and yarn are)", quoted(type)));
  }
  const auto beta = ministral ? scaling->find("llama_4_scaling_beta") : std::nullopt;
  if (beta && !beta->is_null()) out.temperature_scale = Fields::checked(*beta);
}

// ---- the whole

// What the forms name differently, and what follows for both.
void check_shape(const JsonNode& root, const CheckpointConfig& c) {
  if (!c.head_dim && c.n_embd % c.n_head != 0) {
    root.fail(fmt::format("{} heads do not divide a width of {}, and there is no head_dim",
                          c.n_head, c.n_embd));
  }
  if (c.rope.original_context > static_cast<double>(kMaxContext)) {
    root.fail("the original context of its scaling is out of range");
  }
  if (c.head_size() % 2 != 0) root.fail(fmt::format("heads of an odd size ({})", c.head_size()));
  if (c.n_head % c.kv_heads() != 0) {
    root.fail(fmt::format("{} heads of keys do not divide {} heads", c.kv_heads(), c.n_head));
  }
}

void read_special_ids(const Fields& fields, CheckpointConfig& out) {
  for (const char* name : {"bos", "eos", "unk", "sep", "pad", "cls", "mask"}) {
    auto node = fields.find({fmt::format("{}_token_id", name).c_str()});
    if (node && node->is_array()) {  // several end a text: the first is the one
      const std::vector<JsonNode> all = node->elements();
      node = all.empty() ? std::nullopt : std::optional(all.front());
    }
    if (node && node->is_whole()) out.special_ids.emplace(name, node->uint(~std::uint64_t{0}));
  }
}

void note_window(const Fields& fields, CheckpointConfig& out) {
  const auto window = fields.number({"sliding_window"}, kMaxContext);
  if (!window || *window >= out.n_ctx) return;
  out.notes.push_back(fmt::format(
      "the sliding window of {} tokens is left out, as all converters do: beyond it the model sees "
      "more than it was trained to",
      *window));
}

}  // namespace

CheckpointConfig read_hf_config(const nlohmann::json& json, const std::string& path) {
  const JsonNode root(json, path);
  const Fields fields(root);
  CheckpointConfig c;
  c.origin = path;
  c.architecture = architecture_of(root);
  c.class_name = root.at("architectures").elements().front().text();
  c.has_vision = fields.root().find("vision_config").has_value();
  refuse_foreign(fields);
  c.n_layer =
      fields.require({"num_hidden_layers", "n_layers", "n_layer", "num_layers"}, kMaxLayers);
  c.n_ctx = fields.require({"max_position_embeddings", "n_ctx", "n_positions", "max_length",
                            "max_sequence_length", "model_max_length"},
                           kMaxContext);
  c.n_embd = fields.require({"hidden_size", "n_embd", "dim"}, kMaxWidth);
  c.n_ff = fields.require({"intermediate_size", "n_inner", "hidden_dim"}, kMaxWidth);
  c.n_head = fields.require({"num_attention_heads", "n_head", "n_heads"}, kMaxWidth);
  c.n_head_kv = fields.number({"num_key_value_heads", "n_kv_heads"}, kMaxWidth);
  c.head_dim = fields.number({"head_dim"}, kMaxWidth);
  c.n_vocab = fields.require({"vocab_size"}, kMaxWidth);
  c.rms_eps = fields.require_real({"rms_norm_eps", "norm_eps"});
  c.tied = fields.flag({"tie_word_embeddings"}, false);
  read_rope(fields, c);
  check_shape(root, c);
  read_special_ids(fields, c);
  note_window(fields, c);
  return c;
}

CheckpointConfig read_native_config(const nlohmann::json& json, const std::string& path) {
  const JsonNode root(json, path);
  const Fields fields(root);
  CheckpointConfig c;
  c.origin = path;
  c.class_name = "Mistral's own form";
  c.native = true;
  c.has_vision = fields.find({"vision_encoder"}).has_value();
  if (const auto moe = fields.find({"moe"})) moe->fail("mixtures of experts are not supported");
  if (const auto quantized = fields.find({"quantization"})) {
    quantized->fail("the checkpoint is quantized: take the one with 16-bit weights");
  }
  const auto temperature = fields.find({"llama_4_scaling"});
  c.architecture = temperature ? "mistral3" : "llama";
  c.n_layer = fields.require({"n_layers"}, kMaxLayers);
  c.n_embd = fields.require({"dim"}, kMaxWidth);
  c.n_ff = fields.require({"hidden_dim"}, kMaxWidth);
  c.n_head = fields.require({"n_heads"}, kMaxWidth);
  c.n_head_kv = fields.number({"n_kv_heads"}, kMaxWidth);
  c.head_dim = fields.number({"head_dim"}, kMaxWidth);
  c.n_vocab = fields.require({"vocab_size"}, kMaxWidth);
  c.rms_eps = fields.require_real({"norm_eps"});
  c.tied = fields.flag({"tied_embeddings"}, false);
  c.rope.theta = fields.real({"rope_theta"});
  constexpr std::uint64_t kAssumedContext = 32768;
  const auto n_ctx = fields.number(
      {"max_position_embeddings", "max_seq_len", "max_sequence_length", "model_max_length"},
      kMaxContext);
  c.n_ctx = n_ctx.value_or(kAssumedContext);
  if (!n_ctx) {
    c.notes.push_back(fmt::format(
        "params.json does not say how long texts were in training: a context of {} is written "
        "(--override-kv {}.context_length=int:N)",
        c.n_ctx, c.architecture));
  }
  if (const auto yarn = fields.find({"yarn"})) {
    CheckpointRope& rope = c.rope;
    rope.type = "yarn";
    rope.factor = Fields::checked(yarn->at("factor"));
    rope.original_context = Fields::checked(yarn->at("original_max_position_embeddings"));
    rope.beta_fast = Fields::checked(yarn->at("beta"));
    rope.beta_slow = Fields::checked(yarn->at("alpha"));
    const auto apply = yarn->find("apply_scale");
    if (apply && !apply->boolean()) {  // the magnitude stays 1, which only mistral3 can say
      rope.log_multiplier = 1.0;
      c.architecture = "mistral3";
    }
  }
  if (temperature) c.temperature_scale = Fields::checked(temperature->at("beta"));
  check_shape(root, c);
  note_window(fields, c);
  return c;
}

void put_config(const CheckpointConfig& c, Metadata& out) {
  const auto key = [&](const char* name) { return c.architecture + "." + name; };
  const auto number = [&](const char* name, std::uint64_t n) {
    out.set(key(name), Value::u32(static_cast<std::uint32_t>(n)));
  };
  const auto real = [&](const char* name, std::optional<double> v) {
    if (v) out.set(key(name), Value::f32(static_cast<float>(*v)));
  };
  number("block_count", c.n_layer);
  number("context_length", c.n_ctx);
  number("embedding_length", c.n_embd);
  number("feed_forward_length", c.n_ff);
  number("attention.head_count", c.n_head);
  if (c.n_head_kv) number("attention.head_count_kv", *c.n_head_kv);
  if (c.rope.type == "linear" || c.rope.type == "yarn") {
    out.set(key("rope.scaling.type"), Value::text(c.rope.type));
    real("rope.scaling.factor", c.rope.factor);
  }
  if (c.rope.type == "yarn") {
    number("rope.scaling.original_context_length",
           static_cast<std::uint64_t>(c.rope.original_context));
    real("rope.scaling.yarn_beta_fast", c.rope.beta_fast);
    real("rope.scaling.yarn_beta_slow", c.rope.beta_slow);
    real("rope.scaling.attn_factor", c.rope.attn_factor);
    real("rope.scaling.yarn_log_multiplier", c.rope.log_multiplier);
  }
  real("attention.temperature_scale", c.temperature_scale);
  real("rope.freq_base", c.rope.theta);
  real("attention.layer_norm_rms_epsilon", c.rms_eps);
  if (c.head_dim) {
    number("attention.key_length", *c.head_dim);
    number("attention.value_length", *c.head_dim);
  }
  if (c.architecture != "olmo2") {
    number("vocab_size", c.n_vocab);
    number("rope.dimension_count", c.head_size());
  }
}

std::vector<float> rope_factors(const CheckpointConfig& c) {
  if (c.rope.type != "llama3") return {};
  const auto dim = static_cast<double>(c.head_size());
  const double base = c.rope.theta.value_or(10000.0);
  const double low_length = c.rope.original_context / c.rope.low_factor;
  const double high_length = c.rope.original_context / c.rope.high_factor;
  std::vector<float> out;
  for (std::uint64_t i = 0; i < c.head_size() / 2; ++i) {
    const auto frequency =
        static_cast<float>(1.0 / std::pow(base, 2.0 * static_cast<double>(i) / dim));
    const double length = 2.0 * std::numbers::pi / static_cast<double>(frequency);
    if (length < high_length) {
      out.push_back(1.0f);
    } else if (length > low_length) {
      out.push_back(static_cast<float>(c.rope.factor));
    } else {
      const double smooth = (c.rope.original_context / length - c.rope.low_factor) /
                            (c.rope.high_factor - c.rope.low_factor);
      out.push_back(static_cast<float>(1.0 / ((1.0 - smooth) / c.rope.factor + smooth)));
    }
  }
  return out;
}

}  // namespace lathe
