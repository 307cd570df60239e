#include "tools/report/card_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tools/report/csv.h"
#include "tools/report/document.h"
#include "tools/report/eval_document.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

Json change_json(const std::optional<Difference>& d) {
  if (!d) return nullptr;
  Json out = {{"value", d->value}};
  out["low"] = d->interval ? Json(d->interval->low) : Json(nullptr);
  out["high"] = d->interval ? Json(d->interval->high) : Json(nullptr);
  out["p"] = d->p;
  out["p_adjusted"] = d->p_adjusted;
  out["noise"] = d->noise();
  return out;
}

void put_or_null(Json& out, const std::string& name, const std::optional<Estimate>& e) {
  if (e) {
    put(out, name, *e);
  } else {
    out[name] = nullptr;
    out[name + "_error"] = nullptr;
  }
}

void put_text_figures(Json& out, const std::optional<CardText>& text) {
  const DivergenceResult* const d = text && text->divergence ? &*text->divergence : nullptr;
  const auto of = [&](Estimate DivergenceResult::*member) {
    return d == nullptr ? std::nullopt : std::optional(d->*member);
  };
  put_or_null(out, "ppl", text ? std::optional(text->ppl) : std::nullopt);
  out["ln_ppl_correlation"] = d == nullptr ? Json(nullptr) : Json(d->ln_ppl_correlation);
  put_or_null(out, "kld", of(&DivergenceResult::kld));
  put_or_null(out, "rms_delta_p", of(&DivergenceResult::rms_delta_p));
  put_or_null(out, "same_top", of(&DivergenceResult::same_top));
}

Json row_json(const CardResult& result, std::size_t row) {
  const ModelInput& model = result.inputs.models[row];
  const CardModel& figures = result.rows[row];
  Json out = {{"name", model.name}, {"model", model_json(model)}, {"is_base", result.is_base(row)}};
  put_text_figures(out, figures.text);
  for (const CardTest& test : figures.tests) {
    put(out, std::string(task_name(test.kind)), test.summary.all.score);
  }
  put_or_null(out, "average", card_average(figures));
  return out;
}

Json pair_json(const CardResult& result, const CardTable& of, const CardTable::Pair& pair) {
  const CardDifference& d = pair.change;
  Json out = {{"name", result.inputs.models[pair.row].name},
              {"against", result.inputs.models[of.reference].name},
              {"size_change", pair.size_change},
              {"ppl_change", change_json(d.ppl)},
              {"kld_change", change_json(d.kld)}};
  for (std::size_t t = 0; t < d.tests.size(); ++t) {
    out[fmt::format("{}_change", task_name(result.rows[pair.row].tests[t].kind))] =
        change_json(d.tests[t]);
  }
  out["average_change"] = change_json(d.average);
  return out;
}

// Without the models.
Json card_header(const CardResult& result) {
  Json out = eval_document(result.inputs);
  out.erase("model");  // of a single one, too
  return out;
}

}  // namespace

Json card_document(const CardResult& result) {
  Json out = card_header(result);
  Json& models = out["models"] = Json::array();
  for (std::size_t row = 0; row < result.rows.size(); ++row) {
    models.push_back(row_json(result, row));
  }
  Json& differences = out["differences"] = Json::array();
  for (const CardTable& of : result.tables) {
    for (const auto& pair : of.pairs) {
      differences.push_back(pair_json(result, of, pair));
    }
  }
  out["n_comparisons"] = result.comparison.n_comparisons;
  return out;
}

std::string card_csv(const CardResult& result) {
  const CsvFields header = csv_fields(card_header(result));
  std::vector<CsvFields> lines;
  for (std::size_t row = 0; row < result.rows.size(); ++row) {
    CsvFields& line = lines.emplace_back(header);
    for (auto& field : csv_fields(row_json(result, row))) line.push_back(std::move(field));
  }
  return csv_table(lines);
}

std::string render(const CardResult& result, const OutputForm& form) {
  if (form.json) return json_text(card_document(result));
  if (form.csv) return card_csv(result);
  return card_text(result, form.markdown);
}

}  // namespace lathe
