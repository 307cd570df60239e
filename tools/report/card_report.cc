#include "tools/report/card_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/gguf/size_summary.h"
#include "tools/report/eval_output.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kGiga = 1e9, kPercent = 100.0;

// A figure of a table: the value, and its error where it has one.
struct Cell {
  std::string value, error;
};

struct Column {
  std::string name;
  std::function<std::optional<Cell>(const CardRow&)> cell;
};

double gigabytes(const CardRow& row) {
  return static_cast<double>(row.file->total_file_bytes()) / kGiga;
}

double bits_per_weight(const CardRow& row) {
  return summarize_sizes(row.file->tensors()).total.bits_per_weight();
}

Cell estimate_cell(const Estimate& e, int digits, double scale = 1.0) {
  return {fmt::format("{:.{}f}", scale * e.value, digits),
          fmt::format("{:.{}f}", scale * e.error, digits)};
}

// A column of what a text showed from a base.
Column divergence_column(std::string name, std::function<Cell(const DivergenceResult&)> cell) {
  return {std::move(name), [cell](const CardRow& row) -> std::optional<Cell> {
            if (!row.figures.text || !row.figures.text->divergence) return std::nullopt;
            return cell(*row.figures.text->divergence);
          }};
}

Column test_column(TaskKind kind, std::size_t at) {
  return {
      std::string(task_title(kind)), [at](const CardRow& row) {
        return std::optional(estimate_cell(row.figures.tests[at].summary.all.score, 2, kPercent));
      }};
}

std::vector<Column> all_columns(const CardModel& shape) {
  std::vector<Column> columns = {
      {"GB",
       [](const CardRow& r) {
         return Cell{fmt::format("{:.3f}", gigabytes(r)), ""};
       }},
      {"BPW",
       [](const CardRow& r) {
         return Cell{fmt::format("{:.2f}", bits_per_weight(r)), ""};
       }},
      {"μPPL",
       [](const CardRow& r) -> std::optional<Cell> {
         if (!r.figures.text) return std::nullopt;
         return estimate_cell(r.figures.text->ppl, 4);
       }},
      divergence_column("ρPPL %",
                        [](const DivergenceResult& d) {
                          return Cell{fmt::format("{:.2f}", kPercent * d.ln_ppl_correlation), ""};
                        }),
      divergence_column("μKLD", [](const DivergenceResult& d) { return estimate_cell(d.kld, 6); }),
      divergence_column("RMS Δp %", [](const DivergenceResult& d) {
        return estimate_cell(d.rms_delta_p, 3, kPercent);
      })};
  for (std::size_t i = 0; i < shape.tests.size(); ++i) {
    columns.push_back(test_column(shape.tests[i].kind, i));
  }
  columns.push_back({"Avg", [](const CardRow& r) -> std::optional<Cell> {
                       const auto average = card_average(r.figures);
                       if (!average) return std::nullopt;
                       return estimate_cell(*average, 2, kPercent);
                     }});
  return columns;
}

// Those that have a figure in some row.
std::vector<Column> measured_columns(std::span<const CardRow> rows) {
  std::vector<Column> columns = all_columns(rows.front().figures);
  std::erase_if(columns, [&](const Column& column) {
    return std::none_of(rows.begin(), rows.end(),
                        [&](const CardRow& row) { return column.cell(row).has_value(); });
  });
  return columns;
}

std::string row_title(const CardRow& row) {
  return card_name(row) + (row.is_base ? " (base)" : "");
}

void add_markdown_row(const CardRow& row, const std::vector<Column>& columns, TextTable& table) {
  std::vector<std::string> cells = {row_title(row)};
  for (const Column& column : columns) {
    const Cell cell = column.cell(row).value_or(Cell{});
    cells.push_back(cell.error.empty() ? cell.value : cell.value + " ± " + cell.error);
  }
  table.add_row(cells);
}

void add_text_rows(const CardRow& row, const std::vector<Column>& columns, TextTable& table) {
  std::vector<std::string> values = {row_title(row)}, errors = {"  ±"};
  for (const Column& column : columns) {
    const Cell cell = column.cell(row).value_or(Cell{});
    values.push_back(cell.value);
    errors.push_back(cell.error);
  }
  table.add_row(values);
  if (std::any_of(errors.begin() + 1, errors.end(), [](const auto& e) { return !e.empty(); })) {
    table.add_row(errors);
  }
}

