// The block structs of all formats, and the struct of a Format (float formats have none: their rows
// are plain arrays).
#pragma once

#include "kernels/formats/format.h"
#include "kernels/formats/iq1_m.h"
#include "kernels/formats/iq1_s.h"
#include "kernels/formats/iq2_s.h"
#include "kernels/formats/iq2_xs.h"
#include "kernels/formats/iq2_xxs.h"
#include "kernels/formats/iq3_s.h"
#include "kernels/formats/iq3_xxs.h"
#include "kernels/formats/iq4_nl.h"
#include "kernels/formats/iq4_xs.h"
#include "kernels/formats/mxfp4.h"
#include "kernels/formats/nvfp4.h"
#include "kernels/formats/q1_0.h"
#include "kernels/formats/q2_0.h"
#include "kernels/formats/q2_k.h"
#include "kernels/formats/q3_k.h"
#include "kernels/formats/q4_0.h"
#include "kernels/formats/q4_1.h"
#include "kernels/formats/q4_k.h"
#include "kernels/formats/q5_0.h"
#include "kernels/formats/q5_1.h"
#include "kernels/formats/q5_k.h"
#include "kernels/formats/q6_k.h"
#include "kernels/formats/q8_0.h"
#include "kernels/formats/tq1_0.h"
#include "kernels/formats/tq2_0.h"

namespace lathe {

template <Format F>
struct BlockOf;

#define LATHE_BLOCK_OF(id)                                                        \
  template <>                                                                     \
  struct BlockOf<Format::id> {                                                    \
    using Type = Block##id;                                                       \
    static_assert(sizeof(Type) == kFormatInfo[index_of(Format::id)].block_bytes); \
  };
LATHE_BLOCK_OF(Q4_0)
LATHE_BLOCK_OF(Q4_1)
LATHE_BLOCK_OF(Q5_0)
LATHE_BLOCK_OF(Q5_1)
LATHE_BLOCK_OF(Q8_0)
LATHE_BLOCK_OF(Q2_K)
LATHE_BLOCK_OF(Q3_K)
LATHE_BLOCK_OF(Q4_K)
LATHE_BLOCK_OF(Q5_K)
LATHE_BLOCK_OF(Q6_K)
LATHE_BLOCK_OF(IQ2_XXS)
LATHE_BLOCK_OF(IQ2_XS)
LATHE_BLOCK_OF(IQ2_S)
LATHE_BLOCK_OF(IQ3_XXS)
LATHE_BLOCK_OF(IQ3_S)
LATHE_BLOCK_OF(IQ1_S)
LATHE_BLOCK_OF(IQ1_M)
LATHE_BLOCK_OF(IQ4_NL)
LATHE_BLOCK_OF(IQ4_XS)
LATHE_BLOCK_OF(TQ1_0)
LATHE_BLOCK_OF(TQ2_0)
LATHE_BLOCK_OF(MXFP4)
LATHE_BLOCK_OF(NVFP4)
LATHE_BLOCK_OF(Q1_0)
LATHE_BLOCK_OF(Q2_0)
#undef LATHE_BLOCK_OF

}  // namespace lathe
