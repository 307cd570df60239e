// The tensors of a llama file, which other architectures share with it.
#pragma once

#include "models/hparams.h"
#include "runtime/tensor_source.h"
#include "runtime/weight_set.h"

namespace lathe {

// Completes hparams (vocabulary, parameter counts, RoPE frequency factors). Error (kBadInput).
WeightSet load_llama_weights(const TensorSource& file, Hparams& hparams);

}  // namespace lathe
