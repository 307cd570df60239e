#include "quant/imatrix/checkpoint.h"

#include <cmath>
#include <span>

#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

constexpr std::string_view kType = "lathe.imatrix-checkpoint";
constexpr std::string_view kSumKey = "sum/";
constexpr std::string_view kSum2Key = "sum2/";
constexpr std::string_view kRowsKey = "rows/";

Value doubles(const std::vector<double>& v) { return Value::array(std::span<const double>(v)); }

std::string key(std::string_view prefix, std::string_view name) {
  return std::string(prefix) + std::string(name);
}

std::vector<double> read_doubles(const Metadata& metadata, const std::string& name) {
  const Value* value = metadata.find(name);
  const auto span = value == nullptr ? std::nullopt : value->as_array<double>();
  if (!span) metadata.fail(name, "expected an array of float64");
  for (const double v : *span) {
    if (!std::isfinite(v)) metadata.fail(name, "a value that is not finite");
  }
  return {span->begin(), span->end()};
}

CollectedSums read_sums(const Metadata& metadata, std::string_view name) {
  CollectedSums out;
  out.n_rows = metadata.require_uint(key(kRowsKey, name));
  out.sum2 = read_doubles(metadata, key(kSum2Key, name));
  out.sum = read_doubles(metadata, key(kSumKey, name));
  if (out.sum.size() != out.sum2.size()) metadata.fail(key(kSumKey, name), "of another length");
  return out;
}

}  // namespace

void write_checkpoint(const Checkpoint& checkpoint, const RunIdentity& identity,
                      const OutputTarget& target) {
  Metadata metadata;
  metadata.set("general.type", Value::text(std::string(kType)));
  put_identity(identity, metadata);
  metadata.set("chunks", Value::u64(checkpoint.n_chunks));
  metadata.set("nll", doubles({checkpoint.nll.sum(), checkpoint.nll.sum2()}));
  metadata.set("nll_count", Value::u64(checkpoint.nll.n()));
  for (const auto& [name, sums] : checkpoint.sums) {
    metadata.set(key(kRowsKey, name), Value::u64(sums.n_rows));
    metadata.set(key(kSum2Key, name), doubles(sums.sum2));
    metadata.set(key(kSumKey, name), doubles(sums.sum));
  }
  GgufWriter out(target, std::move(metadata));
  out.begin();
  out.finish();
}

bool is_imatrix_checkpoint(const std::string& path) {
  try {
    const MappedFile file(path);
    return parse_gguf(file.bytes(), path).metadata.text("general.type") == kType;
  } catch (const Error&) {
    return false;
  }
}

Checkpoint read_checkpoint(const std::string& path, const RunIdentity& identity) {
  const MappedFile file(path);
  const GgufContents contents = parse_gguf(file.bytes(), path);
  const Metadata& metadata = contents.metadata;
  if (metadata.require_text("general.type") != kType) {
    metadata.fail("general.type", "this file is no checkpoint of an importance matrix");
  }
  check_identity(metadata, identity, path);
  Checkpoint out;
  out.n_chunks = metadata.require_uint("chunks");
  const std::vector<double> nll = read_doubles(metadata, "nll");
  if (nll.size() != 2) metadata.fail("nll", "expected two numbers");
  out.nll = Moments(nll[0], nll[1], metadata.require_uint("nll_count"));
  for (const MetadataEntry& entry : metadata) {
    if (!entry.key.starts_with(kRowsKey)) continue;
    const std::string name = entry.key.substr(kRowsKey.size());
    out.sums.emplace(name, read_sums(metadata, name));
  }
  return out;
}

}  // namespace lathe
