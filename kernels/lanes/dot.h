// Integer dot products of this tier: PanelCodes, PanelDot and dot_32, and the names that `lathe
// cpu` prints for what is built on them. See the instruction set's own dot.h.
#pragma once

#if defined(__AVX2__)
#include "kernels/avx2/dot.h"
#else
#include "kernels/neon/dot.h"
#endif
