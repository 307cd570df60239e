// Prefetching of a stream of weights.
//
// The hardware's own prefetchers follow a stream too closely for loops that compute much per line;
// asking for lines a few kilobytes ahead hides the rest of the latency (measured: Q8_0 from 30 to
// 90 % of the memory bandwidth of one core). A prefetch past the end of the data does nothing.
#pragma once

#include "kernels/lanes/words.h"

namespace lathe {
namespace {

constexpr std::uintptr_t kPrefetchAhead = 2048;

// The lines that hold the `bytes` bytes which lie kPrefetchAhead after p.
LATHE_INLINE void prefetch(const void* p, std::size_t bytes) noexcept {
  const auto ahead = reinterpret_cast<std::uintptr_t>(p) + kPrefetchAhead;
  for (std::size_t i = 0; i < bytes; i += 64) {
    __builtin_prefetch(reinterpret_cast<const void*>(ahead + i));
  }
}

}  // namespace
}  // namespace lathe
