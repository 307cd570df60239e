#include "tools/report/inspect_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/shape_text.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"
#include "tools/report/units.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownElements = 6;  // of an array, without --full
constexpr std::size_t kShownBytes = 72;    // of a text
constexpr std::size_t kLongestPath = 4096;

// ---- values

Value element_of(const Value& array, std::size_t i) {
  if (const StringList* list = array.as_strings()) return Value::text(std::string((*list)[i]));
  return array.element(i);
}

std::string scalar_text(const Value& v, std::size_t max_bytes) {
  if (const auto text = v.as_text()) return quoted(*text, max_bytes);
  if (const auto b = v.as_bool()) return *b ? "true" : "false";
  if (v.type() == ValueType::kF32) return fmt::format("{}", static_cast<float>(*v.as_real()));
  if (const auto r = v.as_real()) return fmt::format("{}", *r);
  if (const auto u = v.as_uint()) return fmt::format("{}", *u);
  return fmt::format("{}", *v.as_int());
}

std::string value_text(const Value& v, bool full) {
  const std::size_t max_bytes = full ? std::string::npos : kShownBytes;
  if (!v.is_array()) return scalar_text(v, max_bytes);
  const std::size_t shown = full ? v.size() : std::min(v.size(), kShownElements);
  std::string out = "[";
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += ", ";
    out += scalar_text(element_of(v, i), max_bytes);
  }
  out += shown < v.size() ? ", ...]" : "]";
  return out;
}

Json scalar_json(const Value& v) {
  if (const auto text = v.as_text()) return std::string(*text);
  if (const auto b = v.as_bool()) return *b;
  if (const auto r = v.as_real()) return *r;
  if (const auto u = v.as_uint()) return *u;
  return *v.as_int();
}

Json value_json(const Value& v, bool full) {
  Json out{{"type", v.type_text()}};
  if (!v.is_array()) {
    out["value"] = scalar_json(v);
    return out;
  }
  const std::size_t shown = full ? v.size() : std::min(v.size(), kShownElements);
  out["length"] = v.size();
  out["truncated"] = shown < v.size();
  out["value"] = Json::array();
  for (std::size_t i = 0; i < shown; ++i) out["value"].push_back(scalar_json(element_of(v, i)));
  return out;
}

// ---- text

std::string formats_text(const SizeGroup& group) {
  std::string out;
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    if (group.tensors_of_format[f] == 0) continue;
    out += fmt::format("{}{} x {}", out.empty() ? "" : ", ", format_name(static_cast<Format>(f)),
                       group.tensors_of_format[f]);
  }
  return out;
}

std::string overview_text(const Inspection& inspection) {
  const TensorSource& file = *inspection.source;
  const SizeGroup& total = inspection.sizes.total;
  const Metadata& m = file.metadata();
  std::string out = fmt::format("file          {}\n", printable(file.path(), kLongestPath));
  if (file.files().size() > 1) out += fmt::format("files         {}\n", file.files().size());
  out += fmt::format("size          {} bytes ({})\n", file.total_file_bytes(),
                     bytes_text(file.total_file_bytes()));
  if (const auto* gguf = dynamic_cast<const GgufFile*>(&file)) {
    out +=
        fmt::format("GGUF          version {}, alignment {}\n", gguf->version(), gguf->alignment());
  } else {
    out += "checkpoint    metadata, names and types are those of `lathe convert`\n";
  }
  if (const auto architecture = m.text("general.architecture")) {
    out += fmt::format("architecture  {}\n", printable(*architecture));
  }
  if (const auto type = m.text("general.type")) {
    out += fmt::format("type          {}\n", printable(*type));
  }
  out += fmt::format("tensors       {} with {} elements in {} bytes\n", total.n_tensors,
                     total.n_elements, total.n_bytes);
  if (total.n_elements > 0) {
    out += fmt::format("bits/weight   {:.4f}\n", total.bits_per_weight());
  }
  return out;
}

// Long tables lose their middle unless the whole was asked for.
std::string table_text(const TextTable& table, bool full) {
  return "\n" + (full ? table.aligned() : table.shortened("--full shows all"));
}

std::string metadata_text(const Metadata& metadata, bool full) {
  TextTable table({"key", "type", "value"});
  for (const MetadataEntry& entry : metadata) {
    const Value& v = entry.value;
    const std::string type =
        v.is_array() ? fmt::format("{}[{}]", value_type_name(v.element_type()), v.size())
                     : v.type_text();
    table.add_row({printable(entry.key), type, value_text(v, full)});
  }
  return table_text(table, full);
}

