// Shapes in messages and tables: "256 x 4096", the row length first, as GGUF has them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "runtime/gguf/tensor_info.h"

namespace lathe {

std::string shape_text(std::span<const std::uint64_t> dims);
std::string shape_text(std::uint64_t cols, std::uint64_t rows);
std::string shape_text(const TensorInfo& tensor);

}  // namespace lathe
