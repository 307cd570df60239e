// Applies a memory policy (placement.h) to the calling thread, and takes it back.
//
// Linux asks the policy of the thread that touches a page first, also for pages of mapped files
// that the page cache does not hold yet (pages that it holds stay where they are). Threads started
// under a policy inherit it.
#pragma once

#include <vector>

#include "runtime/machine/placement.h"

namespace lathe {

class ScopedMemoryPolicy {
 public:
  // Does nothing for kNone, and where the system refuses (containers often do).
  explicit ScopedMemoryPolicy(const MemoryPolicy& policy);
  ~ScopedMemoryPolicy();
  ScopedMemoryPolicy(const ScopedMemoryPolicy&) = delete;
  ScopedMemoryPolicy& operator=(const ScopedMemoryPolicy&) = delete;

  bool active() const noexcept { return active_; }

 private:
  bool active_ = false;
  int old_mode_ = 0;
  std::vector<unsigned long> old_nodes_;
};

}  // namespace lathe
