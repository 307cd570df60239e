#include "tools/report/release/html_report.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/report/release/links.h"
#include "tools/report/release/report_charts.h"
#include "tools/report/release/svg.h"
#include "tools/report/release/tables.h"
#include "tools/report/units.h"

namespace lathe {
namespace {

const char* row_class(ReleaseRole role) {
  switch (role) {
    case ReleaseRole::kSource:
      return " class=\"source\"";
    case ReleaseRole::kNaive:
      return " class=\"naive\"";
    case ReleaseRole::kVariant:
      break;
  }
  return "";
}

std::string cell_html(const ReportCell& cell, bool code) {
  std::string out = html_text(cell.value);
  if (code && !out.empty()) out = "<code>" + out + "</code>";
  if (!cell.error.empty()) {
    out += fmt::format(" <span class=\"e\">± {}</span>", html_text(cell.error));
  }
  if (!cell.mark.empty()) out += fmt::format(" <span class=\"m\">{}</span>", html_text(cell.mark));
  return out;
}

enum class TableKind { kNumbers, kWords, kCode };

std::string table_html(const ReportTable& table, TableKind kind = TableKind::kNumbers) {
  std::string out = fmt::format("<div class=\"wide\"><table class=\"{}\">\n<thead><tr>",
                                kind == TableKind::kNumbers ? "numbers" : "words");
  for (const std::string& name : table.header) {
    out += fmt::format("<th scope=\"col\">{}</th>", html_text(name));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const ReportRow& row : table.rows) {
    out += fmt::format("<tr{}>", row_class(row.role));
    for (const ReportCell& cell : row.cells) {
      out += fmt::format("<td>{}</td>", cell_html(cell, kind == TableKind::kCode));
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  for (const std::string& note : table.notes) {
    out += fmt::format("<p class=\"soft\">{}</p>\n", html_text(note));
  }
  return out;
}

std::string figure_html(const std::string& svg, const std::string& caption) {
  if (svg.empty()) return {};
  return fmt::format("<figure><div>{}</div><figcaption>{}</figcaption></figure>\n", svg,
                     html_text(caption));
}

std::string figures_html(const std::vector<std::string>& charts, const std::string& caption) {
  if (charts.empty()) return {};
  std::string out = "<figure><div class=\"pair\">\n";
  for (const std::string& chart : charts) out += chart;
  return out + fmt::format("</div><figcaption>{}</figcaption></figure>\n", html_text(caption));
}

// Sections with a menu of them.
class Page {
 public:
  void section(const std::string& id, const std::string& title, const std::string& body) {
    if (body.empty()) return;
    menu_ += fmt::format("<a href=\"#{}\">{}</a>\n", id, html_text(title));
    body_ += fmt::format("<h2 id=\"{}\">{}</h2>\n{}", id, html_text(title), body);
  }
  std::string html() const { return "<nav>\n" + menu_ + "</nav>\n" + body_; }

 private:
  std::string menu_, body_;
};

// ---- the head of the page

std::string title_of(const ReleaseResults& r) {
  if (!r.card.title.empty()) return r.card.title;
  return r.source.name.empty() ? r.name : r.source.name;
}

std::string fact(const std::string& name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", html_text(name), html_text(value));
}

// The variants' divergence beside the plain files of their sizes: the geometric mean of the ratios.
std::string against_naive(const ReleaseResults& r) {
  double sum = 0.0;
  std::size_t n = 0;
  for (const ReleaseModel& model : r.models) {
    const ReleaseModel* naive = model.naive.empty() ? nullptr : r.find(model.naive);
    if (model.role != ReleaseRole::kVariant || naive == nullptr) continue;
    for (std::size_t t = 0; t < r.texts.size(); ++t) {
      const auto &a = model.texts[t].divergence, &b = naive->texts[t].divergence;
      if (!a || !b || !(a->kld.value > 0.0) || !(b->kld.value > 0.0)) continue;
      sum += std::log(a->kld.value / b->kld.value);
      ++n;
    }
  }
  return n == 0 ? "" : fmt::format("{:.2f} times", std::exp(sum / static_cast<double>(n)));
}

std::string facts(const ReleaseResults& r) {
  std::size_t n_variants = 0;
  for (const ReleaseModel& model : r.models) n_variants += model.role == ReleaseRole::kVariant;
  std::string out = "<dl class=\"facts\">\n";
  out += fact("variants", std::to_string(n_variants));
  out += fact("parameters", parameters_text(r.source.n_params));
  out +=
      fact("architecture", fmt::format("{}, {} layers", r.source.architecture, r.source.n_layer));
  out += fact("source", fmt::format("{}, {}", r.models.front().name,
                                    bytes_text(r.models.front().file.bytes)));
  if (const std::string words = against_naive(r); !words.empty()) {
    out += fact("KLD beside plain files of the same size", words);
  }
  return out + "</dl>\n";
}

std::string introduction(const ReleaseResults& r) {
  std::string out = fmt::format("<h1>{}</h1>\n", html_text(title_of(r)));
  if (!r.card.intro.empty()) out += fmt::format("<p>{}</p>\n", html_text(r.card.intro));
  const std::string address = model_address(r.card.base_model);
  if (!r.card.base_model.empty()) {
    const std::string name = html_text(r.card.base_model);
    out += fmt::format(
        "<p>Quantized from {}.</p>\n",
        address.empty() ? name : fmt::format("<a href=\"{}\">{}</a>", html_text(address), name));
  }
  return out + facts(r);
}

// ---- sections

std::string text_section(const ReleaseResults& r, std::size_t t) {
  return table_html(text_table(r, t)) +
         figure_html(divergence_over_size(r, t),
                     "Mean KL divergence from the source over size, both logarithmic: lower left "
                     "is better. Open circles are plain recipes of about the same size. Bars: one "
                     "standard error.") +
         figure_html(perplexity_over_size(r, t),
                     "Perplexity over size. Bars: one standard error of the ratio to the source, "
                     "whose perplexity is the dashed line.") +
         figure_html(divergence_percentiles(r, t),
                     "How the divergence is spread over tokens: most are far below the mean, few "
                     "far above.");
}

// The smallest file has most to show.
const ReleaseModel* smallest_variant(const ReleaseResults& r) {
  const ReleaseModel* out = nullptr;
  for (const ReleaseModel& model : r.models) {
    if (model.role != ReleaseRole::kVariant) continue;
    if (out == nullptr || model.file.bytes < out->file.bytes) out = &model;
  }
  return out;
}

std::string error_section(const ReleaseResults& r) {
  const ReleaseModel* const open = smallest_variant(r);
  std::string out;
  for (const ReleaseModel& model : r.models) {
    if (model.role != ReleaseRole::kVariant) continue;
    const std::string map = error_map(r, model);
    if (map.empty()) continue;
    out += fmt::format("<details{}><summary>{}</summary>{}</details>\n",
                       &model == open ? " open" : "", html_text(model.name), figure_html(map, ""));
  }
  if (out.empty()) return {};
  return "<p class=\"soft\">Root mean square of the error as a share of that of the weights, by "
         "tensor and layer; one scale of colours for all files. Column –: of the whole "
         "model.</p>\n" +
         out;
}

std::string layer_section(const ReleaseResults& r) {
  return figure_html(importance_map(r),
                     "Importance: mean square of the input channels of each tensor on the "
                     "calibration text, logarithmic colours.") +
         figure_html(influence_chart(r),
                     "Block influence of each layer, 1 - cosine of what enters and leaves it: low "
                     "values are candidates for pruning, divergence decides.");
}

std::string inputs_html(const std::vector<ReleaseInput>& inputs) {
  std::string out = "<ul>\n";
  for (const ReleaseInput& input : inputs) {
    out += fmt::format("<li>{} <code>{}</code></li>\n", html_text(input.name),
                       html_text(input.sha256));
  }
  return out + "</ul>\n";
}

std::string method_section(const ReleaseResults& r) {
  std::string out;
  if (!r.imatrix.name.empty()) {
    out += fmt::format("<p>Importance matrix of {} chunks of {} tokens:</p>\n",
                       r.calibration_n_chunks, r.calibration_n_ctx);
    out += inputs_html(r.calibration.empty()
                           ? std::vector<ReleaseInput>{{r.imatrix.name, r.imatrix.sha256}}
                           : r.calibration);
  }
  std::vector<ReleaseInput> measured;
  for (const ReleaseTextInput& text : r.texts) {
    measured.push_back({files_words(text.files), text.sha256});
  }
  for (const ReleaseTestInput& test : r.tests) {
    measured.push_back(
        {fmt::format("{}: {} of {} tasks, seed {}, {}", task_title(test.kind), test.n_tasks,
                     test.n_available, test.seed, files_words(test.files)),
         test.sha256});
  }
  if (!measured.empty()) out += "<p>Measured on:</p>\n" + inputs_html(measured);
  if (r.n_comparisons > 0) out += fmt::format("<p>{}</p>\n", html_text(comparison_words(r)));
  out += table_html(method_table(r), TableKind::kWords);
  return out + "<h3>Files</h3>\n" + table_html(hash_table(r), TableKind::kCode);
}

std::string footer(const ReleaseResults& r) {
  return fmt::format(
      "<footer>Made by lathe {} (commit {}, build {}), {} kernels on {}. All figures "
      "are in results.json; <code>lathe report results.json</code> makes this page "
      "again.</footer>\n",
      html_text(r.lathe.version), html_text(r.lathe.commit), html_text(r.lathe.build),
      html_text(r.tier), html_text(r.cpu));
}

}  // namespace

std::string html_report(const ReleaseResults& r) {
  Page page;
  page.section("sizes", "Sizes", table_html(size_table(r)));
  for (std::size_t t = 0; t < r.texts.size(); ++t) {
    page.section(fmt::format("text-{}", t + 1), "Divergence on " + r.texts[t].name,
                 text_section(r, t));
  }
  if (!r.tests.empty()) {
    page.section("tasks", "Tasks",
                 table_html(test_table(r)) +
                     figures_html(task_charts(r), "Dashed: the source. Dotted: guessing."));
  }
  if (!r.models.front().speed.empty()) {
    page.section("speed", "Speed",
                 table_html(speed_table(r)) +
                     figures_html(speed_charts(r), "Lines: one standard deviation."));
  }
  page.section("errors", "Error by tensor", error_section(r));
  page.section("layers", "Layers", layer_section(r));
  page.section("method", "Method", method_section(r));
  return fmt::format(
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{}\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
             "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
             "<title>{}</title>\n<style>\n",
             kReportMarker, html_text(title_of(r))) +
         std::string(kReportStyle) + "</style>\n</head>\n<body>\n<main>\n" + introduction(r) +
         page.html() + footer(r) + "</main>\n<script>\n" + std::string(kReportScript) +
         "</script>\n</body>\n</html>\n";
}

}  // namespace lathe
