#include "quant/imatrix/imatrix.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "quant/imatrix/legacy.h"
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
constexpr std::string_view kSumSuffix = ".in_sum2";
constexpr std::string_view kCountSuffix = ".counts";
constexpr std::uint64_t kMaxU32 = 0xffffffffU;

std::vector<float> floats_of(const TensorInfo& info, std::span<const std::uint8_t> file) {
  std::vector<float> out(info.n_elements());
  std::memcpy(out.data(), file.data() + info.offset, info.n_bytes);
  return out;
}

void check_values(const std::vector<float>& values, std::string_view tensor,
                  const std::string& where) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= 0.0f && std::isfinite(values[i])) continue;
    throw bad_input(where, fmt::format("tensor {}: value {} of element {}, expected finite values "
                                       "that are not negative",
                                       quoted(tensor), values[i], i));
  }
}

ImatrixEntry entry_of(const TensorInfo& sum, const TensorInfo* counts,
                      std::span<const std::uint8_t> file, const std::string& where) {
  if (counts == nullptr) {
    throw bad_input(where, fmt::format("tensor {} has no counts beside it", quoted(sum.name)));
  }
  for (const TensorInfo* info : {&sum, counts}) {
    if (info->format == Format::F32) continue;
    throw bad_input(where, fmt::format("tensor {} is {}, expected f32", quoted(info->name),
                                       format_name(info->format)));
  }
  if (counts->n_elements() != sum.rows()) {
    throw bad_input(where,
                    fmt::format("tensor {} has {} elements, expected one for each of {} matrices",
                                quoted(counts->name), counts->n_elements(), sum.rows()));
  }
  ImatrixEntry entry;
  entry.n_cols = sum.cols();
  entry.sum2 = floats_of(sum, file);
  entry.counts = floats_of(*counts, file);
  check_values(entry.sum2, sum.name, where);
  check_values(entry.counts, counts->name, where);
  for (float& n : entry.counts) n = std::round(n);
  return entry;
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

  std::map<std::string_view, const TensorInfo*> counts;
  for (const TensorInfo& info : contents.tensors) {
    const std::string_view name = info.name;
    if (!name.ends_with(kCountSuffix)) continue;
    counts[name.substr(0, name.size() - kCountSuffix.size())] = &info;
  }
  for (const TensorInfo& info : contents.tensors) {  // tensors of other kinds are not ours
    const std::string_view name = info.name;
    if (!name.ends_with(kSumSuffix)) continue;
    const std::string_view weight = name.substr(0, name.size() - kSumSuffix.size());
    const auto found = counts.find(weight);
    out.entries.emplace(
        weight, entry_of(info, found == counts.end() ? nullptr : found->second, bytes, where));
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
  return parse_imatrix(file.bytes(), path);
}

void write_imatrix(const Imatrix& imatrix, const std::string& path) {
  Metadata metadata;
  metadata.set("general.type", Value::text(std::string(kType)));
  StringList datasets;
  for (const std::string& name : imatrix.datasets) datasets.push_back(name);
  metadata.set(kDatasets, Value::strings(std::move(datasets)));
  metadata.set(kChunkCount, Value::u32(imatrix.chunk_count));
  metadata.set(kChunkSize, Value::u32(imatrix.chunk_size));

  GgufWriter out(path, std::move(metadata));
  for (const auto& [name, entry] : imatrix.entries) {
    const std::uint64_t sum_dims[] = {entry.n_cols, entry.n_mat()};
    const std::uint64_t count_dims[] = {1, entry.n_mat()};
    out.add_tensor(name + std::string(kSumSuffix), Format::F32, sum_dims);
    out.add_tensor(name + std::string(kCountSuffix), Format::F32, count_dims);
  }
  out.begin();
  const auto bytes_of = [](const std::vector<float>& v) {
    return std::span(reinterpret_cast<const std::uint8_t*>(v.data()), v.size() * sizeof(float));
  };
  for (const auto& [name, entry] : imatrix.entries) {
    out.write(bytes_of(entry.sum2));
    out.write(bytes_of(entry.counts));
  }
  out.finish();
}

}  // namespace lathe
