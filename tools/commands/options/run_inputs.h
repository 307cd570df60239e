// What a run reads, told to the gate of its outputs (runtime/base/output_gate.h).
#pragma once

#include <string>
#include <vector>

#include "runtime/base/output_gate.h"
#include "tools/commands/options/plan_options.h"
#include "tools/jobs/texts.h"

namespace lathe {

// All files of a split model, by their names: nothing is opened. Also for a base file.
void reads_model(OutputGate& gate, const std::string& path, std::string_view what = "the model");
void reads_files(OutputGate& gate, const std::vector<std::string>& paths, std::string_view what);
inline void reads_text(OutputGate& gate, const TextOptions& text) {
  reads_files(gate, text.files, "the text");
}
// The model, and what decides its plan.
void reads_plan_inputs(OutputGate& gate, const PlanOptions& options);

}  // namespace lathe
