// The largest single allocation since it was last asked: proves that a small file cannot make a
// reader ask for much memory. Replaces the global operator new of this test program.
#pragma once

#include <cstddef>

namespace lathe {

void reset_largest_allocation() noexcept;
std::size_t largest_allocation() noexcept;

}  // namespace lathe
