// Tiny random models of every kind, built in memory as GGUF files.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/tiers.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe::test {

struct TinyModel {
  std::string architecture = "llama";
  std::size_t n_layer = 2, n_embd = 64, n_head = 4, n_head_kv = 2, head_dim = 24, n_ff = 96;
  std::size_t n_vocab = 200;
  bool tied = false, biases = false, fused_qkv = false, rope_freqs = false;
  Format format = Format::F32;  // of all matrices
  unsigned seed = 1;
  Metadata keys{};  // set last: adds to or replaces the usual ones
};

// A GGUF file in pieces that a test can still change.
struct ModelParts {
  struct Tensor {
    TensorInfo info;
    std::vector<std::uint8_t> bytes;
  };
  Metadata metadata;
  std::vector<Tensor> tensors;

  Tensor& tensor(const std::string& name) {
    for (Tensor& t : tensors) {
      if (t.info.name == name) return t;
    }
    throw std::runtime_error("no tensor " + name);
  }
  void remove(const std::string& name) {
    std::erase_if(tensors, [&](const Tensor& t) { return t.info.name == name; });
  }
  void add(const std::string& name, Format format, std::vector<std::uint64_t> dims,
           std::vector<std::uint8_t> bytes) {
    Tensor t;
    t.info.name = name;
    t.info.format = format;
    t.info.n_dims = static_cast<std::uint32_t>(dims.size());
    std::copy(dims.begin(), dims.end(), t.info.dims.begin());
    t.bytes = std::move(bytes);
    tensors.push_back(std::move(t));
  }

  std::vector<std::uint8_t> bytes() const {
    std::vector<TensorInfo> infos;
    for (const Tensor& t : tensors) infos.push_back(t.info);
    std::vector<std::uint8_t> file = gguf_header_bytes(metadata, infos);
    for (const Tensor& t : tensors) {
      file.insert(file.end(), t.bytes.begin(), t.bytes.end());
      file.resize((file.size() + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment);
    }
    return file;
  }
  GgufFile file() const { return GgufFile::from_bytes(bytes(), "tiny.gguf"); }
};

class TinyModelBuilder {
 public:
  explicit TinyModelBuilder(const TinyModel& m) : m_(m), random_(m.seed) {
    select_kernels("scalar", &kernels_);
  }

  ModelParts build() {
    add_keys();
    add_matrix("token_embd.weight", m_.n_vocab, m_.n_embd);
    add_vector("output_norm.weight", m_.n_embd, 1.0f, 0.2f);
    if (!m_.tied) add_matrix("output.weight", m_.n_vocab, m_.n_embd);
    if (m_.rope_freqs) add_vector("rope_freqs.weight", m_.head_dim / 2, 3.0f, 0.8f);
    for (std::size_t i = 0; i < m_.n_layer; ++i) add_layer("blk." + std::to_string(i) + ".");
    return std::move(parts_);
  }

 private:
  void add_keys() {
    Metadata& k = parts_.metadata;
    const std::string a = m_.architecture + ".";
    const auto u32 = [](std::size_t v) { return Value::u32(static_cast<std::uint32_t>(v)); };
    k.set("general.architecture", Value::text(m_.architecture));
    k.set(a + "block_count", u32(m_.n_layer));
    k.set(a + "context_length", u32(2048));
    k.set(a + "embedding_length", u32(m_.n_embd));
    k.set(a + "feed_forward_length", u32(m_.n_ff));
    k.set(a + "attention.head_count", u32(m_.n_head));
    k.set(a + "attention.head_count_kv", u32(m_.n_head_kv));
    k.set(a + "attention.key_length", u32(m_.head_dim));
    k.set(a + "attention.value_length", u32(m_.head_dim));
    k.set(a + "attention.layer_norm_rms_epsilon", Value::f32(1e-5f));
    for (const MetadataEntry& e : m_.keys) k.set(e.key, e.value);
  }

