#include "models/hparams.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "runtime/gguf/metadata.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMaxLayers = 512;
constexpr std::uint64_t kMaxWidth = 1 << 24;
constexpr std::uint64_t kMaxHeads = 1 << 16;
constexpr std::uint64_t kMaxContext = std::numeric_limits<std::int32_t>::max();

// A number that may stand there once or once per layer; layers must agree.
std::size_t read_uniform(const ArchKeys& keys, std::string_view name, std::size_t n_layer,
                         std::uint64_t max) {
  const std::string key = keys.key(name);
  const auto list = keys.metadata().uint_list(key);
  if (!list) keys.metadata().require_uint(key);  // throws: missing
  if (list->size() != 1 && list->size() != n_layer) {
    keys.metadata().fail(key, "has " + std::to_string(list->size()) + " entries, expected 1 or " +
                                  std::to_string(n_layer) + " (one per layer)");
  }
  for (const std::uint64_t v : *list) {
    if (v != list->front()) {
      keys.metadata().fail(key, "differs between layers, which is not supported");
    }
  }
  if (list->empty() || list->front() < 1 || list->front() > max) {
    keys.metadata().fail(key, "is out of range, expected 1 to " + std::to_string(max));
  }
  return list->front();
}

std::size_t optional_uint(const ArchKeys& keys, std::string_view name, std::size_t fallback,
                          std::uint64_t max) {
  const std::string key = keys.key(name);
  return keys.metadata().has(key) ? keys.metadata().require_uint(key, 1, max) : fallback;
}

void read_heads(const ArchKeys& keys, ModelTraits& t) {
  const Metadata& m = keys.metadata();
  t.n_head = read_uniform(keys, "attention.head_count", t.n_layer, kMaxHeads);
  t.n_head_kv = m.has(keys.key("attention.head_count_kv"))
                    ? read_uniform(keys, "attention.head_count_kv", t.n_layer, kMaxHeads)
                    : t.n_head;
  if (t.n_head % t.n_head_kv != 0) {
    m.fail(keys.key("attention.head_count_kv"), "is " + std::to_string(t.n_head_kv) +
                                                    ", which does not divide the " +
                                                    std::to_string(t.n_head) + " heads");
  }
  const std::string length = keys.key("attention.key_length");
  if (!m.has(length) && t.n_embd % t.n_head != 0) {
    m.fail(keys.key("attention.head_count"), "does not divide embedding_length and there is no " +
                                                 std::string("attention.key_length"));
  }
  t.head_dim = optional_uint(keys, "attention.key_length", t.n_embd / t.n_head, kMaxWidth);
  if (t.head_dim % 2 != 0 || t.head_dim == 0) {
    m.fail(length, "gives heads of " + std::to_string(t.head_dim) + ", expected an even number");
  }
  const std::size_t value_length =
      optional_uint(keys, "attention.value_length", t.n_embd / t.n_head, kMaxWidth);
  if (value_length != t.head_dim) {
    m.fail(keys.key("attention.value_length"),
           "is " + std::to_string(value_length) + ", other than the key length of " +
               std::to_string(t.head_dim) + ", which is not supported");
  }
  const std::size_t n_rot = optional_uint(keys, "rope.dimension_count", t.head_dim, kMaxWidth);
  if (n_rot != t.head_dim) {
    m.fail(keys.key("rope.dimension_count"),
           "is " + std::to_string(n_rot) + ", other than the head size of " +
               std::to_string(t.head_dim) + ": partial rotation is not supported");
  }
}

double read_rope_factor(const ArchKeys& keys) {
  const bool current = keys.metadata().has(keys.key("rope.scaling.factor"));
  const double factor =
      read_real(keys, current ? "rope.scaling.factor" : "rope.scale_linear", 0.0, 0.0, 1e6);
  return factor == 0.0 ? 1.0 : factor;
}

RopeSettings read_rope(const ArchKeys& keys, const ModelTraits& t) {
  const Metadata& m = keys.metadata();
  RopeSettings rope;
  rope.head_dim = t.head_dim;
  rope.base = read_real(keys, "rope.freq_base", 10000.0, 1.0 + 1e-6, 1e15);
  rope.factor = read_rope_factor(keys);
  rope.attn_factor = read_real(keys, "rope.scaling.attn_factor", 1.0, 1e-6, 1e6);
  rope.n_ctx_original = static_cast<double>(
      optional_uint(keys, "rope.scaling.original_context_length", t.n_ctx_train, kMaxContext));
  const std::string key = keys.key("rope.scaling.type");
  const std::string_view type = m.text(key).value_or("linear");
  if (type == "none") {
    rope.factor = 1.0;
  } else if (type == "yarn") {
    rope.yarn = true;
    rope.beta_fast = read_real(keys, "rope.scaling.yarn_beta_fast", rope.beta_fast, 1e-6, 1e6);
    rope.beta_slow = read_real(keys, "rope.scaling.yarn_beta_slow", rope.beta_slow, 1e-6, 1e6);
  } else if (type != "linear") {
    m.fail(key, "is '" + std::string(type.substr(0, 64)) +
                    "', which is not supported (none, linear and yarn are)");
  }
  keys.refuse_unless("rope.scaling.yarn_ext_factor", rope.yarn ? 1 : 0,
                     "YaRN in part is not supported");
  return rope;
}

}  // namespace

double read_real(const ArchKeys& keys, std::string_view name, double fallback, double min,
                 double max) {
  const std::string key = keys.key(name);
  const double value = keys.metadata().real(key).value_or(fallback);
  if (!(value >= min && value <= max)) {  // also not a number
    keys.metadata().fail(key, "is " + std::to_string(value) + ", expected " + std::to_string(min) +
                                  " to " + std::to_string(max));
  }
  return value;
}

std::size_t read_layer_count(const ArchKeys& keys) {
  return keys.metadata().require_uint(keys.key("block_count"), 1, kMaxLayers);
}

std::size_t read_sliding_window(const ArchKeys& keys) {
  const std::string key = keys.key("attention.sliding_window");
  return keys.metadata().has(key) ? keys.metadata().require_uint(key, 0, kMaxContext) : 0;
}

Hparams read_hparams(const ArchKeys& keys) {
  const Metadata& m = keys.metadata();
  Hparams h;
  ModelTraits& t = h.traits;
  t.architecture = keys.architecture();
  t.name = std::string(m.text("general.name").value_or(""));
  t.n_layer = read_layer_count(keys);
  t.n_embd = m.require_uint(keys.key("embedding_length"), 1, kMaxWidth);
  t.n_ctx_train = m.require_uint(keys.key("context_length"), 1, kMaxContext);
  t.n_ff = read_uniform(keys, "feed_forward_length", t.n_layer, kMaxWidth);
  read_heads(keys, t);
  m.require_real(keys.key("attention.layer_norm_rms_epsilon"));
  h.rms_eps =
      static_cast<float>(read_real(keys, "attention.layer_norm_rms_epsilon", 0.0, 0.0, 1.0));
  h.rope = read_rope(keys, t);
  return h;
}

}  // namespace lathe
