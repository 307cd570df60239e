// Importance matrices of several texts as one: sums and counts added, weight by weight.
#pragma once

#include <cstdint>
#include <span>

#include "quant/imatrix/imatrix.h"

namespace lathe {

// Legacy files count chunks and do not say how long those were. With others they only weigh right
// when that is known: `legacy_chunk_size` tokens, 0 for the chunk size of the other files (512
// where there are none, or they differ). Data sets are appended, chunks added. A weight that only
// some of the files have is kept; means are kept where all files that have the weight have them.
// Error (kBadInput) naming weight and files where shapes differ; (kUsage) for no files.
Imatrix combine_imatrices(std::span<const Imatrix> parts, std::uint32_t legacy_chunk_size = 0);

// The chunk size that combine_imatrices() takes legacy files to have.
std::uint32_t assumed_chunk_size(std::span<const Imatrix> parts) noexcept;

}  // namespace lathe
