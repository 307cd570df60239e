#include "tools/report/document.h"

#include <nlohmann/json.hpp>

#include "runtime/identity/build_info.h"

namespace lathe {

using Json = nlohmann::ordered_json;

Json build_json() {
  return {{"version", build_version()}, {"commit", build_commit()}, {"build", build_id()}};
}

Json result_document(std::string_view kind) {
  return {{"lathe", build_json()}, {"schema", kResultSchema}, {"kind", std::string(kind)}};
}

std::string json_text(const Json& document, bool compact) {
  return document.dump(compact ? -1 : 2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lathe
