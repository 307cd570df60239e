// What one pass of a model has to do at least: bytes to read and products to form. Divided by what
// the machine can do (runtime/machine/probes.h), that is the shortest time a pass can take.
//
// Counted are the weights: attention over the context is left out of the products, as is usual for
// these figures, and in the bytes as KV cache.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/kernel_table.h"
#include "runtime/machine/probes.h"
#include "runtime/model.h"

namespace lathe {

using MacsByPeak = std::array<double, kPeakCount>;  // indexed by Peak

struct ModelWork {
  double token_bytes = 0;      // weights that generating one token reads: layers, norms, head
  double cell_bytes = 0;       // keys and values of one position, all layers
  MacsByPeak layer_macs = {};  // per prompt token
  MacsByPeak head_macs = {};   // per row of logits
};

ModelWork model_work(const Model& model, const KernelTable& kernels, Format k_format,
                     Format v_format);

}  // namespace lathe
