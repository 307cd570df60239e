// What `lathe eval all` found, as the table of a published card, and how its models differ.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/jobs/card_job.h"
#include "tools/report/render.h"

namespace lathe {

// Models with their figures, null where there is none; differences with their intervals.
nlohmann::ordered_json card_document(const CardResult& result);
// A line a model, each with what it is of: the document without differences.
std::string card_csv(const CardResult& result);
// Tables for people: models with standard errors, differences, inputs.
std::string card_text(const CardResult& result, bool markdown);

std::string render(const CardResult& result, const OutputForm& form);

}  // namespace lathe
