#include "tools/commands/options/run_inputs.h"

#include "runtime/gguf/split_name.h"

namespace lathe {

void reads_model(OutputGate& gate, const std::string& path, std::string_view what) {
  gate.reads(path, what);
  const auto split = parse_split_name(path);
  if (!split) return;
  for (std::uint32_t i = 0; i < split->count; ++i) {
    gate.reads(split_path(split->prefix, i, split->count), what);
  }
}

void reads_files(OutputGate& gate, const std::vector<std::string>& paths, std::string_view what) {
  for (const std::string& path : paths) gate.reads(path, what);
}

void reads_plan_inputs(OutputGate& gate, const PlanOptions& options) {
  reads_model(gate, options.model);
  gate.reads(options.plan_file, "the plan");
  gate.reads(options.imatrix, "the importance matrix");
  for (const RuleOption& rule : options.rules) {
    if (rule.is_file) gate.reads(rule.text, "the rules");
  }
}

}  // namespace lathe
