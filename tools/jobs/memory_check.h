// Refusing work that memory cannot hold, before it begins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/machine/memory.h"

namespace lathe {

struct MemoryCheck {
  std::string_view work;         // "calibration"
  std::string_view fewer_words;  // "--calibrate-tokens": takes fewer tokens
  std::string spill_folder{};    // of the tokens; empty: they are in memory
  // Bytes there are; 0: what this process may use (runtime/machine/memory.h).
  std::uint64_t budget = 0;
};

// Error (kUsage) saying what it takes, what there is, and what would help.
void refuse_beyond_memory(const MemoryCheck& check, MemoryNeed need);

}  // namespace lathe
