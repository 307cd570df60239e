// A whole matrix by the plain encoders, with all threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// What the second moment h [n, n] of an input says of its columns, fit for encoders
// (quant/codecs/codec.h); empty where that is nothing, and they encode without.
std::vector<float> importance_of(MatrixView<const float> h);

// importance: [w.cols], as of importance_of(), or empty. Error (kBadInput) naming `name` for values
// that the format cannot hold.
void encode_plainly(const KernelTable& kernels, ThreadPool& pool, MatrixView<const float> w,
                    Format format, const std::vector<float>& importance, const std::string& name,
                    std::uint8_t* blocks);

}  // namespace lathe
