// What `lathe imatrix` is asked for, whether it collects, combines or both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "quant/imatrix/imatrix.h"
#include "runtime/base/output_gate.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct ImatrixRequest {
  EngineOptions engine;
  TextOptions text;
  OrderOptions order;
  std::vector<std::string> in_files;    // added up; what is collected is added to them
  std::uint32_t legacy_chunk_size = 0;  // of legacy in_files; 0: as the others
  bool allow_foreign = false;           // in_files that are not certain to be of the model
  bool legacy_form = false;             // of the file that is written
  std::size_t save_every = 0;           // chunks; 0: only when stopped
  bool process_output = false;
  bool perplexity = true;
  bool means = true;
  bool resume = false;
};

void write_imatrix_form(const ImatrixRequest& request, const Imatrix& imatrix,
                        const OutputTarget& target);

}  // namespace lathe