  void add_layer(const std::string& p) {
    const std::size_t q = m_.n_head * m_.head_dim, kv = m_.n_head_kv * m_.head_dim;
    const bool olmo2 = m_.architecture == "olmo2";
    if (!olmo2) add_vector(p + "attn_norm.weight", m_.n_embd, 1.0f, 0.2f);
    if (m_.fused_qkv) {
      add_linear(p + "attn_qkv", q + 2 * kv, m_.n_embd);
    } else {
      add_linear(p + "attn_q", q, m_.n_embd);
      add_linear(p + "attn_k", kv, m_.n_embd);
      add_linear(p + "attn_v", kv, m_.n_embd);
    }
    add_linear(p + "attn_output", m_.n_embd, q);
    if (olmo2) {
      add_vector(p + "attn_q_norm.weight", q, 1.0f, 0.2f);
      add_vector(p + "attn_k_norm.weight", kv, 1.0f, 0.2f);
      add_vector(p + "post_attention_norm.weight", m_.n_embd, 0.5f, 0.1f);
      add_vector(p + "post_ffw_norm.weight", m_.n_embd, 0.5f, 0.1f);
    } else {
      add_vector(p + "ffn_norm.weight", m_.n_embd, 1.0f, 0.2f);
    }
    add_linear(p + "ffn_gate", m_.n_ff, m_.n_embd);
    add_linear(p + "ffn_up", m_.n_ff, m_.n_embd);
    add_linear(p + "ffn_down", m_.n_embd, m_.n_ff);
  }

  void add_linear(const std::string& stem, std::size_t rows, std::size_t cols) {
    add_matrix(stem + ".weight", rows, cols);
    if (m_.biases) add_vector(stem + ".bias", rows, 0.0f, 0.3f);
  }

  std::vector<float> normal(std::size_t n, float mean, float deviation) {
    std::normal_distribution<float> distribution(mean, deviation);
    std::vector<float> x(n);
    for (float& v : x) v = distribution(random_);
    return x;
  }

  void add_vector(const std::string& name, std::size_t n, float mean, float deviation) {
    const std::vector<float> x = normal(n, mean, deviation);
    std::vector<std::uint8_t> bytes(n * sizeof(float));
    std::memcpy(bytes.data(), x.data(), bytes.size());
    parts_.add(name, Format::F32, {n}, std::move(bytes));
  }

  void add_matrix(const std::string& name, std::size_t rows, std::size_t cols) {
    const bool embedding = name == "token_embd.weight";
    const float deviation = embedding ? 1.0f : 1.5f / std::sqrt(static_cast<float>(cols));
    std::vector<std::uint8_t> bytes;
    if (const EncodeFn encode = kernels_.encode[index_of(m_.format)]) {
      bytes.resize(rows * row_bytes(m_.format, cols));
      const std::vector<float> x = normal(rows * cols, 0.0f, deviation);
      for (std::size_t r = 0; r < rows; ++r) {
        encode(x.data() + r * cols, cols, bytes.data() + r * row_bytes(m_.format, cols));
      }
    } else {
      bytes = random_blocks(rows * cols / format_info(m_.format).block_elems, deviation);
    }
    parts_.add(name, m_.format, {cols, rows}, std::move(bytes));
  }

  // Formats without a direct encoder: random codes under scales that give about the deviation.
  std::vector<std::uint8_t> random_blocks(std::size_t n, float deviation) {
    const std::size_t block = format_info(m_.format).block_bytes;
    std::vector<std::uint8_t> bytes(n * block);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random_());
    for (std::size_t i = 0; i < n; ++i) {
      std::uint8_t* const p = bytes.data() + i * block;
      if (m_.format == Format::Q4_K) {  // d, dmin first; 6-bit scales, 4-bit codes
        put_half(p, deviation / 180.0f);
        put_half(p + 2, deviation / 180.0f * 7.5f);
      } else if (m_.format == Format::Q6_K) {  // d last; 8-bit scales, codes of -32..31
        put_half(p + 208, deviation / 1350.0f);
      } else {
        throw std::runtime_error("no random blocks of this format");
      }
    }
    return bytes;
  }
  void put_half(std::uint8_t* p, float v) { kernels_.encode[index_of(Format::F16)](&v, 1, p); }

  const TinyModel& m_;
  std::mt19937 random_;
  KernelTable kernels_;
  ModelParts parts_;
};

inline ModelParts tiny_model_parts(const TinyModel& m) { return TinyModelBuilder(m).build(); }
inline GgufFile tiny_model(const TinyModel& m) { return tiny_model_parts(m).file(); }

}  // namespace lathe::test
