// Checkpoint folders of tiny random models, the inverse of what converting does: the tensors of a
// tiny GGUF model under the names of Hugging Face or Mistral, queries and keys in their order.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/safetensors_builder.h"
#include "tests/support/tiny_model.h"

namespace lathe::test {

enum class CheckpointForm { kHuggingFace, kNative };

// A byte-level BPE vocabulary in the style of Llama 3: bytes, some merges, two special tokens at
// the end.
inline nlohmann::ordered_json small_tokenizer(std::size_t n_vocab) {
  using Json = nlohmann::ordered_json;
  Json vocab = Json::object();
  std::size_t n = 0;
  const auto put = [&](const std::string& text) { vocab[text] = n++; };
  for (int byte = 0x21; byte <= 0x7E; ++byte) put(std::string(1, static_cast<char>(byte)));
  const auto utf8 = [](int code_point) {
    return std::string{static_cast<char>(0xC0 | code_point >> 6),
                       static_cast<char>(0x80 | (code_point & 0x3F))};
  };
  for (int c = 0xA1; c <= 0xFF; ++c) {
    if (c != 0xAD) put(utf8(c));
  }
  for (int c = 0x100; c < 0x100 + 68; ++c) put(utf8(c));
  Json merges = Json::array();
  for (const auto& [left, right] : {std::pair("h", "e"), {"t", "he"}, {"\xC4\xA0", "the"}}) {
    put(std::string(left) + right);
    merges.push_back(std::string(left) + " " + right);
  }
  const auto special = [](std::size_t id, const char* text) {
    return Json{{"id", id}, {"content", text}, {"special", true}};
  };
  const char* const pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  return {{"added_tokens",
           {special(n_vocab - 2, "<|begin_of_text|>"), special(n_vocab - 1, "<|end_of_text|>")}},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}},
              {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single",
             {{{"SpecialToken", {{"id", "<|begin_of_text|>"}, {"type_id", 0}}}},
              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}}},
          {"model",
           {{"type", "BPE"},
            {"byte_fallback", false},
            {"ignore_merges", true},
            {"vocab", vocab},
            {"merges", merges}}}};
}

class CheckpointBuilder {
 public:
  CheckpointBuilder(const TinyModel& m, const std::string& class_name,
                    CheckpointForm form = CheckpointForm::kHuggingFace)
      : m_(m), form_(form), parts_(tiny_model_parts(m)) {
    keep_vectors_exact();
    config = form == CheckpointForm::kNative ? native_config() : hf_config(class_name);
    tokenizer = small_tokenizer(m.n_vocab);
  }

  nlohmann::ordered_json config, tokenizer;
  std::string prefix;        // of Hugging Face's names: "language_model."
  std::size_t n_shards = 1;  // with an index, where there are several
  ModelParts& expected() { return parts_; }

  // Name, type, shape and bytes of each tensor, as the checkpoint has them.
  struct Tensor {
    std::string name, dtype;
    std::vector<std::uint64_t> shape;
    std::vector<std::uint8_t> bytes;
  };
  std::vector<Tensor> tensors() const {
    std::vector<Tensor> out;
    for (const ModelParts::Tensor& t : parts_.tensors) {
      if (t.info.name == "rope_freqs.weight") continue;
      Tensor one{their_name(t.info.name), dtype(), {}, t.bytes};
      for (std::uint32_t d = t.info.n_dims; d-- > 0;) one.shape.push_back(t.info.dims[d]);
      if (t.info.n_dims == 1 && m_.format == Format::BF16) one.bytes = upper_halves(t.bytes);
      unpair(t.info.name, one);
      out.push_back(std::move(one));
    }
    return out;
  }

  void write(const std::string& folder) const {
    std::filesystem::create_directories(folder);
    const bool native = form_ == CheckpointForm::kNative;
    const std::string stem = native ? "consolidated" : "model";
    write_text(folder + (native ? "/params.json" : "/config.json"), config.dump());
    write_text(folder + "/tokenizer.json", tokenizer.dump());
    std::vector<SafetensorsBuilder> files(n_shards);
    nlohmann::ordered_json map;
    std::size_t next = 0;
    for (const Tensor& t : tensors()) {
      const std::size_t file = next++ % n_shards;
      files[file].add(t.name, t.dtype, t.shape, t.bytes);
      map[t.name] = file_name(stem, file);
    }
    for (std::size_t i = 0; i < n_shards; ++i) {
      write_bytes(folder + "/" + file_name(stem, i), files[i].build());
    }
    if (n_shards == 1) return;
    write_text(folder + "/" + stem + ".safetensors.index.json",
               nlohmann::json{{"metadata", {{"total_size", 1}}}, {"weight_map", map}}.dump());
  }

 private:
  std::string dtype() const { return m_.format == Format::BF16 ? "BF16" : "F32"; }

  std::string file_name(const std::string& stem, std::size_t i) const {
    if (n_shards == 1) return stem + ".safetensors";
    const auto padded = [](std::size_t n) {
      const std::string digits = std::to_string(n);
      return std::string(5 - digits.size(), '0') + digits;
    };
    return stem + "-" + padded(i + 1) + "-of-" + padded(n_shards) + ".safetensors";
  }

