// unpack_block for every integer format: one block to codes, scales and minimums. See unpack_32.h.
#pragma once

#include "kernels/scalar/unpack_32.h"
#include "kernels/scalar/unpack_iq.h"
#include "kernels/scalar/unpack_k.h"