std::string difference_cell(const std::optional<Difference>& d, int digits, double scale,
                            const char* unit) {
  if (!d) return "";
  // Without the mark as wide as with it, so that the digits of a column stand below each other.
  return fmt::format("{:+.{}f}{}{}", scale * d->value, digits, unit, d->noise() ? " ~" : "  ");
}

double size_ratio(const CardRow& reference, const CardRow& row) {
  return static_cast<double>(row.file->total_file_bytes()) /
             static_cast<double>(reference.file->total_file_bytes()) -
         1.0;
}

Json difference_to_json(const std::optional<Difference>& d) {
  if (!d) return nullptr;
  Json out = {{"difference", d->value},
              {"low", d->interval ? Json(d->interval->low) : Json(nullptr)},
              {"high", d->interval ? Json(d->interval->high) : Json(nullptr)},
              {"p", d->p},
              {"p_adjusted", d->p_adjusted},
              {"noise", d->noise()}};
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

void put_text(Json& out, const std::optional<CardText>& text) {
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

}  // namespace

std::string card_name(const CardRow& row) {
  const std::filesystem::path path(row.file->path());
  return (path.extension() == ".gguf" ? path.stem() : path.filename()).string();
}

std::string card_table(std::span<const CardRow> rows, bool markdown) {
  const std::vector<Column> columns = measured_columns(rows);
  std::vector<std::string> header = {"model"};
  for (const Column& column : columns) header.push_back(column.name);
  TextTable table(header);
  for (const CardRow& row : rows) {
    markdown ? add_markdown_row(row, columns, table) : add_text_rows(row, columns, table);
  }
  return markdown ? table.markdown() : table.aligned();
}

std::string difference_table(std::span<const CardRow> rows, std::size_t reference,
                             std::span<const CardDifference> differences, bool markdown) {
  const CardModel& shape = rows[reference].figures;
  std::vector<std::string> header = {"against " + card_name(rows[reference]), "size"};
  if (shape.text) header.insert(header.end(), {"PPL", "KLD"});
  for (const CardTest& test : shape.tests) header.emplace_back(task_title(test.kind));
  if (card_average(shape)) header.emplace_back("Avg");
  TextTable table(header);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == reference) continue;
    const CardDifference& d = differences[i < reference ? i : i - 1];
    std::vector<std::string> cells = {
        row_title(rows[i]),
        fmt::format("{:+.1f} %", kPercent * size_ratio(rows[reference], rows[i]))};
    if (shape.text) {
      cells.push_back(difference_cell(d.ppl, 2, kPercent, " %"));
      cells.push_back(difference_cell(d.kld, 6, 1.0, ""));
    }
    for (const Difference& test : d.tests) {
      cells.push_back(difference_cell(test, 2, kPercent, ""));
    }
    cells.push_back(difference_cell(d.average, 2, kPercent, ""));
    table.add_row(cells);
  }
  return markdown ? table.markdown() : table.aligned();
}

Json card_json(std::span<const CardRow> rows) {
  Json out = Json::array();
  for (const CardRow& row : rows) {
    Json& model = out.emplace_back(Json::object());
    model["model"] = model_json(*row.file);
    model["is_base"] = row.is_base;
    put_text(model, row.figures.text);
    for (const CardTest& test : row.figures.tests) {
      put(model, std::string(task_name(test.kind)), test.summary.all.score);
    }
    put_or_null(model, "average", card_average(row.figures));
  }
  return out;
}

Json difference_json(std::span<const CardRow> rows, std::size_t reference,
                     std::span<const CardDifference> differences) {
  Json out = Json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == reference) continue;
    const CardDifference& d = differences[i < reference ? i : i - 1];
    Json& pair = out.emplace_back(Json::object());
    pair["model"] = rows[i].file->path();
    pair["against"] = rows[reference].file->path();
    pair["size"] = size_ratio(rows[reference], rows[i]);
    pair["ppl_ratio"] = difference_to_json(d.ppl);
    pair["kld"] = difference_to_json(d.kld);
    for (std::size_t t = 0; t < d.tests.size(); ++t) {
      pair[std::string(task_name(rows[i].figures.tests[t].kind))] = difference_to_json(d.tests[t]);
    }
    pair["average"] = difference_to_json(d.average);
  }
  return out;
}

}  // namespace lathe
