#include "tools/kernels_of.h"

#include "kernels/tiers.h"
#include "runtime/base/error.h"

namespace lathe {

std::string supported_tiers() {
  std::string names;
  for (std::size_t i = 0; i < tier_count(); ++i) {
    if (!tier(i).supported()) continue;
    if (!names.empty()) names += ' ';
    names += tier(i).name;
  }
  return names;
}

KernelTable kernels_of(const ToolContext& context) {
  KernelTable kernels;
  if (!select_kernels(context.isa, &kernels)) {
    throw usage_error("no instruction-set tier '" + context.isa +
                      "' here; this CPU has: " + supported_tiers());
  }
  return kernels;
}

}  // namespace lathe
