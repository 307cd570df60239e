#include "tools/report/release/release_files.h"

#include <nlohmann/json.hpp>

#include "tools/report/document.h"
#include "tools/report/release/html_report.h"
#include "tools/report/release/model_card.h"
#include "tools/report/release/results_json.h"

namespace lathe {

std::vector<ReleaseDocument> render_release(const ReleaseResults& results) {
  return {{"README.md", model_card(results), kCardMarker},
          {"report.html", html_report(results), kReportMarker}};
}

std::vector<ReleaseDocument> render_release_with_results(const ReleaseResults& results) {
  const std::string json = json_text(release_document(results));
  std::vector<ReleaseDocument> out = render_release(parse_release_results(json, kResultsName));
  out.push_back({kResultsName, json, kResultsMarker});
  return out;
}

}  // namespace lathe
