#include "quant/pipeline/provenance.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "quant/calibrate/use_calibration.h"
#include "quant/pipeline/tensor_encoder.h"
#include "quant/plan/prune_metadata.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_writer.h"
#include "runtime/identity/build_info.h"
#include "runtime/identity/fingerprint.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kQuantizationVersion = 2;
constexpr std::size_t kMaxTextBytes = 127;  // other programs keep 128 with the end
constexpr const char* kNoImportance = "-";
constexpr std::string_view kHealPrefix = "lathe.heal.";  // of a source that was healed: still true

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

std::string hash_of(std::span<const std::uint8_t> bytes) { return sha256_hex(bytes); }
std::string hash_of(const std::string& text) {
  return hash_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string source_fingerprint(const QuantizeJob& job) {
  return job.identity == nullptr ? std::string(64, '0') : job.identity->fingerprint;
}

std::string source_hash(const QuantizeJob& job, const std::string& tensor) {
  if (job.identity == nullptr) return std::string(32, '0');
  const auto found = job.identity->tensors.find(tensor);
  if (found == job.identity->tensors.end())
    throw failed(tensor + ": the identity has no hash of it");
  return found->second;
}

// ---- what the source says of itself

// Keys that say how a file was made, or how it is laid out.
bool is_of_this_file(std::string_view key) {
  return key.starts_with("lathe.") || key.starts_with("quantize.imatrix.") ||
         key.starts_with("split.") || key == "general.quantization_version" ||
         key == "general.file_type";
}

Metadata without_history(const Metadata& source) {
  Metadata out = source;
  for (const MetadataEntry& entry : source) {
    if (is_of_this_file(entry.key)) out.erase(entry.key);
  }
  return out;
}

// A source that lathe made: how, for those who want to follow the steps back.
void add_source_history(const Metadata& source, Metadata& out) {
  const auto keep = [&](const char* from, const char* to) {
    if (const auto text = source.text(from)) out.set(to, Value::text(std::string(*text)));
  };
  keep("lathe.version", "lathe.quantize.source_version");
  keep("lathe.quantize.recipe", "lathe.quantize.source_recipe");
  keep("lathe.quantize.plan_sha256", "lathe.quantize.source_plan_sha256");
  keep("lathe.quantize.imatrix_sha256", "lathe.quantize.source_imatrix_sha256");
  keep("lathe.quantize.source", "lathe.quantize.source_of_source");
  keep("lathe.quantize.source_fingerprint", "lathe.quantize.source_of_source_fingerprint");
  for (const MetadataEntry& entry : source) {
    if (entry.key.starts_with(kHealPrefix)) out.set(entry.key, entry.value);
  }
}

// ---- what this job does

void add_imatrix_keys(const Imatrix& imatrix, Metadata& out) {
  out.set("quantize.imatrix.file", Value::text(imatrix.origin.substr(0, kMaxTextBytes)));
  if (!imatrix.datasets.empty()) {
    out.set("quantize.imatrix.dataset",
            Value::text(imatrix.datasets.front().substr(0, kMaxTextBytes)));
  }
  out.set("quantize.imatrix.entries_count",
          Value::u32(static_cast<std::uint32_t>(imatrix.entries.size())));
  if (imatrix.chunk_count > 0) {
    out.set("quantize.imatrix.chunks_count", Value::u32(imatrix.chunk_count));
  }
}

// What decided tensors other than the recipe, as their reasons have it ("--tensor-type a=q8_0"):
// the same for a plan made of options and for its file.
std::vector<std::string> explicit_rules(const Plan& plan) {
  std::vector<std::string> rules;
  for (const PlannedTensor& t : plan.tensors) {
    if (!t.reason.starts_with("--")) continue;
    const std::string rule = t.reason.substr(0, t.reason.find(';'));
    if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
  }
  return rules;
}

void add_imatrix_provenance(const Imatrix& imatrix, Metadata& out) {
  if (!imatrix.sha256.empty()) {
    out.set("lathe.quantize.imatrix_sha256", Value::text(imatrix.sha256));
  }
  if (imatrix.datasets.empty()) return;
  out.set("lathe.quantize.imatrix_datasets", Value::strings(imatrix.datasets));
  const auto& hashes = imatrix.dataset_sha256;
  if (!hashes.empty()) out.set("lathe.quantize.imatrix_dataset_sha256", Value::strings(hashes));
}

void add_calibration(const UsedCalibration& used, Metadata& out) {
  const CalibrationOrigin& origin = used.origin;
  out.set(kCalibrationKey, Value::text(used.fingerprint));
  out.set("lathe.calibrate.texts", Value::strings(origin.texts));
  out.set("lathe.calibrate.text_sha256", Value::strings(origin.sha256));
  out.set("lathe.calibrate.tokens", Value::u32(static_cast<std::uint32_t>(origin.n_tokens)));
  out.set("lathe.calibrate.context", Value::u32(static_cast<std::uint32_t>(origin.n_ctx)));
  out.set("lathe.calibrate.settings", Value::text(settings_text(origin.settings)));
  out.set("lathe.calibrate.kernels",
          Value::text(fmt::format("{}, OpenBLAS {}", origin.tier, origin.blas)));
}

Value inputs_list(const InputsByTensor& inputs) {
  StringList list;
  for (const auto& [name, of] : inputs) {
    list.push_back(fmt::format("{} {} {}", name, of.source, of.importance));
  }
  return Value::strings(std::move(list));
}

void add_provenance(const QuantizeJob& job, Metadata& out) {
  const Plan& plan = job.plan;
  out.set("lathe.version", Value::text(build_version()));
  out.set(kEncoderKey, Value::u32(kEncoderVersion));
  out.set("lathe.quantize.recipe", Value::text(plan.recipe));
  out.set("lathe.quantize.plan_sha256", Value::text(decisions_sha256(plan)));
  if (plan.edited) out.set("lathe.quantize.plan", Value::text(file_name(plan.origin)));
  if (const auto rules = explicit_rules(plan); !rules.empty()) {
    out.set("lathe.quantize.rules", Value::strings(rules));
  }
  out.set("lathe.quantize.source", Value::text(file_name(job.source.path())));
  out.set("lathe.quantize.source_fingerprint", Value::text(source_fingerprint(job)));
  add_source_history(job.source.metadata(), out);
  for (const MetadataEntry& entry : job.steps) out.set(entry.key, entry.value);
  if (job.imatrix != nullptr) add_imatrix_provenance(*job.imatrix, out);
  if (job.calibration != nullptr) add_calibration(*job.calibration, out);
  const std::vector<int> pruned =
      compose_pruned(pruned_layers(job.source.metadata()), plan.pruned_layers);
  if (!pruned.empty()) out.set(kPrunedKey, Value::array<std::int32_t>(std::span(pruned)));
  out.set(kTensorsKey, inputs_list(tensor_inputs(job)));
}

// Of all matrices of the tensor, as encoders get it.
std::string importance_hash(const QuantizeJob& job, const PlannedTensor& tensor) {
  if (tensor.copied()) return kNoImportance;
  if (job.calibration != nullptr && UsedCalibration::decides(tensor)) {
    return job.calibration->fingerprint;
  }
  std::vector<float> all;
  const std::uint64_t n_mat = tensor.source.dims[2] * tensor.source.dims[3];
  for (std::uint64_t mat = 0; mat < n_mat; ++mat) {
    const std::vector<float> importance = importance_for(job, tensor, mat);
    if (importance.empty() && n_mat == 1) return kNoImportance;
    all.push_back(static_cast<float>(importance.size()));  // some may have none
    all.insert(all.end(), importance.begin(), importance.end());
  }
  return hash_bytes(
      {reinterpret_cast<const std::uint8_t*>(all.data()), all.size() * sizeof(float)});
}

}  // namespace

