#include "tools/jobs/release/name_of_source.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "models/import/import_checkpoint.h"
#include "runtime/gguf/split_name.h"

namespace lathe {

namespace fs = std::filesystem;

std::string name_of_source(const std::string& path) {
  if (is_checkpoint(path)) return fs::canonical(path).filename().string();
  std::string stem = fs::path(path).stem().string();
  if (const auto split = parse_split_name(path)) stem = fs::path(split->prefix).filename().string();
  std::string lower = stem;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* suffix : {"-f16", "-bf16", "-f32", ".f16", ".bf16", ".f32", "_f16", "_bf16"}) {
    if (lower.ends_with(suffix)) return stem.substr(0, stem.size() - std::string(suffix).size());
  }
  return stem;
}

}  // namespace lathe
