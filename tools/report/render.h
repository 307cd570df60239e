// A result document in one of the forms that programs and documents take.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "quant/eval/statistics.h"

namespace lathe {

struct OutputForm {
  bool json = false, csv = false, markdown = false;

  bool text() const noexcept { return !json && !csv && !markdown; }
};

// JSON as it is. CSV: a line of names and a line of values, nested names joined by dots, without
// arrays; Markdown: the same as a table of names and values.
std::string render(const nlohmann::ordered_json& document, const OutputForm& form);

// out[name] and out[name + "_error"].
void put(nlohmann::ordered_json& out, const std::string& name, const Estimate& e);
// out[name + "_low"] and out[name + "_high"]; null where there is none.
void put(nlohmann::ordered_json& out, const std::string& name,
         const std::optional<Interval>& interval);

}  // namespace lathe
