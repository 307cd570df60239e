// Which kernels OpenBLAS runs.
#pragma once

#include <string>

namespace lathe {

// The set that OpenBLAS chose for this CPU ("Zen", "SkylakeX"): what the bits of products
// (products.h) depend on.
std::string blas_core();

// An OpenBLAS that is older than the CPU takes it for one of the first with SSE2, which is ten
// times slower. Then: the name of a set that fits, for the environment variable OPENBLAS_CORETYPE,
// which OpenBLAS reads before main(); the program has to start over. Null where it chose well, or
// was told.
const char* missed_blas_core() noexcept;

// Starts the program over with the variable set, where that is needed.
void help_blas(char** argv) noexcept;

}  // namespace lathe
