// A whole matrix by the plain encoders, with all threads.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/kernel_table.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// importance: [w.cols] fit for encoders (quant/codecs/codec.h), or null. Error (kBadInput) naming
// `name` for values that the format cannot hold.
void encode_plainly(const KernelTable& kernels, ThreadPool& pool, MatrixView<const float> w,
                    Format format, const float* importance, const std::string& name,
                    std::uint8_t* blocks);

}  // namespace lathe
