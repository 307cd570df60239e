#include "models/registry.h"

#include <string>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {

// One function and one line in the list per architecture.
std::unique_ptr<Model> load_llama(const GgufFile& file);
std::unique_ptr<Model> load_mistral3(const GgufFile& file);
std::unique_ptr<Model> load_olmo2(const GgufFile& file);

namespace {

struct Architecture {
  std::string_view name;
  std::unique_ptr<Model> (*load)(const GgufFile& file);
};

constexpr Architecture kArchitectures[] = {
    {"llama", load_llama},
    {"mistral3", load_mistral3},
    {"olmo2", load_olmo2},
};

}  // namespace

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  for (const Architecture& a : kArchitectures) names.push_back(a.name);
  return names;
}

std::unique_ptr<Model> load_model(const GgufFile& file) {
  const std::string_view name = file.metadata().require_text("general.architecture");
  std::string known;
  for (const Architecture& a : kArchitectures) {
    if (a.name == name) return a.load(file);
    known += (known.empty() ? "" : ", ") + std::string(a.name);
  }
  throw bad_input(file.path(),
                  "architecture " + quoted(name) + " is not known (known: " + known + ")");
}

}  // namespace lathe
