#include "runtime/gguf/shape_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lathe {

std::string shape_text(std::span<const std::uint64_t> dims) {
  return fmt::format("{}", fmt::join(dims, " x "));
}

std::string shape_text(std::uint64_t cols, std::uint64_t rows) {
  return fmt::format("{} x {}", cols, rows);
}

std::string shape_text(const TensorInfo& tensor) {
  return shape_text(std::span(tensor.dims).first(tensor.n_dims));
}

}  // namespace lathe