std::string tensors_text(const TensorSource& file, bool full) {
  TextTable table({"tensor", "shape", "format", "bytes"});
  for (const TensorInfo& t : file.tensors()) {
    table.add_row({printable(t.name), shape_text(t), std::string(format_name(t.format)),
                   fmt::format("{}", t.n_bytes)});
  }
  return table_text(table, full);
}

std::string groups_text(const char* title, const std::vector<SizeGroup>& groups,
                        std::uint64_t all_bytes, bool full) {
  TextTable table({title, "tensors", "elements", "bytes", "share %", "bits/w", "formats"});
  for (const SizeGroup& group : groups) {
    const double share =
        100.0 * static_cast<double>(group.n_bytes) / static_cast<double>(all_bytes);
    table.add_row({printable(group.name), fmt::format("{}", group.n_tensors),
                   fmt::format("{}", group.n_elements), fmt::format("{}", group.n_bytes),
                   fmt::format("{:.1f}", share), fmt::format("{:.4f}", group.bits_per_weight()),
                   formats_text(group)});
  }
  return table_text(table, full);
}

// ---- JSON

Json group_json(const SizeGroup& group) {
  return {{"name", group.name},
          {"n_tensors", group.n_tensors},
          {"n_elements", group.n_elements},
          {"bytes", group.n_bytes},
          {"bits_per_weight", group.bits_per_weight()}};
}

Json groups_json(const std::vector<SizeGroup>& groups) {
  Json out = Json::array();
  for (const SizeGroup& group : groups) out.push_back(group_json(group));
  return out;
}

Json tensor_json(const TensorInfo& t) {
  const TensorPlace place = tensor_place(t.name);
  Json out{{"name", t.name},
           {"shape", std::vector<std::uint64_t>(t.dims.begin(), t.dims.begin() + t.n_dims)},
           {"format", format_name(t.format)},
           {"bytes", t.n_bytes},
           {"offset", t.offset},
           {"file", t.file_index},
           {"role", place.role}};
  out["layer"] = place.layer < 0 ? Json(nullptr) : Json(place.layer);
  return out;
}

}  // namespace

std::string inspect_text(const Inspection& inspection, bool tensors, bool full) {
  const SizeSummary& sizes = inspection.sizes;
  const TensorSource& file = *inspection.source;
  std::string out = overview_text(inspection) + metadata_text(file.metadata(), full);
  if (tensors) out += tensors_text(file, full);
  if (file.tensors().empty()) return out;
  const std::uint64_t all = sizes.total.n_bytes;
  return out + groups_text("role", sizes.by_role, all, full) +
         groups_text("layer", sizes.by_layer, all, full) +
         groups_text("format", sizes.by_format, all, full);
}

Json inspect_json(const Inspection& inspection, bool full) {
  const TensorSource& file = *inspection.source;
  const SizeSummary& sizes = inspection.sizes;
  Json out = result_document("inspect");
  out["file"] = file.path();
  out["n_files"] = file.files().size();
  out["size"] = file.total_file_bytes();
  const auto* gguf = dynamic_cast<const GgufFile*>(&file);  // null for a checkpoint
  out["gguf_version"] = gguf != nullptr ? Json(gguf->version()) : Json(nullptr);
  out["alignment"] = gguf != nullptr ? Json(gguf->alignment()) : Json(nullptr);
  out["n_tensors"] = sizes.total.n_tensors;
  out["n_elements"] = sizes.total.n_elements;
  out["tensor_bytes"] = sizes.total.n_bytes;
  out["bits_per_weight"] = sizes.total.bits_per_weight();
  Json& metadata = out["metadata"] = Json::object();
  for (const MetadataEntry& entry : file.metadata()) {
    metadata[entry.key] = value_json(entry.value, full);
  }
  out["by_role"] = groups_json(sizes.by_role);
  out["by_layer"] = groups_json(sizes.by_layer);
  out["by_format"] = groups_json(sizes.by_format);
  Json& tensors = out["tensors"] = Json::array();
  for (const TensorInfo& t : file.tensors()) tensors.push_back(tensor_json(t));
  return out;
}

}  // namespace lathe
