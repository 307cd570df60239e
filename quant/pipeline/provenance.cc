#include "quant/pipeline/provenance.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "quant/plan/prune_metadata.h"
#include "runtime/base/digest.h"
#include "runtime/base/mapped_file.h"
#include "runtime/gguf/gguf_writer.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kQuantizationVersion = 2;
constexpr std::size_t kMaxTextBytes = 127;  // other programs keep 128 with the end

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

std::string hash_of(const std::vector<std::uint8_t>& bytes) { return sha256_hex(bytes); }

// Names, shapes and formats of all tensors and all keys: not the weights.
std::string header_hash(const TensorSource& source) {
  return hash_of(gguf_header_bytes(source.metadata(), source.tensors()));
}

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

Value text_list(const std::vector<std::string>& texts) {
  StringList list;
  for (const std::string& text : texts) list.push_back(text);
  return Value::strings(std::move(list));
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

void add_provenance(const QuantizeJob& job, Metadata& out) {
  const Plan& plan = job.plan;
  out.set("lathe.version", Value::text(job.lathe_version));
  out.set(kEncoderKey, Value::u32(kEncoderVersion));
  out.set("lathe.quantize.recipe", Value::text(plan.recipe));
  out.set("lathe.quantize.plan_sha256", Value::text(decisions_sha256(plan)));
  if (plan.edited) out.set("lathe.quantize.plan", Value::text(file_name(plan.origin)));
  if (const auto rules = explicit_rules(plan); !rules.empty()) {
    out.set("lathe.quantize.rules", text_list(rules));
  }
  out.set("lathe.quantize.source", Value::text(file_name(job.source.path())));
  out.set("lathe.quantize.source_header_sha256", Value::text(header_hash(job.source)));
  if (const std::string hash = imatrix_hash(job.imatrix); !hash.empty()) {
    out.set(kImatrixHashKey, Value::text(hash));
  }
  if (job.imatrix != nullptr && !job.imatrix->datasets.empty()) {
    out.set("lathe.quantize.imatrix_datasets", text_list(job.imatrix->datasets));
    const auto& hashes = job.imatrix->dataset_sha256;
    if (!hashes.empty()) out.set("lathe.quantize.imatrix_dataset_sha256", text_list(hashes));
  }
  if (!plan.pruned_layers.empty()) {
    out.set(kPrunedKey, Value::array<std::int32_t>(std::span(plan.pruned_layers)));
  }
}

}  // namespace

std::string imatrix_hash(const Imatrix* imatrix) {
  std::error_code error;
  if (imatrix == nullptr || !fs::is_regular_file(imatrix->origin, error)) return {};
  return sha256_hex(MappedFile(imatrix->origin).bytes());
}

Metadata quantized_metadata(const QuantizeJob& job) {
  Metadata out = job.source.metadata();
  for (const char* key : {"general.quantization_version", "general.file_type", "split.no",
                          "split.count", "split.tensors.count"}) {
    out.erase(key);
  }
  out.set("general.quantization_version", Value::u32(kQuantizationVersion));
  out.set("general.file_type", Value::u32(job.plan.file_type));
  if (job.imatrix != nullptr) add_imatrix_keys(*job.imatrix, out);
  if (job.provenance) add_provenance(job, out);
  prune_metadata(job.plan.pruned_layers, out);
  apply_overrides(job.plan.overrides, out);
  return out;
}

std::string job_fingerprint(const QuantizeJob& job) {
  std::string text = fmt::format("encoder {}\nimatrix {}\nsource {}\n", kEncoderVersion,
                                 imatrix_hash(job.imatrix), header_hash(job.source));
  for (const std::string& path : job.source.file_paths()) {
    std::error_code error;
    const auto time = fs::last_write_time(path, error).time_since_epoch().count();
    text += fmt::format("file {} {}\n", fs::file_size(path, error), time);
  }
  text += fmt::format("split {} {} {}\n", job.split.like_source, job.split.max_bytes,
                      job.split.max_tensors);
  text += "metadata " + hash_of(gguf_header_bytes(quantized_metadata(job), {})) + "\n";
  text += decisions_text(job.plan);
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace lathe
