#include "quant/eval/eval_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

constexpr std::string_view kType = "lathe.eval-checkpoint";
constexpr std::string_view kSizes = "unit_sizes";
constexpr std::string_view kNumbers = "numbers";

template <typename T>
std::span<const T> require_array(const Metadata& metadata, std::string_view key) {
  const Value* value = metadata.find(key);
  const auto array = value == nullptr ? std::nullopt : value->as_array<T>();
  if (!array) metadata.fail(key, "expected an array of 64-bit numbers");
  return *array;
}

}  // namespace

void write_eval_checkpoint(const UnitRecords& records, const RunIdentity& identity,
                           const OutputTarget& target) {
  std::vector<std::uint64_t> sizes;
  std::vector<double> numbers;
  for (const std::vector<double>& record : records) {
    sizes.push_back(record.size());
    numbers.insert(numbers.end(), record.begin(), record.end());
  }
  Metadata metadata;
  metadata.set("general.type", Value::text(std::string(kType)));
  put_identity(identity, metadata);
  metadata.set(kSizes, Value::array(std::span<const std::uint64_t>(sizes)));
  metadata.set(kNumbers, Value::array(std::span<const double>(numbers)));
  GgufWriter out(target, std::move(metadata));
  out.begin();
  out.finish();
}

UnitRecords read_eval_checkpoint(const std::string& path, const RunIdentity& identity) {
  const MappedFile file(path);
  return parse_eval_checkpoint(file.bytes(), identity, path);
}

UnitRecords parse_eval_checkpoint(std::span<const std::uint8_t> bytes, const RunIdentity& identity,
                                  const std::string& path) {
  const GgufContents contents = parse_gguf(bytes, path);
  const Metadata& metadata = contents.metadata;
  if (metadata.require_text("general.type") != kType) {
    metadata.fail("general.type", "this file is no checkpoint of an evaluation");
  }
  check_identity(metadata, identity, path);
  std::span<const double> left = require_array<double>(metadata, kNumbers);
  if (!std::all_of(left.begin(), left.end(), [](double v) { return std::isfinite(v); })) {
    metadata.fail(kNumbers, "a value that is not finite");
  }
  UnitRecords records;
  for (const std::uint64_t size : require_array<std::uint64_t>(metadata, kSizes)) {
    if (size > left.size()) metadata.fail(kNumbers, "fewer numbers than the units have");
    const auto record = left.first(static_cast<std::size_t>(size));
    records.emplace_back(record.begin(), record.end());
    left = left.subspan(record.size());
  }
  if (!left.empty()) metadata.fail(kNumbers, "more numbers than the units have");
  return records;
}

bool is_eval_checkpoint(const std::string& path) {
  try {
    const MappedFile file(path);
    const GgufContents contents = parse_gguf(file.bytes(), path);
    return contents.metadata.text("general.type") == kType;
  } catch (const Error&) {
    return false;
  }
}

void check_record_sizes(const UnitRecords& records,
                        const std::function<std::size_t(std::size_t)>& size_of) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].size() == size_of(i)) continue;
    throw bad_input("checkpoint", fmt::format("unit {} has {} numbers, expected {}", i + 1,
                                              records[i].size(), size_of(i)));
  }
}

}  // namespace lathe
