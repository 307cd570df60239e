#include "quant/eval/eval_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

constexpr std::string_view kType = "lathe.eval-checkpoint";

std::string unit_key(std::size_t i) { return "unit." + std::to_string(i); }

}  // namespace

void write_eval_checkpoint(const UnitRecords& records, const RunIdentity& identity,
                           const std::string& path) {
  Metadata metadata;
  metadata.set("general.type", Value::text(std::string(kType)));
  put_identity(identity, metadata);
  metadata.set("units", Value::u64(records.size()));
  for (std::size_t i = 0; i < records.size(); ++i) {
    metadata.set(unit_key(i), Value::array(std::span<const double>(records[i])));
  }
  GgufWriter out(path, std::move(metadata));
  out.begin();
  out.finish();
}

UnitRecords read_eval_checkpoint(const std::string& path, const RunIdentity& identity) {
  const MappedFile file(path);
  const GgufContents contents = parse_gguf(file.bytes(), path);
  const Metadata& metadata = contents.metadata;
  if (metadata.require_text("general.type") != kType) {
    metadata.fail("general.type", "this file is no checkpoint of an evaluation");
  }
  check_identity(metadata, identity, path);
  const std::uint64_t n = metadata.require_uint("units");
  UnitRecords records;
  for (std::size_t i = 0; i < n; ++i) {
    const Value* value = metadata.find(unit_key(i));
    const auto numbers = value == nullptr ? std::nullopt : value->as_array<double>();
    if (!numbers) metadata.fail(unit_key(i), "expected an array of float64");
    if (!std::all_of(numbers->begin(), numbers->end(), [](double v) { return std::isfinite(v); })) {
      metadata.fail(unit_key(i), "a value that is not finite");
    }
    records.emplace_back(numbers->begin(), numbers->end());
  }
  return records;
}

}  // namespace lathe
