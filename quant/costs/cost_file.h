// The costs of a model's tensors as a file: JSON, with what they are of.
//
//   {"lathe_costs": 1,
//    "lathe": "0.1.0 (8da03eb, build ...)", "encoders": "plain", "encoder_version": 4,
//    "importance": true,
//    "model": {"file": "...", "fingerprint": "...", "weights": "...", "architecture": "...",
//              "n_layer": 32},
//    "gradients": {"file": "...", "fingerprint": "..."},
//    "texts": [{"file": "...", "sha256": "...", "n_tokens": 2048}],
//    "n_ctx": 512, "n_tokens": 4096, "n_scored": 2048, "rows": 32, "seed": 1, "tier": "avx512",
//    "layers": [0.31, 0.02, ...],
//    "tensors": [{"name": "blk.0.attn_k.weight", "shape": [2048, 512], "from": "f16",
//                 "activations": {"bf16": 1e-7, "q8x32": 1e-6, "q8x256": 3e-6},
//                 "costs": {"q4_K": 1.2e-4, ...}}]}
//
// Costs are divergences in nats a token: "costs" those of the errors of the weights, "activations"
// those of the rounding of what they are multiplied with, "layers" (may be empty) those of leaving
// out each layer, alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quant/costs/tensor_costs.h"
#include "quant/plan/model_header.h"
#include "runtime/base/output_gate.h"

namespace lathe {

// CostFile::encoders: those of quantize alone, or with --calibrate.
inline constexpr const char* kPlainEncoders = "plain";
inline constexpr const char* kCalibratedEncoders = "calibrated";

struct CostFile {
  std::string origin;  // for messages; not in the file
  std::string lathe;
  std::string encoders = kPlainEncoders;
  std::uint32_t encoder_version = 0;
  bool importance = true;  // encoders had the importance of columns

  std::string model_file, fingerprint, weights;  // of the model that is planned
  std::string architecture;
  int n_layer = 0;
  std::string gradient_file, gradient_fingerprint;  // the same model, or a quantized file of it

  struct Text {
    std::string file, sha256;
    std::size_t n_tokens = 0;
  };
  std::vector<Text> texts;
  std::size_t n_ctx = 0, n_tokens = 0, n_scored = 0, n_rows = 0;
  std::uint64_t seed = 0;
  std::string tier;

  std::vector<double> layers;        // [n_layer] divergence without each; empty: not measured
  std::vector<TensorCosts> tensors;  // in the order of the model

  const TensorCosts* find(std::string_view tensor) const noexcept;
};

std::string costs_json(const CostFile& costs);
void write_costs(const CostFile& costs, const OutputTarget& target);

// Error (kBadInput) naming the place for malformed JSON, missing and unknown keys, values of a
// wrong kind, unknown formats, costs that are negative or not finite.
CostFile parse_costs(std::string_view json, const std::string& where);
CostFile read_costs(const std::string& path);

// Error (kBadInput) naming the first difference unless the costs are of this model: architecture,
// layers, names, shapes and formats of tensors; and, where it is known (not empty), the fingerprint
// of its weights.
void check_costs(const CostFile& costs, const ModelHeader& model, const std::string& weights);

}  // namespace lathe
