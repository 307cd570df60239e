#include "tools/commands/options/run_inputs.h"

#include <filesystem>

#include "runtime/gguf/split_name.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

// What a checkpoint is read from; results may lie in its folder.
void reads_checkpoint(OutputGate& gate, const std::string& folder, std::string_view what) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const std::string type = entry.path().extension().string();
    const bool is_read = type == ".safetensors" || type == ".json" || type == ".jinja" ||
                         type == ".md" || name.starts_with("tokenizer.model");
    if (is_read) gate.reads(entry.path().string(), what);
  }
}

}  // namespace

void reads_model(OutputGate& gate, const std::string& path, std::string_view what) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    reads_checkpoint(gate, path, what);
    return;
  }
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