  // Vectors of a checkpoint in BF16 are such numbers.
  void keep_vectors_exact() {
    if (m_.format != Format::BF16) return;
    for (ModelParts::Tensor& t : parts_.tensors) {
      if (t.info.n_dims != 1 || t.info.name == "rope_freqs.weight") continue;
      for (std::size_t i = 0; i < t.bytes.size(); i += 4) t.bytes[i] = t.bytes[i + 1] = 0;
    }
  }
  static std::vector<std::uint8_t> upper_halves(const std::vector<std::uint8_t>& floats) {
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < floats.size(); i += 4) {
      out.push_back(floats[i + 2]);
      out.push_back(floats[i + 3]);
    }
    return out;
  }

  // Rows 2i and 2i+1 of a head come from its two halves; Mistral's own form has them so already.
  void unpair(const std::string& gguf_name, Tensor& t) const {
    const bool is_head = gguf_name.find(".attn_q.") != std::string::npos ||
                         gguf_name.find(".attn_k.") != std::string::npos;
    if (!is_head || form_ == CheckpointForm::kNative || m_.architecture == "olmo2") return;
    const std::size_t stride = t.bytes.size() / t.shape[0], half = m_.head_dim / 2;
    const std::vector<std::uint8_t> paired = t.bytes;
    for (std::size_t row = 0; row < t.shape[0]; ++row) {
      const std::size_t head = row / m_.head_dim, within = row % m_.head_dim;
      const std::size_t theirs = head * m_.head_dim + (within % 2) * half + within / 2;
      std::copy_n(paired.begin() + static_cast<std::ptrdiff_t>(row * stride), stride,
                  t.bytes.begin() + static_cast<std::ptrdiff_t>(theirs * stride));
    }
  }

  std::string their_name(const std::string& gguf) const {
    using Names = std::map<std::string, std::string>;
    static const Names hf = {{"token_embd.weight", "model.embed_tokens.weight"},
                             {"output.weight", "lm_head.weight"},
                             {"output_norm.weight", "model.norm.weight"},
                             {"attn_norm", "input_layernorm"},
                             {"ffn_norm", "post_attention_layernorm"},
                             {"attn_q", "self_attn.q_proj"},
                             {"attn_k", "self_attn.k_proj"},
                             {"attn_v", "self_attn.v_proj"},
                             {"attn_output", "self_attn.o_proj"},
                             {"attn_q_norm", "self_attn.q_norm"},
                             {"attn_k_norm", "self_attn.k_norm"},
                             {"post_attention_norm", "post_attention_layernorm"},
                             {"post_ffw_norm", "post_feedforward_layernorm"},
                             {"ffn_gate", "mlp.gate_proj"},
                             {"ffn_up", "mlp.up_proj"},
                             {"ffn_down", "mlp.down_proj"}};
    static const Names native = {{"token_embd.weight", "tok_embeddings.weight"},
                                 {"output.weight", "output.weight"},
                                 {"output_norm.weight", "norm.weight"},
                                 {"attn_norm", "attention_norm"},
                                 {"ffn_norm", "ffn_norm"},
                                 {"attn_q", "attention.wq"},
                                 {"attn_k", "attention.wk"},
                                 {"attn_v", "attention.wv"},
                                 {"attn_output", "attention.wo"},
                                 {"ffn_gate", "feed_forward.w1"},
                                 {"ffn_up", "feed_forward.w3"},
                                 {"ffn_down", "feed_forward.w2"}};
    const bool is_native = form_ == CheckpointForm::kNative;
    const Names& names = is_native ? native : hf;
    if (const auto at = names.find(gguf); at != names.end()) return prefix + at->second;
    const std::size_t dot = gguf.find('.', 4), last = gguf.rfind('.');
    return prefix + (is_native ? "layers." : "model.layers.") + gguf.substr(4, dot - 4) + "." +
           names.at(gguf.substr(dot + 1, last - dot - 1)) + gguf.substr(last);
  }

  nlohmann::ordered_json hf_config(const std::string& class_name) const {
    nlohmann::ordered_json out = {
        {"architectures", {class_name}},       {"hidden_size", m_.n_embd},
        {"num_hidden_layers", m_.n_layer},     {"num_attention_heads", m_.n_head},
        {"num_key_value_heads", m_.n_head_kv}, {"head_dim", m_.head_dim},
        {"intermediate_size", m_.n_ff},        {"vocab_size", m_.n_vocab},
        {"max_position_embeddings", 2048},     {"rms_norm_eps", 1e-5},
        {"tie_word_embeddings", m_.tied},      {"hidden_act", "silu"},
        {"bos_token_id", m_.n_vocab - 2},      {"eos_token_id", m_.n_vocab - 1}};
    return out;
  }
  nlohmann::ordered_json native_config() const {
    return {{"dim", m_.n_embd},          {"n_layers", m_.n_layer},
            {"n_heads", m_.n_head},      {"n_kv_heads", m_.n_head_kv},
            {"head_dim", m_.head_dim},   {"hidden_dim", m_.n_ff},
            {"norm_eps", 1e-5},          {"vocab_size", m_.n_vocab},
            {"rope_theta", 10000.0},     {"max_position_embeddings", 2048},
            {"tied_embeddings", m_.tied}};
  }

  TinyModel m_;
  CheckpointForm form_;
  ModelParts parts_;
};

}  // namespace lathe::test
