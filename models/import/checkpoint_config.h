// What config.json (Hugging Face) or params.json (Mistral's own form) says of a model, checked and
// in one form.
//
// Anything that would change what the model computes and that lathe does not do is refused by name.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

class Metadata;

struct CheckpointRope {
  std::optional<double> theta;
  std::string type;  // "": none; "linear", "llama3", "yarn"
  double factor = 1.0;
  double original_context = 0.0;                                            // llama3 and yarn
  double low_factor = 1.0, high_factor = 4.0;                               // llama3
  std::optional<double> beta_fast, beta_slow, attn_factor, log_multiplier;  // yarn
};

struct CheckpointConfig {
  std::string origin;        // the file
  std::string class_name;    // "LlamaForCausalLM", or "params.json"
  std::string architecture;  // general.architecture
  bool native = false;       // Mistral's own form: its names, rows of q and k as GGUF has them
  bool has_vision = false;   // a part of several; what is not text is left out

  std::uint64_t n_layer = 0, n_embd = 0, n_ff = 0, n_head = 0, n_vocab = 0, n_ctx = 0;
  std::optional<std::uint64_t> n_head_kv, head_dim;
  double rms_eps = 0.0;
  bool tied = false;
  CheckpointRope rope;
  std::optional<double> temperature_scale;
  std::map<std::string, std::uint64_t, std::less<>> special_ids;  // "bos" -> 1
  std::vector<std::string> notes;  // what is not carried over; each a sentence

  std::uint64_t head_size() const noexcept { return head_dim.value_or(n_embd / n_head); }
  std::uint64_t kv_heads() const noexcept { return n_head_kv.value_or(n_head); }
};

// Error (kBadInput) naming file and key: missing numbers and such that are out of range, other
// architectures, quantized checkpoints.
CheckpointConfig read_hf_config(const nlohmann::json& json, const std::string& path);
CheckpointConfig read_native_config(const nlohmann::json& json, const std::string& path);

// Appends the keys of the architecture, in the order of the field's converter.
void put_config(const CheckpointConfig& config, Metadata& metadata);

// The divisors of the angles that "llama3" scaling means, one for each rotated pair; empty for
// other scalings.
std::vector<float> rope_factors(const CheckpointConfig& config);

}  // namespace lathe
