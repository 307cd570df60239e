#include "quant/imatrix/imatrix.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "quant/imatrix/legacy.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

constexpr std::string_view kType = "imatrix";
constexpr std::string_view kDatasets = "imatrix.datasets";
constexpr std::string_view kChunkCount = "imatrix.chunk_count";
constexpr std::string_view kChunkSize = "imatrix.chunk_size";
constexpr std::string_view kDatasetHashes = "lathe.imatrix.dataset_sha256";
constexpr std::string_view kSumSuffix = ".in_sum2";
constexpr std::string_view kMeanSuffix = ".in_sum";
constexpr std::string_view kCountSuffix = ".counts";
constexpr std::uint64_t kMaxU32 = 0xffffffffU;

std::vector<float> floats_of(const TensorInfo& info, std::span<const std::uint8_t> file) {
  std::vector<float> out(info.n_elements());
  std::memcpy(out.data(), file.data() + info.offset, info.n_bytes);
  return out;
}

enum class Sign { kAny, kNotNegative };

void check_values(const std::vector<float>& values, Sign sign, std::string_view tensor,
                  const std::string& where) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && (sign == Sign::kAny || values[i] >= 0.0f)) continue;
    throw bad_input(
        where,
        fmt::format("tensor {}: value {} of element {}, expected finite values{}", quoted(tensor),
                    values[i], i, sign == Sign::kAny ? "" : " that are not negative"));
  }
}

void check_f32(const TensorInfo& info, const std::string& where) {
  if (info.format == Format::F32) return;
  throw bad_input(where, fmt::format("tensor {} is {}, expected f32", quoted(info.name),
                                     format_name(info.format)));
}

using TensorsByName = std::map<std::string_view, const TensorInfo*>;

// The sums of x beside the sums of x^2, where there are any.
std::vector<float> means_of(const TensorsByName& tensors, std::string_view weight,
                            const TensorInfo& sum2, std::span<const std::uint8_t> file,
                            const std::string& where) {
  const auto found = tensors.find(std::string(weight) + std::string(kMeanSuffix));
  if (found == tensors.end()) return {};
  const TensorInfo& info = *found->second;
  check_f32(info, where);
  if (info.n_elements() != sum2.n_elements()) {
    throw bad_input(where, fmt::format("tensor {} has {} elements, {} has {}", quoted(info.name),
                                       info.n_elements(), quoted(sum2.name), sum2.n_elements()));
  }
  std::vector<float> out = floats_of(info, file);
  check_values(out, Sign::kAny, info.name, where);
  return out;
}

ImatrixEntry entry_of(const TensorInfo& sum, const TensorInfo* counts,
                      std::span<const std::uint8_t> file, const std::string& where) {
  if (counts == nullptr) {
    throw bad_input(where, fmt::format("tensor {} has no counts beside it", quoted(sum.name)));
  }
  check_f32(sum, where);
  check_f32(*counts, where);
  const bool broadcast = counts->n_elements() == 1;  // one count for all matrices
  if (!broadcast && counts->n_elements() != sum.rows()) {
    throw bad_input(where,
                    fmt::format("tensor {} has {} elements, expected one for each of {} matrices",
                                quoted(counts->name), counts->n_elements(), sum.rows()));
  }
  ImatrixEntry entry;
  entry.n_cols = sum.cols();
  entry.sum2 = floats_of(sum, file);
  entry.counts = floats_of(*counts, file);
  if (broadcast) entry.counts.assign(sum.rows(), entry.counts[0]);
  check_values(entry.sum2, Sign::kNotNegative, sum.name, where);
  check_values(entry.counts, Sign::kNotNegative, counts->name, where);
  for (float& n : entry.counts) n = std::round(n);
  return entry;
}

void read_provenance(const Metadata& metadata, Imatrix& out) {
  out.model = read_origin(metadata);
  const StringList* hashes = metadata.string_array(kDatasetHashes);
  if (hashes == nullptr) return;
  for (const std::string_view hash : *hashes) out.dataset_sha256.emplace_back(hash);
}

