#include "tools/report/release/model_card.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/report/release/links.h"
#include "tools/report/release/tables.h"
#include "tools/report/units.h"

namespace lathe {
namespace {

// ---- front matter

void put_key(std::string& out, const char* key, const std::string& text) {
  if (!text.empty()) out += fmt::format("{}: {}\n", key, yaml_text(text));
}

void put_list(std::string& out, const char* key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out += fmt::format("{}:\n", key);
  for (const std::string& text : texts) out += fmt::format("- {}\n", yaml_text(text));
}

std::string front_matter(const ReleaseCard& card) {
  std::string out = "---\n";
  put_key(out, "license", card.license);
  if (!card.base_model.empty()) put_list(out, "base_model", {card.base_model});
  if (!card.base_model.empty()) put_key(out, "base_model_relation", "quantized");
  put_list(out, "language", card.language);
  put_key(out, "pipeline_tag", card.pipeline_tag);
  put_key(out, "quantized_by", card.quantized_by);
  put_list(out, "tags", card.tags);
  return out + "---\n";
}

// ---- tables

std::string in_table(std::string text) {
  std::string out;
  for (const char c : text) {
    // In a table a bar ends the cell, also within code.
    if (c == '|' && (out.empty() || out.back() != '\\')) out += '\\';
    out += c;
  }
  return out;
}

std::string cell_text(const ReportCell& cell) {
  std::string out = markdown_text(cell.value);
  if (!cell.error.empty()) out += " ± " + cell.error;
  if (!cell.mark.empty()) out += fmt::format(" {}", cell.mark == kNoise ? "\\~" : cell.mark);
  return in_table(std::move(out));
}

std::string line_of(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

// The first column is of names; `numeric`: the others are of numbers.
std::string markdown(const ReportTable& table, bool numeric = true) {
  std::vector<std::string> header, rule;
  for (const std::string& name : table.header) {
    header.push_back(in_table(markdown_text(name)));
    rule.push_back(rule.empty() || !numeric ? ":--" : "--:");
  }
  std::string out = line_of(header) + line_of(rule);
  for (const ReportRow& row : table.rows) {
    std::vector<std::string> cells;
    for (const ReportCell& cell : row.cells) cells.push_back(cell_text(cell));
    if (row.role == ReleaseRole::kNaive) cells.front() = "*" + cells.front() + "*";
    out += line_of(cells);
  }
  return out;
}

std::string section(const ReportTable& table, bool numeric = true) {
  std::string out =
      fmt::format("## {}\n\n{}", markdown_text(table.title), markdown(table, numeric));
  for (const std::string& note : table.notes) out += fmt::format("\n{}\n", markdown_text(note));
  return out + "\n";
}

// ---- words

std::string title_of(const ReleaseResults& r) {
  if (!r.card.title.empty()) return r.card.title;
  return (r.source.name.empty() ? r.name : r.source.name) + " GGUF";
}

std::size_t count(const ReleaseResults& r, ReleaseRole role) {
  return static_cast<std::size_t>(std::count_if(
      r.models.begin(), r.models.end(), [role](const ReleaseModel& m) { return m.role == role; }));
}

std::string base_link(const ReleaseResults& r) {
  const std::string address = model_address(r.card.base_model);
  if (address.empty()) return markdown_text(r.source.name.empty() ? r.name : r.source.name);
  return fmt::format("[{}]({})", markdown_text(r.card.base_model), address);
}

std::string introduction(const ReleaseResults& r) {
  std::string out = fmt::format("# {}\n\n", markdown_text(title_of(r)));
  if (!r.card.intro.empty()) out += r.card.intro + "\n\n";
  const std::size_t n = count(r, ReleaseRole::kVariant);
  out += fmt::format(
      "{} {} of {} ({}, {} parameters) in GGUF, for lathe, llama.cpp and "
      "everything that reads such files.\n",
      n, n == 1 ? "quantization" : "quantizations", base_link(r),
      markdown_text(r.source.architecture), parameters_text(r.source.n_params));
  if (!r.texts.empty()) {
    out +=
        fmt::format("Divergences are from {} ({}, fingerprint `{:.16}`).\n",
                    markdown_text(r.models.front().name), markdown_code(r.models.front().file.name),
                    r.models.front().file.fingerprint);
  }
  if (count(r, ReleaseRole::kNaive) > 0) {
    out +=
        "Rows in italics (naive) are plain recipe files of about the same size, for comparison "
        "only: "
        "they are not part of the release.\n";
  }
  return out + "Charts are in `report.html`, all figures in `results.json`.\n\n";
}

// The one that most people take, or the first.
const ReleaseModel* example_model(const ReleaseResults& r) {
  const ReleaseModel* out = nullptr;
  for (const ReleaseModel& model : r.models) {
    if (model.role != ReleaseRole::kVariant) continue;
    if (out == nullptr || model.name == "Q4_K_M") out = &model;
  }
  return out;
}

std::string how_to_run(const ReleaseResults& r) {
  const ReleaseModel* const example = example_model(r);
  if (example == nullptr) return {};
  const std::string file = shell_text(example->file.name);
  std::string out = "## How to run\n\n```\n";
  if (!r.card.repository.empty()) {
    out += fmt::format("hf download {} {} --local-dir .\n", shell_text(r.card.repository), file);
  }
  const char* const chat = r.source.has_chat_template ? " -cnv" : " -p \"Once upon a time\"";
  out += fmt::format("llama-cli -m {}{}\n", file, chat);
  return out + fmt::format("lathe run -m {} -p \"Once upon a time\"\n```\n\n", file);
}

std::string input_lines(const std::vector<ReleaseInput>& inputs) {
  std::string out;
  for (const ReleaseInput& input : inputs) {
    out += fmt::format("- {}, sha256 `{}`\n", markdown_code(input.name), input.sha256);
  }
  return out;
}

std::string calibration_words(const ReleaseResults& r) {
  if (r.imatrix.name.empty()) return "Nothing was calibrated: no importance matrix.\n\n";
  std::string out = fmt::format("Importance matrix: {} chunks of {} tokens", r.calibration_n_chunks,
                                r.calibration_n_ctx);
  if (r.calibration.empty()) return out + fmt::format(" ({}).\n\n", markdown_code(r.imatrix.name));
  return out + fmt::format(" of\n\n{}\n", input_lines(r.calibration));
}

std::string evaluation_words(const ReleaseResults& r) {
  std::vector<ReleaseInput> inputs;
  for (const ReleaseTextInput& text : r.texts) {
    inputs.push_back({fmt::format("{}", fmt::join(text.files, ", ")), text.sha256});
  }
  std::string out;
  if (!inputs.empty()) out += fmt::format("Measured on\n\n{}\n", input_lines(inputs));
  for (const ReleaseTestInput& test : r.tests) {
    out += fmt::format("- {}: {} of {} tasks, seed {}, {}, sha256 `{}`\n", task_title(test.kind),
                       test.n_tasks, test.n_available, test.seed,
                       markdown_code(files_words(test.files)), test.sha256);
  }
  return r.tests.empty() ? out : out + "\n";
}

std::string method(const ReleaseResults& r) {
  const std::string compared =
      r.n_comparisons == 0 ? "" : markdown_text(comparison_words(r)) + "\n\n";
  return "## Method\n\n" + calibration_words(r) + evaluation_words(r) + compared +
         fmt::format(
             "Made and measured by lathe {} (commit {}, build {}), {} kernels. Files with "
             "the same inputs come out with the same bytes.\n\n",
             markdown_text(r.lathe.version), markdown_text(r.lathe.commit),
             markdown_text(r.lathe.build), markdown_text(r.tier)) +
         "#" + section(method_table(r), false);
}

}  // namespace

std::string model_card(const ReleaseResults& r) {
  std::string out = front_matter(r.card) + std::string(kCardMarker) + "\n\n" + introduction(r);
  for (const ReportTable& table : measured_tables(r)) out += section(table);
  out += how_to_run(r) + method(r) + section(hash_table(r), false);
  return out.substr(0, out.find_last_not_of('\n') + 1) + "\n";
}

}  // namespace lathe
