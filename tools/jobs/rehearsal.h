// The model that a job would write, before it is written: what cannot be loaded is known before
// hours of work.
#pragma once

#include <string>

#include "quant/pipeline/quantize.h"

namespace lathe {

// Why the new file would not load (QuantizeJob::check_loads), as one sentence; empty when it would,
// or where the system does not allow to find out. A file in memory stands for it, with the header
// and the tensors of one row that are copied; the rest reads as zeros and takes no memory.
std::string rehearse_load(const QuantizeJob& job);

}  // namespace lathe
