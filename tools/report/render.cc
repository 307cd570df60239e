#include "tools/report/render.h"

#include <nlohmann/json.hpp>

#include "tools/report/csv.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {

using Json = nlohmann::ordered_json;

std::string render(const Json& document, const OutputForm& form) {
  if (form.json) return json_text(document);
  const CsvFields fields = csv_fields(document);
  if (form.csv) return csv_table({&fields, 1});
  TextTable table({"figure", "value"});
  for (const auto& [name, value] : fields) table.add_row({name, value});
  return table.markdown();
}

void put(Json& out, const std::string& name, const Estimate& e) {
  out[name] = e.value;
  out[name + "_error"] = e.error;
}

void put(Json& out, const std::string& name, const std::optional<Interval>& interval) {
  out[name + "_low"] = interval ? Json(interval->low) : Json(nullptr);
  out[name + "_high"] = interval ? Json(interval->high) : Json(nullptr);
}

}  // namespace lathe
