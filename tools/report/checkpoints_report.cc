#include "tools/report/checkpoints_report.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kKilo = 1e3, kMega = 1e6;

std::string size_text(std::uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  return size < kMega ? fmt::format("{:.1f} kB", size / kKilo)
                      : fmt::format("{:.1f} MB", size / kMega);
}

std::string file_name(const KeptCheckpoint& checkpoint) {
  return std::filesystem::path(checkpoint.path).filename().string();
}

std::string table(const std::vector<KeptCheckpoint>& checkpoints) {
  TextTable table({"written", "size", "kept", "file", "of"});
  for (const KeptCheckpoint& c : checkpoints) {
    table.add_row({time_text(c.written), size_text(c.bytes),
                   fmt::format("{} {}", c.label.n_units, c.label.units), file_name(c),
                   c.label.about});
  }
  return table.aligned();
}

Json list_json(const std::vector<KeptCheckpoint>& checkpoints) {
  Json out = Json::array();
  for (const KeptCheckpoint& c : checkpoints) {
    out.push_back({{"file", c.path},
                   {"file_bytes", c.bytes},
                   {"written", time_text(c.written)},
                   {"units", c.label.units},
                   {"n_units", c.label.n_units},
                   {"of", c.label.about}});
  }
  return out;
}

}  // namespace

std::string checkpoints_text(const CheckpointList& list) {
  std::string text;
  if (!list.removed.empty()) text += "removed:\n" + table(list.removed) + "\n";
  if (list.kept.empty()) return text + "no checkpoints in " + list.folder + "\n";
  return text + "checkpoints in " + list.folder + ":\n" + table(list.kept) +
         "\nThe same command with --resume goes on from one; --remove-older N removes those of "
         "more "
         "than N days.\n";
}

std::string checkpoints_json(const CheckpointList& list) {
  Json out = result_document("checkpoints");
  out["folder"] = list.folder;
  out["checkpoints"] = list_json(list.kept);
  out["removed"] = list_json(list.removed);
  return json_text(out);
}

}  // namespace lathe
