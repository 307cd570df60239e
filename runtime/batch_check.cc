#include "runtime/batch_check.h"

#include <array>
#include <bit>
#include <limits>
#include <string>

#include "runtime/base/error.h"
#include "runtime/kv_cache.h"

namespace lathe {
namespace {

// Positions must rise along each sequence: a query sees all that came before it, in order.
void check_positions(Batch batch, const KvCache& cache) {
  std::array<std::int32_t, kMaxSequences> next;
  for (int s = 0; s < kMaxSequences; ++s) next[static_cast<std::size_t>(s)] = cache.n_past(s);
  for (const BatchItem& item : batch) {
    for (SequenceMask m = item.sequences; m != 0; m &= m - 1) {
      const auto s = static_cast<std::size_t>(std::countr_zero(m));
      if (item.pos < next[s] || item.pos == std::numeric_limits<std::int32_t>::max()) {
        throw usage_error("position " + std::to_string(item.pos) + " in sequence " +
                          std::to_string(s) + ", which stands at " + std::to_string(next[s]));
      }
      next[s] = item.pos + 1;
    }
  }
}

}  // namespace

void check_batch(Batch batch, std::size_t n_vocab, const KvCache& cache) {
  for (const BatchItem& item : batch) {
    if (item.token < 0 || static_cast<std::size_t>(item.token) >= n_vocab) {
      throw usage_error("token " + std::to_string(item.token) + " is outside the vocabulary of " +
                        std::to_string(n_vocab));
    }
    if (item.sequences == 0) throw usage_error("a token that belongs to no sequence");
  }
  check_positions(batch, cache);
}

}  // namespace lathe
