// The block structs of all formats, and the struct Block<ID> of a Format.
#pragma once

#include "kernels/formats/floats.h"
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

#define LATHE_FORMAT(id, name, gguf_id, elems, bytes, act, group, has_min) \
  template <>                                                              \
  struct BlockOf<Format::id> {                                             \
    using Type = Block##id;                                                \
    static_assert(sizeof(Type) == bytes);                                  \
  };
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT

}  // namespace lathe
