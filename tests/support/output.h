// A target for tests that write files: through a gate of its own.
#pragma once

#include <string>

#include "runtime/base/output_gate.h"

namespace lathe::test {

inline OutputTarget output(const std::string& path, const OutputRequest& request = {}) {
  return OutputGate().admit(path, request);
}

// Of files that a later run may continue.
inline OutputTarget resumable_output(const std::string& path) {
  return output(path, {.resumable = true});
}

}  // namespace lathe::test
