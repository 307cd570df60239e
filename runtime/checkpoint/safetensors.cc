#include "runtime/checkpoint/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "runtime/base/byte_reader.h"
#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/tensor_info.h"

namespace lathe {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::uint64_t kMaxDims = 8;
constexpr std::uint64_t kMaxTensors = 1U << 20;
constexpr std::uint64_t kMost = std::uint64_t{1} << 62;

struct Dtype {
  std::string_view name;
  unsigned bits;
};
constexpr Dtype kDtypes[] = {{"BOOL", 8},    {"U8", 8},      {"I8", 8},          {"F8_E4M3", 8},
                             {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
                             {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"I16", 16},
                             {"U16", 16},    {"F16", 16},    {"BF16", 16},       {"I32", 32},
                             {"U32", 32},    {"F32", 32},    {"F64", 64},        {"I64", 64},
                             {"U64", 64},    {"C64", 64}};

unsigned bits_of(const JsonNode& dtype) {
  const auto* const found = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                         [&](const Dtype& d) { return d.name == dtype.text(); });
  if (found == std::end(kDtypes)) dtype.fail("there is no such type: " + quoted(dtype.text()));
  return found->bits;
}

std::vector<std::uint64_t> read_dims(const JsonNode& shape) {
  std::vector<std::uint64_t> dims;
  for (const JsonNode& dim : shape.elements()) dims.push_back(dim.uint(kMost));
  if (dims.size() > kMaxDims) shape.fail(fmt::format("{} dimensions are too many", dims.size()));
  return dims;
}

// Of the values, which the file must have to the byte.
std::uint64_t expected_bytes(const JsonNode& node, std::span<const std::uint64_t> dims,
                             unsigned bits) {
  const auto n = checked_elements(dims);
  if (!n || *n > kMost / 64) node.fail("its size overflows");
  if (*n * bits % 8 != 0) node.fail("its values do not fill whole bytes");
  return *n * bits / 8;
}

SafetensorsEntry read_entry(const std::string& name, const JsonNode& node, std::uint64_t n_data) {
  node.check_keys({"dtype", "shape", "data_offsets"});
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = node.at("dtype").text();
  entry.dims = read_dims(node.at("shape"));
  const std::vector<JsonNode> range = node.at("data_offsets").elements();
  if (range.size() != 2) node.fail("data_offsets are not two numbers");
  entry.offset = range[0].uint(n_data);
  const std::uint64_t end = range[1].uint(n_data);
  if (end < entry.offset) node.fail("data_offsets end before they begin");
  entry.n_bytes = end - entry.offset;
  const std::uint64_t expected = expected_bytes(node, entry.dims, bits_of(node.at("dtype")));
  if (entry.n_bytes != expected) {
    node.fail(fmt::format("{} bytes of data, expected {} from its shape and type", entry.n_bytes,
                          expected));
  }
  return entry;
}

// Sorts them by their data, which they must fill.
void check_layout(std::vector<SafetensorsEntry>& entries, std::uint64_t n_data,
                  const std::string& where) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.n_bytes < b.n_bytes;
  });
  std::uint64_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.offset != at) {
      throw bad_input(where, fmt::format("tensor {} starts at byte {} of the data, expected {}: "
                                         "tensors must follow one another",
                                         quoted(entry.name), entry.offset, at));
    }
    at += entry.n_bytes;
  }
  if (at != n_data) {
    throw bad_input(where, fmt::format("{} bytes of data, and its tensors take {}: the file is "
                                       "incomplete or damaged",
                                       n_data, at));
  }
}

}  // namespace

std::optional<Format> SafetensorsEntry::format() const noexcept {
  if (dtype == "F32") return Format::F32;
  if (dtype == "F16") return Format::F16;
  if (dtype == "BF16") return Format::BF16;
  return std::nullopt;
}

std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::uint8_t> bytes,
                                                const std::string& where) {
  ByteReader reader(bytes, where);
  reader.set_context("the safetensors header");
  const auto n_header = reader.read<std::uint64_t>("its length");
  if (n_header > kSafetensorsMaxHeader) {
    reader.fail_at(0, fmt::format("a header of {} bytes, at most {} are allowed: this is no "
                                  "safetensors file",
                                  n_header, kSafetensorsMaxHeader));
  }
  const auto header = reader.take(n_header, "its text");
  const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  if (!text.starts_with('{')) reader.fail_at(8, "expected {: this is no safetensors file");
  const nlohmann::json json = parse_strict_json(text, where, kMaxDepth);
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, node] : JsonNode(json, where).members()) {
    if (name == "__metadata__") continue;
    if (entries.size() == kMaxTensors) throw bad_input(where, "more tensors than any model has");
    entries.push_back(read_entry(name, node, reader.remaining()));
  }
  check_layout(entries, reader.remaining(), where);
  for (SafetensorsEntry& entry : entries) entry.offset += reader.offset();
  return entries;
}

}  // namespace lathe