InputsByTensor tensor_inputs(const QuantizeJob& job) {
  InputsByTensor out;
  for (const PlannedTensor& t : job.plan.tensors) {
    out[t.name] = {source_hash(job, t.source.name), importance_hash(job, t)};
  }
  return out;
}

InputsByTensor read_tensor_inputs(const Metadata& metadata) {
  const Value* value = metadata.find(kTensorsKey);
  const StringList* lines = value == nullptr ? nullptr : value->as_strings();
  InputsByTensor out;
  if (lines == nullptr) return out;
  for (const std::string_view line : *lines) {
    // Names may hold anything; hashes hold no blanks.
    const std::size_t second = line.rfind(' ');
    if (second == line.npos || second == 0) return {};
    const std::size_t first = line.rfind(' ', second - 1);
    if (first == line.npos) return {};
    out[std::string(line.substr(0, first))] = {
        std::string(line.substr(first + 1, second - first - 1)),
        std::string(line.substr(second + 1))};
  }
  return out;
}

Metadata quantized_metadata(const QuantizeJob& job) {
  Metadata out = without_history(job.source.metadata());
  out.set("general.quantization_version", Value::u32(kQuantizationVersion));
  out.set("general.file_type", Value::u32(job.plan.file_type));
  if (job.imatrix != nullptr) add_imatrix_keys(*job.imatrix, out);
  if (job.provenance) add_provenance(job, out);
  prune_metadata(job.plan.pruned_layers, job.layer_metadata, out);
  apply_overrides(job.plan.overrides, out);
  return out;
}

std::string job_fingerprint(const QuantizeJob& job) {
  std::string text =
      fmt::format("encoder {}\nsource {}\n", kEncoderVersion, source_fingerprint(job));
  for (const auto& [name, of] : tensor_inputs(job)) {
    text += fmt::format("{} {} {}\n", name, of.source, of.importance);
  }
  text += fmt::format("split {} {} {}\n", job.split.like_source, job.split.max_bytes,
                      job.split.max_tensors);
  for (const PlannedTensor& t : job.plan.tensors) {
    if (job.split.like_source) text += fmt::format("{} {}\n", t.source.file_index, t.source.offset);
  }
  text += "metadata " + hash_of(gguf_header_bytes(quantized_metadata(job), {})) + "\n";
  text += decisions_text(job.plan);
  return hash_of(text);
}

}  // namespace lathe
