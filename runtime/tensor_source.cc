#include "runtime/tensor_source.h"

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {

const TensorInfo& TensorSource::require(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (info == nullptr) throw bad_input(path(), "tensor " + quoted(name) + " is missing");
  return *info;
}

}  // namespace lathe
