// Whether a batch can be run at all: what every way into a model checks first.
#pragma once

#include <cstddef>

#include "runtime/batch.h"

namespace lathe {

class KvCache;

// Error (kUsage): a token outside of the vocabulary, an item of no sequence, positions that do not
// rise along a sequence of the cache.
void check_batch(Batch batch, std::size_t n_vocab, const KvCache& cache);

}  // namespace lathe
