// The steps between matrix products, and the probes of what this tier can reach.
#include "kernels/lanes/steps.h"

#include "kernels/lanes/probe.h"
#include "kernels/neon/parts.h"
#include "kernels/neon/probe.h"

namespace lathe {

void fill_neon_steps(KernelTable& table) noexcept {
  set_steps(table);
  table.probe_int8 = probe_int8;
  table.probe_fma = probe_fma;
  table.probe_read = probe_read;
}

}  // namespace lathe
