// Chunks of calibration texts.
#pragma once

#include <cstddef>

#include "quant/eval/text_chunks.h"

namespace lathe {

// n of a text's chunks, spread evenly over it; 0, or more than there are: all. They are as they
// were: first tokens are not replaced again. Error (kUsage) for fewer than two.
TextChunks spread_chunks(const TextChunks& text, std::size_t n);

}  // namespace lathe
