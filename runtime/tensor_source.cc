#include "runtime/tensor_source.h"

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {

const TensorInfo& TensorSource::require(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (info == nullptr) throw bad_input(path(), "tensor " + quoted(name) + " is missing");
  return *info;
}

std::uint64_t TensorSource::total_file_bytes() const noexcept {
  std::uint64_t n = 0;
  for (const MappedFile& file : files()) n += file.bytes().size();
  return n;
}

}  // namespace lathe