Imatrix parse_gguf_form(std::span<const std::uint8_t> bytes, const std::string& where) {
  const GgufContents contents = parse_gguf(bytes, where);
  const Metadata& metadata = contents.metadata;
  if (metadata.require_text("general.type") != kType) {
    metadata.fail("general.type", "expected 'imatrix': this file is no importance matrix");
  }
  Imatrix out;
  out.origin = where;
  out.chunk_count = static_cast<std::uint32_t>(metadata.require_uint(kChunkCount, 0, kMaxU32));
  out.chunk_size = static_cast<std::uint32_t>(metadata.require_uint(kChunkSize, 0, kMaxU32));
  const StringList* datasets = metadata.string_array(kDatasets);
  if (datasets == nullptr) metadata.fail(kDatasets, "expected an array of texts, found nothing");
  for (const std::string_view name : *datasets) out.datasets.emplace_back(name);
  read_provenance(metadata, out);

  TensorsByName tensors;
  for (const TensorInfo& info : contents.tensors) tensors[info.name] = &info;
  for (const TensorInfo& info : contents.tensors) {  // tensors of other kinds are not ours
    const std::string_view name = info.name;
    if (!name.ends_with(kSumSuffix)) continue;
    const std::string_view weight = name.substr(0, name.size() - kSumSuffix.size());
    const auto found = tensors.find(std::string(weight) + std::string(kCountSuffix));
    ImatrixEntry entry =
        entry_of(info, found == tensors.end() ? nullptr : found->second, bytes, where);
    entry.sum = means_of(tensors, weight, info, bytes, where);
    out.entries.emplace(weight, std::move(entry));
  }
  if (out.entries.empty()) throw bad_input(where, "no entries in this importance matrix");
  return out;
}

}  // namespace

std::vector<float> ImatrixEntry::importance(std::size_t mat) const {
  if (counts[mat] == 0.0f) return std::vector<float>(n_cols, 1.0f);
  const float* sums = sum2.data() + mat * n_cols;
  std::vector<float> out(sums, sums + n_cols);
  for (float& v : out) v /= counts[mat];
  return out;
}

const ImatrixEntry* Imatrix::find(std::string_view weight) const noexcept {
  const auto found = entries.find(weight);
  return found == entries.end() ? nullptr : &found->second;
}

Imatrix parse_imatrix(std::span<const std::uint8_t> bytes, const std::string& where) {
  const bool gguf = bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
  return gguf ? parse_gguf_form(bytes, where) : parse_legacy_imatrix(bytes, where);
}

Imatrix read_imatrix(const std::string& path) {
  const MappedFile file(path);
  Imatrix out = parse_imatrix(file.bytes(), path);
  out.sha256 = sha256_hex(file.bytes());
  return out;
}

namespace {

StringList string_list(const std::vector<std::string>& texts) {
  StringList out;
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

Metadata metadata_of(const Imatrix& imatrix) {
  Metadata metadata;
  metadata.set("general.type", Value::text(std::string(kType)));
  metadata.set(kDatasets, Value::strings(string_list(imatrix.datasets)));
  metadata.set(kChunkCount, Value::u32(imatrix.chunk_count));
  metadata.set(kChunkSize, Value::u32(imatrix.chunk_size));
  if (!imatrix.dataset_sha256.empty()) {
    metadata.set(kDatasetHashes, Value::strings(string_list(imatrix.dataset_sha256)));
  }
  put_origin(imatrix.model, metadata);
  return metadata;
}

}  // namespace

void write_imatrix(const Imatrix& imatrix, const OutputTarget& target) {
  GgufWriter out(target, metadata_of(imatrix));
  for (const auto& [name, entry] : imatrix.entries) {
    const std::uint64_t sum_dims[] = {entry.n_cols, entry.n_mat()};
    const std::uint64_t count_dims[] = {1, entry.n_mat()};
    if (!entry.sum.empty()) out.add_tensor(name + std::string(kMeanSuffix), Format::F32, sum_dims);
    out.add_tensor(name + std::string(kSumSuffix), Format::F32, sum_dims);
    out.add_tensor(name + std::string(kCountSuffix), Format::F32, count_dims);
  }
  out.begin();
  const auto bytes_of = [](const std::vector<float>& v) {
    return std::span(reinterpret_cast<const std::uint8_t*>(v.data()), v.size() * sizeof(float));
  };
  for (const auto& [name, entry] : imatrix.entries) {
    if (!entry.sum.empty()) out.write(bytes_of(entry.sum));
    out.write(bytes_of(entry.sum2));
    out.write(bytes_of(entry.counts));
  }
  out.finish();
}

}  // namespace lathe
