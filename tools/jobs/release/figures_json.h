// Figures as JSON, both ways, with the names of docs/json.md. All digits are kept: what is read is
// what was written. Null is a figure that is no number.
//
// Readers throw what nlohmann's library throws for documents of another shape.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "quant/eval/card/card_figures.h"
#include "tools/jobs/release/results.h"

namespace lathe {

double number_of(const nlohmann::ordered_json& value);  // NaN for null

// At `name` and `name`_error.
void put_figure(nlohmann::ordered_json& out, const std::string& name, const Estimate& e);
Estimate get_figure(const nlohmann::ordered_json& from, const std::string& name);

nlohmann::ordered_json divergence_json(const DivergenceResult& d);
DivergenceResult divergence_of(const nlohmann::ordered_json& from);

nlohmann::ordered_json test_figures_json(const TestFigures& test);
TestFigures test_figures_of(const nlohmann::ordered_json& from);

nlohmann::ordered_json speed_json(const std::vector<SpeedFigure>& speed);
std::vector<SpeedFigure> speed_of(const nlohmann::ordered_json& from);

nlohmann::ordered_json file_json(const ReleaseFile& file);
ReleaseFile file_of(const nlohmann::ordered_json& from);

nlohmann::ordered_json errors_json(const std::vector<TensorErrorFigure>& errors);
std::vector<TensorErrorFigure> errors_of(const nlohmann::ordered_json& from);

nlohmann::ordered_json blocks_json(const std::vector<BlockFigure>& blocks);
std::vector<BlockFigure> blocks_of(const nlohmann::ordered_json& from);

nlohmann::ordered_json text_input_json(const ReleaseTextInput& text);
ReleaseTextInput text_input_of(const nlohmann::ordered_json& from);

nlohmann::ordered_json test_input_json(const ReleaseTestInput& test);
ReleaseTestInput test_input_of(const nlohmann::ordered_json& from);

// The test of that name. Error (kBadInput) for another name.
TaskKind task_kind_of(const std::string& name);

}  // namespace lathe
