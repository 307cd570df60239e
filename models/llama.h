// The tensors of a llama file, which other architectures share with it.
#pragma once

#include "models/hparams.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/weight_set.h"

namespace lathe {

// Completes hparams (vocabulary, parameter counts, RoPE frequency factors). Error (kBadInput).
WeightSet load_llama_weights(const GgufFile& file, Hparams& hparams);

}  // namespace lathe
