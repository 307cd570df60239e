#include "models/registry.h"

#include <algorithm>
#include <span>
#include <string>

#include "models/arch_keys.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {

// One function and one line in the list per architecture.
std::unique_ptr<Model> load_llama(const TensorSource& file);
std::unique_ptr<Model> load_mistral3(const TensorSource& file);
std::unique_ptr<Model> load_olmo2(const TensorSource& file);
std::vector<MetadataEntry> olmo2_layer_metadata(const Metadata& metadata);

namespace {

struct Architecture {
  std::string_view name;
  std::unique_ptr<Model> (*load)(const TensorSource& file);
  // Keys that it reads beside those that all do.
  std::span<const std::string_view> own_keys{};
  // layer_metadata(); null where no key follows from the number of a layer.
  std::vector<MetadataEntry> (*layer_metadata)(const Metadata& metadata) = nullptr;
};

constexpr std::string_view kMistral3Keys[] = {"attention.temperature_scale",
                                              "rope.scaling.yarn_log_multiplier"};
constexpr std::string_view kOlmo2Keys[] = {
    "attention.sliding_window", "attention.sliding_window_pattern", "rope.freq_base_swa"};

constexpr Architecture kArchitectures[] = {
    {"llama", load_llama},
    {"mistral3", load_mistral3, kMistral3Keys},
    {"olmo2", load_olmo2, kOlmo2Keys, olmo2_layer_metadata},
};

const Architecture* find_architecture(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                                         [&](const Architecture& a) { return a.name == name; });
  return found == std::end(kArchitectures) ? nullptr : found;
}

// What keeps any architecture from being run.
void check_general(const TensorSource& file) {
  const Metadata& metadata = file.metadata();
  const std::string_view type = metadata.text("general.type").value_or("model");
  if (type != "model") {
    throw bad_input(file.path(),
                    "the file is of the type " + quoted(type) + " (general.type), not a model");
  }
  if (file.tensors().empty()) {
    throw bad_input(file.path(), "the file holds no tensors: it is a vocabulary, not a model");
  }
  constexpr std::uint64_t kBlocks = 2;  // the version of the block formats
  const std::uint64_t version = metadata.uint("general.quantization_version").value_or(kBlocks);
  const bool quantized =
      std::any_of(file.tensors().begin(), file.tensors().end(),
                  [](const TensorInfo& t) { return format_info(t.format).block_elems > 1; });
  if (quantized && version != kBlocks) {
    metadata.fail(
        "general.quantization_version",
        "is " + std::to_string(version) + ", and only the block formats of version 2 are known");
  }
}

}  // namespace

std::vector<MetadataEntry> layer_metadata(const Metadata& metadata) {
  const Architecture* a = find_architecture(metadata.text("general.architecture").value_or(""));
  return a == nullptr || a->layer_metadata == nullptr ? std::vector<MetadataEntry>{}
                                                      : a->layer_metadata(metadata);
}

std::vector<std::string> metadata_warnings(const Metadata& metadata) {
  const Architecture* a = find_architecture(metadata.text("general.architecture").value_or(""));
  if (a == nullptr) return {};
  return check_arch_keys(ArchKeys(metadata), a->own_keys);
}

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  for (const Architecture& a : kArchitectures) names.push_back(a.name);
  return names;
}

std::unique_ptr<Model> load_model(const TensorSource& file) {
  check_general(file);
  const ArchKeys keys(file.metadata());
  if (const Architecture* a = find_architecture(keys.architecture())) {
    check_arch_keys(keys, a->own_keys);
    return a->load(file);
  }
  std::string known;
  for (const std::string_view name : known_architectures()) {
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw bad_input(file.path(), "architecture " + quoted(keys.architecture()) +
                                   " is not known (known: " + known + ")");
}

}  // namespace lathe
