// The rows of a chunk as bytes, column by column: like numbers stand side by side and compress.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "quant/eval/base/compact_row.h"

namespace lathe {

std::vector<std::uint8_t> pack_rows(std::span<const CompactRow> rows);
// Error (kBadInput) at `where` for anything that pack_rows would not write: lists that are not
// ascending, tokens outside of the vocabulary, masses that are none.
std::vector<CompactRow> unpack_rows(std::span<const std::uint8_t> bytes, std::size_t n_rows,
                                    std::size_t n_vocab, const std::string& where);
// The most that pack_rows makes of rows of that vocabulary.
std::size_t packed_bytes_bound(std::size_t n_rows, std::size_t n_vocab) noexcept;

}  // namespace lathe
