#include "runtime/machine/numa.h"

#include <numaif.h>

#include <cstddef>

namespace lathe {
namespace {

constexpr std::size_t kMaxNodes = 1024;
constexpr std::size_t kBitsPerWord = 8 * sizeof(unsigned long);

std::vector<unsigned long> no_nodes() {
  return std::vector<unsigned long>(kMaxNodes / kBitsPerWord);
}

}  // namespace

// libnuma's numaif calls rather than its higher level: that one prints to stderr when it fails.
ScopedMemoryPolicy::ScopedMemoryPolicy(const MemoryPolicy& policy) : old_nodes_(no_nodes()) {
  if (policy.kind == MemoryPolicy::Kind::kNone) return;
  if (::get_mempolicy(&old_mode_, old_nodes_.data(), kMaxNodes, nullptr, 0) != 0) return;
  std::vector<unsigned long> nodes = no_nodes();
  for (const int node : policy.nodes) {
    const std::size_t bit = static_cast<std::size_t>(node);
    if (node >= 0 && bit < kMaxNodes) nodes[bit / kBitsPerWord] |= 1UL << bit % kBitsPerWord;
  }
  const int mode = policy.kind == MemoryPolicy::Kind::kPrefer ? MPOL_PREFERRED : MPOL_INTERLEAVE;
  active_ = ::set_mempolicy(mode, nodes.data(), kMaxNodes) == 0;
}

ScopedMemoryPolicy::~ScopedMemoryPolicy() {
  if (active_) ::set_mempolicy(old_mode_, old_nodes_.data(), kMaxNodes);
}

}  // namespace lathe
