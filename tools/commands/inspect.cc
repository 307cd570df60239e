// lathe inspect: what a GGUF file holds. Metadata, tensors, and where its bytes go.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/size_summary.h"
#include "tools/commands/commands.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownElements = 6;  // of an array, without --full
constexpr std::size_t kShownBytes = 72;    // of a text

struct InspectOptions {
  std::string model;
  bool json = false;
  bool tensors = false;
  bool full = false;
};

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

std::string human_bytes(std::uint64_t n) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(n) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.2f} {}", value, kUnits[unit]);
}

std::string shape_text(const TensorInfo& t) {
  std::string out = fmt::format("{}", t.dims[0]);
  for (std::uint32_t d = 1; d < t.n_dims; ++d) out += fmt::format(" x {}", t.dims[d]);
  return out;
}

std::string formats_text(const SizeGroup& group) {
  std::string out;
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    if (group.tensors_of_format[f] == 0) continue;
    out += fmt::format("{}{} x {}", out.empty() ? "" : ", ", format_name(static_cast<Format>(f)),
                       group.tensors_of_format[f]);
  }
  return out;
}

void print_overview(const GgufFile& file, const SizeSummary& sizes) {
  const Metadata& m = file.metadata();
  fmt::print("file          {}\n", file.path());
  if (file.files().size() > 1) fmt::print("files         {}\n", file.files().size());
  fmt::print("size          {} bytes ({})\n", file.total_file_bytes(),
             human_bytes(file.total_file_bytes()));
  fmt::print("GGUF          version {}, alignment {}\n", file.version(), file.alignment());
  if (const auto arch = m.text("general.architecture"))
    fmt::print("architecture  {}\n", printable(*arch));
  if (const auto type = m.text("general.type")) fmt::print("type          {}\n", printable(*type));
  fmt::print("tensors       {} with {} elements in {} bytes\n", sizes.total.n_tensors,
             sizes.total.n_elements, sizes.total.n_bytes);
  if (sizes.total.n_elements > 0) {
    fmt::print("bits/weight   {:.4f}\n", sizes.total.bits_per_weight());
  }
}

void print_metadata(const Metadata& metadata, bool full) {
  TextTable table({"key", "type", "value"});
  for (const MetadataEntry& entry : metadata) {
    const Value& v = entry.value;
    const std::string type =
        v.is_array() ? fmt::format("{}[{}]", value_type_name(v.element_type()), v.size())
                     : v.type_text();
    table.add_row({printable(entry.key), type, value_text(v, full)});
  }
  fmt::print("\n{}", table.aligned());
}

void print_tensors(const GgufFile& file) {
  TextTable table({"tensor", "shape", "format", "bytes"});
  for (const TensorInfo& t : file.tensors()) {
    table.add_row({printable(t.name), shape_text(t), std::string(format_name(t.format)),
                   fmt::format("{}", t.n_bytes)});
  }
  fmt::print("\n{}", table.aligned());
}

void print_groups(const char* title, const std::vector<SizeGroup>& groups,
                  std::uint64_t all_bytes) {
  TextTable table({title, "tensors", "elements", "bytes", "share %", "bits/w", "formats"});
  for (const SizeGroup& group : groups) {
    const double share =
        100.0 * static_cast<double>(group.n_bytes) / static_cast<double>(all_bytes);
    table.add_row({printable(group.name), fmt::format("{}", group.n_tensors),
                   fmt::format("{}", group.n_elements), fmt::format("{}", group.n_bytes),
                   fmt::format("{:.1f}", share), fmt::format("{:.4f}", group.bits_per_weight()),
                   formats_text(group)});
  }
  fmt::print("\n{}", table.aligned());
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

void print_json(const GgufFile& file, const SizeSummary& sizes, bool full) {
  Json out{{"file", file.path()},
           {"n_files", file.files().size()},
           {"size", file.total_file_bytes()},
           {"gguf_version", file.version()},
           {"alignment", file.alignment()},
           {"n_tensors", sizes.total.n_tensors},
           {"n_elements", sizes.total.n_elements},
           {"tensor_bytes", sizes.total.n_bytes},
           {"bits_per_weight", sizes.total.bits_per_weight()}};
  Json& metadata = out["metadata"] = Json::object();
  for (const MetadataEntry& entry : file.metadata()) {
    metadata[entry.key] = value_json(entry.value, full);
  }
  out["by_role"] = groups_json(sizes.by_role);
  out["by_layer"] = groups_json(sizes.by_layer);
  out["by_format"] = groups_json(sizes.by_format);
  Json& tensors = out["tensors"] = Json::array();
  for (const TensorInfo& t : file.tensors()) tensors.push_back(tensor_json(t));
  // Bytes that are no UTF-8 (token pieces can be) become U+FFFD.
  fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
}

void inspect(const InspectOptions& options) {
  const GgufFile file = GgufFile::open(options.model);
  const SizeSummary sizes = summarize_sizes(file.tensors());
  if (options.json) {
    print_json(file, sizes, options.full);
    return;
  }
  print_overview(file, sizes);
  print_metadata(file.metadata(), options.full);
  if (options.tensors) print_tensors(file);
  if (file.tensors().empty()) return;
  print_groups("role", sizes.by_role, sizes.total.n_bytes);
  print_groups("layer", sizes.by_layer, sizes.total.n_bytes);
  print_groups("format", sizes.by_format, sizes.total.n_bytes);
}

}  // namespace

void add_inspect(CLI::App& root, ToolContext&) {
  CLI::App* command = root.add_subcommand("inspect", "Show what a GGUF file holds");
  const auto options = std::make_shared<InspectOptions>();
  command
      ->add_option("model,-m,--model", options->model,
                   "GGUF file, or the first file of a split model")
      ->required()
      ->type_name("FILE");
  command->add_flag("--tensors", options->tensors, "List every tensor: name, shape, format, bytes");
  command->add_flag("--full", options->full, "Whole arrays and texts of the metadata");
  command->add_flag("--json", options->json, "Everything as JSON");
  command->callback([options] { inspect(*options); });
}

}  // namespace lathe
