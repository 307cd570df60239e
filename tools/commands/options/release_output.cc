#include "tools/commands/options/release_output.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "tools/report/release/html_report.h"
#include "tools/report/release/model_card.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

std::string path_of(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

// Empty where there is no such file.
std::string contents(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

void refuse_foreign(const std::string& path, std::string_view marker) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return;  // the gate says what is wrong with others
  if (contents(path).find(marker) != std::string::npos) return;
  throw usage_error(path +
                    " is there already, and lathe did not write it: move it away, or name "
                    "another folder");
}

}  // namespace

void refuse_foreign_documents(const std::string& folder) {
  refuse_foreign(path_of(folder, "README.md"), kCardMarker);
  refuse_foreign(path_of(folder, "report.html"), kReportMarker);
  refuse_foreign(path_of(folder, kResultsName), kResultsMarker);
}

void write_documents(const std::vector<ReleaseDocument>& documents, const std::string& folder,
                     OutputGate& gate) {
  for (const ReleaseDocument& document : documents) {
    const std::string path = path_of(folder, document.name);
    refuse_foreign(path, document.marker);
    const OutputTarget target =
        gate.admit(path, {.what = document.name, .kind = OutputKind::kText});
    if (contents(path) != document.text) write_text(target, document.text);
  }
}

}  // namespace lathe
