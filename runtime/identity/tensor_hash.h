// A hash of each tensor's bytes, at the speed of memory.
//
// 128 bits: XXH3 of pieces of rows, 1 MiB each, then XXH3 of the pieces' hashes in their order, so
// that the result does not depend on threads. It is there for what happens by accident: another
// fine-tune, one edited row, a damaged disk. Two different tensors share a hash with a chance of
// 2^-128. It is no protection against somebody who builds a collision on purpose: for that, compare
// whole files with sha256sum.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/machine/thread_pool.h"
#include "runtime/tensor_source.h"

namespace lathe {

// 32 hexadecimal digits: the hash of a tensor with these bytes, and rows of that many.
std::string hash_rows(std::span<const std::uint8_t> bytes, std::size_t row_bytes);
// Of bytes that are no tensor.
inline std::string hash_bytes(std::span<const std::uint8_t> bytes) { return hash_rows(bytes, 1); }

// Called often, with the share of the work that is done; false stops.
using HashProgress = std::function<bool(double fraction)>;

// What the source is told of bytes [first, first + n) of a tensor: that they will be read soon,
// that they were.
struct ReadHints {
  std::function<void(const TensorInfo&, std::uint64_t first, std::uint64_t n)> will_read{};
  std::function<void(const TensorInfo&, std::uint64_t first, std::uint64_t n)> was_read{};
};

// The hash of each tensor's data, in the order of source.tensors(); those for which `wanted` is
// false are left empty. Files are read from front to back. Error (kFailed) when stopped.
std::vector<std::string> hash_tensors(const TensorSource& source, const std::vector<bool>& wanted,
                                      ThreadPool& pool, const HashProgress& progress = {},
                                      const ReadHints& hints = {});

}  // namespace lathe
