// A hash of each tensor's bytes, at the speed of memory.
//
// 128 bits: XXH3 of pieces of 1 MiB, then XXH3 of the pieces' hashes in their order, so that the
// result does not depend on threads. It is there for what happens by accident: another fine-tune,
// one edited row, a damaged disk. Two different tensors share a hash with a chance of 2^-128. It is
// no protection against somebody who builds a collision on purpose: for that, compare whole files
// with sha256sum.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// 32 hexadecimal digits.
std::string hash_bytes(std::span<const std::uint8_t> bytes);

// Called often, with the share of the work that is done; false stops.
using HashProgress = std::function<bool(double fraction)>;

// The hash of each tensor's data, in the order of file.tensors(); those for which `wanted` is false
// are left empty. Files are read from front to back; with `drop`, memory is given back behind the
// reader (models larger than memory). Error (kFailed) when stopped.
std::vector<std::string> hash_tensors(const GgufFile& file, const std::vector<bool>& wanted,
                                      bool drop, ThreadPool& pool,
                                      const HashProgress& progress = {});

}  // namespace lathe
