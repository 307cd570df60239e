// The tables of a card for people.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "runtime/identity/build_info.h"
#include "tools/report/card_report.h"
#include "tools/report/eval_document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

constexpr double kGiga = 1e9, kPercent = 100.0;

// A figure of a table: the value, and its error where it has one.
struct Cell {
  std::string value, error;
};

struct Row {
  const ModelInput& model;
  const CardModel& figures;
  bool is_base;
};

struct Column {
  std::string name;
  std::function<std::optional<Cell>(const Row&)> cell;
};

std::string in_form(const TextTable& table, bool markdown) {
  return markdown ? table.markdown() : table.aligned();
}

Cell estimate_cell(const Estimate& e, int digits, double scale = 1.0) {
  return {fmt::format("{:.{}f}", scale * e.value, digits),
          fmt::format("{:.{}f}", scale * e.error, digits)};
}

// A column of what a text showed from a base.
Column divergence_column(std::string name, std::function<Cell(const DivergenceResult&)> cell) {
  return {std::move(name), [cell](const Row& row) -> std::optional<Cell> {
            if (!row.figures.text || !row.figures.text->divergence) return std::nullopt;
            return cell(*row.figures.text->divergence);
          }};
}

std::vector<Column> size_columns() {
  const auto plain = [](std::string text) { return Cell{std::move(text), ""}; };
  return {{"GB",
           [plain](const Row& r) {
             return plain(fmt::format("{:.3f}", static_cast<double>(r.model.file_bytes) / kGiga));
           }},
          {"BPW", [plain](const Row& r) {
             return plain(fmt::format("{:.2f}", r.model.bits_per_weight));
           }}};
}

std::vector<Column> text_columns() {
  return {
      {"μPPL",
       [](const Row& r) -> std::optional<Cell> {
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
}

std::vector<Column> test_columns(const CardModel& shape) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < shape.tests.size(); ++i) {
    columns.push_back({std::string(task_title(shape.tests[i].kind)), [i](const Row& row) {
                         const Estimate& score = row.figures.tests[i].summary.all.score;
                         return std::optional(estimate_cell(score, 2, kPercent));
                       }});
  }
  columns.push_back({"Avg", [](const Row& r) -> std::optional<Cell> {
                       const auto average = card_average(r.figures);
                       if (!average) return std::nullopt;
                       return estimate_cell(*average, 2, kPercent);
                     }});
  return columns;
}

// Those that have a figure in some row.
std::vector<Column> measured_columns(const std::vector<Row>& rows) {
  std::vector<Column> columns = size_columns();
  for (auto& column : text_columns()) columns.push_back(std::move(column));
  for (auto& column : test_columns(rows.front().figures)) columns.push_back(std::move(column));
  std::erase_if(columns, [&](const Column& column) {
    return std::none_of(rows.begin(), rows.end(),
                        [&](const Row& row) { return column.cell(row).has_value(); });
  });
  return columns;
}

std::vector<Row> rows_of(const CardResult& result) {
  std::vector<Row> rows;
  for (std::size_t m = 0; m < result.rows.size(); ++m) {
    rows.push_back({result.inputs.models[m], result.rows[m], result.is_base(m)});
  }
  return rows;
}

std::string row_title(const Row& row) { return row.model.name + (row.is_base ? " (base)" : ""); }

void add_markdown_row(const Row& row, const std::vector<Column>& columns, TextTable& table) {
  std::vector<std::string> cells = {row_title(row)};
  for (const Column& column : columns) {
    const Cell cell = column.cell(row).value_or(Cell{});
    cells.push_back(cell.error.empty() ? cell.value : cell.value + " ± " + cell.error);
  }
  table.add_row(cells);
}

void add_text_rows(const Row& row, const std::vector<Column>& columns, TextTable& table) {
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

std::string model_table(const std::vector<Row>& rows, bool markdown) {
  const std::vector<Column> columns = measured_columns(rows);
  std::vector<std::string> header = {"model"};
  for (const Column& column : columns) header.push_back(column.name);
  TextTable table(header);
  for (const Row& row : rows) {
    markdown ? add_markdown_row(row, columns, table) : add_text_rows(row, columns, table);
  }
  return in_form(table, markdown);
}

std::string difference_cell(const std::optional<Difference>& d, int digits, double scale,
                            const char* unit) {
  if (!d) return "";
  // Without the mark as wide as with it, so that the digits of a column stand below each other.
  return fmt::format("{:+.{}f}{}{}", scale * d->value, digits, unit, d->noise() ? " ~" : "  ");
}

std::string difference_table(const std::vector<Row>& rows, const CardTable& of, bool markdown) {
  const Row& reference = rows[of.reference];
  std::vector<std::string> header = {"against " + reference.model.name, "size"};
  if (reference.figures.text) header.insert(header.end(), {"PPL", "KLD"});
  for (const CardTest& test : reference.figures.tests) header.emplace_back(task_title(test.kind));
  if (card_average(reference.figures)) header.emplace_back("Avg");
  TextTable table(header);
  for (const CardTable::Pair& pair : of.pairs) {
    const CardDifference& d = pair.change;
    std::vector<std::string> cells = {row_title(rows[pair.row]),
                                      fmt::format("{:+.1f} %", kPercent * pair.size_change)};
    if (reference.figures.text) {
      cells.push_back(difference_cell(d.ppl, 2, kPercent, " %"));
      cells.push_back(difference_cell(d.kld, 6, 1.0, ""));
    }
    for (const Difference& test : d.tests) {
      cells.push_back(difference_cell(test, 2, kPercent, ""));
    }
    cells.push_back(difference_cell(d.average, 2, kPercent, ""));
    table.add_row(cells);
  }
  return in_form(table, markdown);
}

std::string inputs_table(const EvalInputs& inputs, bool markdown) {
  TextTable table({"input", "hash", "used"});
  for (const ModelInput& model : inputs.models) {
    table.add_row({model.path, short_hash(model.fingerprint),
                   fmt::format("model {}, weights {}", model.name, short_hash(model.weights))});
  }
  if (inputs.base_file) {
    table.add_row({inputs.base_file->path, short_hash(inputs.base_file->content),
                   "base: " + inputs.base_file->description});
  }
  if (inputs.text) {
    table.add_row(
        {names_words(inputs.text->files), short_hash(inputs.text->sha256),
         fmt::format("{} chunks of {} tokens", inputs.text->n_chunks, inputs.text->n_ctx)});
  }
  for (const TestInput& test : inputs.tests) {
    table.add_row({fmt::format("{}: {}", task_title(test.kind), names_words(file_names(test))),
                   short_hash(test.sha256),
                   fmt::format("{} of {} tasks, seed {}", test.n_tasks, test.n_available,
                               inputs.seed.value_or(0))});
  }
  table.add_row(
      {"lathe " + std::string(build_version()), build_commit(),
       fmt::format("{} kernels, KV cache {} and {}, build {}{}", inputs.tier, inputs.k_type,
                   inputs.v_type, build_id(), inputs.compat ? ", --compat" : "")});
  return in_form(table, markdown);
}

}  // namespace

std::string card_text(const CardResult& result, bool markdown) {
  const std::vector<Row> rows = rows_of(result);
  std::string text = model_table(rows, markdown);
  for (const CardTable& of : result.tables) {
    text += "\n" + difference_table(rows, of, markdown);
  }
  if (!result.tables.empty()) text += "\n" + comparison_words(result.comparison);
  return text + "\n" + inputs_table(result.inputs, markdown);
}

}  // namespace lathe
