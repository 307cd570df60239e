// What the metadata of a decoder-only model say, checked and put together once for all
// architectures.
//
// Everything that a file asks for is read or refused by name (models/arch_keys.h).
#pragma once

#include <string_view>

#include "models/arch_keys.h"
#include "runtime/model.h"
#include "runtime/ops/rope.h"

namespace lathe {

struct Hparams {
  ModelTraits traits;  // all but n_vocab, tied_output, n_params and weight_bytes
  float rms_eps = 0.0f;
  RopeSettings rope;  // without frequency factors; interleaved pairs

  std::size_t q_width() const noexcept { return traits.n_head * traits.head_dim; }
  std::size_t kv_width() const noexcept { return traits.n_head_kv * traits.head_dim; }
};

// Error (kBadInput) naming the key for anything missing, out of range or not supported.
Hparams read_hparams(const ArchKeys& keys);

// Error (kBadInput) when it is missing or out of range.
std::size_t read_layer_count(const ArchKeys& keys);

// The sliding window is a key of some architectures: 0 when absent.
std::size_t read_sliding_window(const ArchKeys& keys);

// The value of a number key that must be finite and within [min, max]; `fallback` when absent.
double read_real(const ArchKeys& keys, std::string_view name, double fallback, double min,
                 double max);

}  // namespace lathe
