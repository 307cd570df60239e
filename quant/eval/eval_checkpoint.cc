#include "quant/eval/eval_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

constexpr std::string_view kType = "lathe.eval-checkpoint";
constexpr std::string_view kAbout = "about", kUnits = "units", kWriter = "writer";
constexpr std::string_view kSizes = "unit_sizes", kNumbers = "numbers";
constexpr std::string_view kIdentityPrefix = "of.";
constexpr std::size_t kShownCharacters = 24;  // of a value; a hash has more

template <typename T>
std::span<const T> require_array(const Metadata& metadata, std::string_view key) {
  const Value* value = metadata.find(key);
  const auto array = value == nullptr ? std::nullopt : value->as_array<T>();
  if (!array) metadata.fail(key, "expected an array of 64-bit numbers");
  return *array;
}

void require_type(const Metadata& metadata) {
  if (metadata.require_text("general.type") == kType) return;
  metadata.fail("general.type", "this file is no checkpoint of an evaluation");
}

std::string text_or_empty(const Metadata& metadata, std::string_view key) {
  return std::string(metadata.text(key).value_or(""));
}

const std::string* find(const RunIdentity& identity, const std::string& name) {
  const auto it = std::find_if(identity.begin(), identity.end(),
                               [&](const auto& entry) { return entry.first == name; });
  return it == identity.end() ? nullptr : &it->second;
}

std::string shown(const std::string* value) {
  if (value == nullptr) return "''";
  if (value->size() <= kShownCharacters) return quoted(*value);
  return quoted(value->substr(0, kShownCharacters) + "...");
}

}  // namespace

void write_eval_checkpoint(const UnitRecords& records, const CheckpointLabel& label,
                           const OutputTarget& target) {
  std::vector<std::uint64_t> sizes;
  std::vector<double> numbers;
  for (const std::vector<double>& record : records) {
    sizes.push_back(record.size());
    numbers.insert(numbers.end(), record.begin(), record.end());
  }
  Metadata metadata;
  metadata.set("general.type", Value::text(std::string(kType)));
  metadata.set(kAbout, Value::text(label.about));
  metadata.set(kUnits, Value::text(label.units));
  metadata.set(kWriter, Value::text(label.writer));
  put_identity(label.identity, metadata);
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
  require_type(metadata);
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

CheckpointLabel read_checkpoint_label(const std::string& path) {
  const MappedFile file(path);
  const GgufContents contents = parse_gguf(file.bytes(), path);
  const Metadata& metadata = contents.metadata;
  require_type(metadata);
  CheckpointLabel label{.about = text_or_empty(metadata, kAbout),
                        .units = text_or_empty(metadata, kUnits),
                        .writer = text_or_empty(metadata, kWriter),
                        .n_units = require_array<std::uint64_t>(metadata, kSizes).size()};
  for (const MetadataEntry& entry : metadata) {
    if (!entry.key.starts_with(kIdentityPrefix)) continue;
    label.identity.emplace_back(entry.key.substr(kIdentityPrefix.size()),
                                metadata.text(entry.key).value_or(""));
  }
  return label;
}

bool is_eval_checkpoint(const std::string& path) {
  try {
    read_checkpoint_label(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::string> identity_differences(const RunIdentity& was, const RunIdentity& now) {
  std::vector<std::string> out;
  const auto compare = [&](const std::string& name) {
    const std::string *before = find(was, name), *after = find(now, name);
    if (before != nullptr && after != nullptr && *before == *after) return;
    out.push_back(fmt::format("its {} was {}, now it is {}", name, shown(before), shown(after)));
  };
  for (const auto& [name, value] : now) compare(name);
  for (const auto& [name, value] : was) {
    if (find(now, name) == nullptr) compare(name);
  }
  return out;
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
