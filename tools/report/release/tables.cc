#include "tools/report/release/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lathe {
namespace {

constexpr double kPercent = 100.0;

ReportCell figure(const Estimate& e, int digits, double scale = 1.0) {
  return {fixed(scale * e.value, digits), fixed(scale * e.error, digits)};
}

std::string signed_percent(double change, int digits = 1) {
  if (!std::isfinite(change)) return "-";
  const double percent = kPercent * change;
  const bool nothing = fixed(std::abs(percent), digits) == fixed(0.0, digits);
  return nothing ? fixed(0.0, digits) + " %" : fmt::format("{:+.{}f} %", percent, digits);
}

double ratio(std::uint64_t bytes, std::uint64_t of) {
  return static_cast<double>(bytes) / static_cast<double>(of) - 1.0;
}

// The mark of a difference for which less is better (KLD, PPL) or more is (scores).
std::string mark_of(const std::optional<Difference>& d, bool less_is_better) {
  if (!d) return {};
  if (d->noise()) return kNoise;
  return (d->value < 0.0) == less_is_better ? kBetter : kWorse;
}

// Which marks a table has, for the notes below it.
struct Marks {
  bool naive = false, source = false;

  std::vector<std::string> notes() const {
    std::vector<std::string> out;
    if (naive) {
      out.push_back(
          fmt::format("{} {} better or worse than the plain recipe of about the same size "
                      "(naive), {} no difference beyond noise.",
                      kBetter, kWorse, kNoise));
    }
    if (source) out.push_back(fmt::format("{} differs from the source beyond noise.", kDiffers));
    return out;
  }
};

// The marks of one figure of a variant.
template <typename Pick>
std::string marks(const ReleaseResults& r, const ReleaseModel& model, bool less_is_better,
                  Marks& seen, Pick pick) {
  if (model.role != ReleaseRole::kVariant) return {};
  std::string out;
  if (const auto* d = r.difference(model.name, model.naive)) {
    out = mark_of(pick(*d), less_is_better);
    seen.naive |= !out.empty();
  }
  if (const auto* d = r.difference(model.name, r.models.front().name)) {
    const std::optional<Difference> change = pick(*d);
    if (change && !change->noise()) {
      out += kDiffers;
      seen.source = true;
    }
  }
  return out;
}

std::string row_name(const ReleaseModel& model) {
  if (model.role == ReleaseRole::kSource) return model.name + " (source)";
  return model.name;
}

ReportRow row_of(const ReleaseModel& model) { return {model.role, {{row_name(model)}}}; }

void put_size(const ReleaseModel& model, ReportRow& row) {
  row.cells.push_back({gigabytes(model.file.bytes)});
  row.cells.push_back({fixed(model.file.bits_per_weight, 2)});
}

// The texts that are too short to tell any difference from noise; empty for none.
std::string too_few_chunks(const ReleaseResults& r) {
  const std::size_t needed = chunks_needed(r.n_comparisons);
  std::string out;
  for (const ReleaseTextInput& text : r.texts) {
    if (text.n_chunks >= needed) continue;
    out += fmt::format(
        " The {} {} of {} cannot tell a difference from noise among so many: it takes {}.",
        text.n_chunks, text.n_chunks == 1 ? "chunk" : "chunks", text.name, needed);
  }
  return out;
}

}  // namespace

std::string gigabytes(std::uint64_t bytes) {
  const double gb = static_cast<double>(bytes) / 1e9;
  return fixed(gb, gb < 0.1 ? 5 : 3);
}

std::string fixed(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
}

std::vector<const ReleaseModel*> shown_models(const ReleaseResults& r) {
  std::vector<const ReleaseModel*> out;
  const auto add = [&out](const ReleaseModel* model) {
    if (std::find(out.begin(), out.end(), model) == out.end()) out.push_back(model);
  };
  for (const ReleaseModel& model : r.models) {
    if (model.role == ReleaseRole::kNaive) continue;
    add(&model);
    const ReleaseModel* naive = model.naive.empty() ? nullptr : r.find(model.naive);
    if (naive != nullptr && naive->role == ReleaseRole::kNaive) add(naive);
  }
  return out;
}

ReportTable size_table(const ReleaseResults& r) {
  const ReleaseModel& source = r.models.front();
  ReportTable table{"Sizes", {"model", "GB", "BPW", "of " + source.name}, {}, {}};
  const bool any = std::any_of(r.models.begin(), r.models.end(), [](const ReleaseModel& m) {
    return m.role == ReleaseRole::kVariant && m.recipe_bytes > 0;
  });
  if (any) table.header.insert(table.header.end(), {"recipe alone, GB", "shrinkage"});
  for (const ReleaseModel& model : r.models) {
    if (model.role == ReleaseRole::kNaive) continue;
    ReportRow row = row_of(model);
    put_size(model, row);
    row.cells.push_back(
        {fixed(kPercent * (1.0 + ratio(model.file.bytes, source.file.bytes)), 1) + " %"});
    if (any && model.recipe_bytes > 0) {
      row.cells.push_back({gigabytes(model.recipe_bytes)});
      row.cells.push_back({signed_percent(-ratio(model.file.bytes, model.recipe_bytes))});
    }
    row.cells.resize(table.header.size());
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back("GB of 10^9 bytes; BPW: bits per weight of the tensors.");
  if (any) {
    table.notes.push_back(
        "Shrinkage: against the file that the recipe of that name alone gives; negative is "
        "larger.");
  }
  return table;
}

ReportTable text_table(const ReleaseResults& r, std::size_t text) {
  ReportTable table{"Divergence on " + r.texts[text].name,
                    {"model", "GB", "BPW", "μPPL", "ρPPL %", "μKLD", "RMS Δp %"},
                    {},
                    {}};
  Marks seen;
  for (const ReleaseModel* model : shown_models(r)) {
    const TextFigures& figures = model->texts[text];
    ReportRow row = row_of(*model);
    put_size(*model, row);
    row.cells.push_back(figure(figures.ppl, 4));
    row.cells.back().mark =
        marks(r, *model, true, seen, [text](const auto& d) { return d.texts[text].ppl; });
    if (figures.divergence) {
      const DivergenceResult& d = *figures.divergence;
      row.cells.push_back({fixed(kPercent * d.ln_ppl_correlation, 2)});
      row.cells.push_back(figure(d.kld, 6));
      row.cells.back().mark =
          marks(r, *model, true, seen, [text](const auto& of) { return of.texts[text].kld; });
      row.cells.push_back(figure(d.rms_delta_p, 3, kPercent));
    }
    row.cells.resize(table.header.size());
    table.rows.push_back(std::move(row));
  }
  table.notes = seen.notes();
  const ReleaseTextInput& input = r.texts[text];
  table.notes.push_back(fmt::format(
      "Divergence from {}: {} chunks of {} tokens, {} tokens scored. ± is one standard error.",
      r.models.front().name, input.n_chunks, input.n_ctx, input.n_scored));
  return table;
}

ReportTable test_table(const ReleaseResults& r) {
  ReportTable table{"Tasks", {"model"}, {}, {}};
  for (const ReleaseTestInput& test : r.tests) table.header.emplace_back(task_title(test.kind));
  const bool average = r.models.front().average.has_value();
  if (average) table.header.emplace_back("average");
  Marks seen;
  for (const ReleaseModel* model : shown_models(r)) {
    ReportRow row = row_of(*model);
    for (std::size_t t = 0; t < r.tests.size(); ++t) {
      row.cells.push_back(figure(model->tests[t].score, 2, kPercent));
      row.cells.back().mark = marks(r, *model, false, seen,
                                    [t](const auto& d) { return std::optional(d.tests.tests[t]); });
    }
    if (average) {
      row.cells.push_back(model->average ? figure(*model->average, 2, kPercent) : ReportCell{"-"});
      row.cells.back().mark =
          marks(r, *model, false, seen, [](const auto& d) { return d.tests.average; });
    }
    table.rows.push_back(std::move(row));
  }
  ReportRow chance{ReleaseRole::kNaive, {{"guessing"}}};
  for (const TestFigures& test : r.models.front().tests) {
    chance.cells.push_back({fixed(kPercent * test.chance.value, 2)});
  }
  chance.cells.resize(table.header.size());
  table.rows.push_back(std::move(chance));
  table.notes = seen.notes();
  table.notes.push_back("Share of right answers in percent; ± is one standard error.");
  return table;
}

ReportTable speed_table(const ReleaseResults& r) {
  ReportTable table{"Speed", {"model", "GB"}, {}, {}};
  for (const SpeedFigure& s : r.models.front().speed) table.header.push_back(s.test + " t/s");
  for (const ReleaseModel& model : r.models) {
    if (model.role == ReleaseRole::kNaive) continue;
    ReportRow row = row_of(model);
    row.cells.push_back({gigabytes(model.file.bytes)});
    for (const SpeedFigure& s : model.speed) {
      // One repetition has no deviation.
      row.cells.push_back(
          {fixed(s.tokens_per_second, 2), s.deviation > 0.0 ? fixed(s.deviation, 2) : ""});
    }
    row.cells.resize(table.header.size());
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back(fmt::format(
      "Tokens per second of lathe on {}, {} kernels, {}; ± is the standard deviation of the "
      "repetitions.",
      r.cpu, r.tier,
      r.n_threads == 0 ? "a thread for each core"
                       : fmt::format("{} thread{}", r.n_threads, r.n_threads == 1 ? "" : "s")));
  return table;
}

std::string comparison_words(const ReleaseResults& r) {
  double worst = 0.0;
  for (const ReleaseModel& model : r.models) {
    const ReleaseModel* naive = model.naive.empty() ? nullptr : r.find(model.naive);
    if (naive == nullptr) continue;
    worst = std::max(worst, std::abs(ratio(naive->file.bytes, model.file.bytes)));
  }
  std::string out = fmt::format(
      "Models are compared pair by pair over the same chunks (exact sign-flip test) and tasks "
      "(McNemar's exact test); the family-wise error is 5 % over all {} comparisons of the release "
      "(Holm).",
      r.n_comparisons);
  if (worst > 0.0) {
    out += fmt::format(" Plain files beside variants differ from them in size by {:.1f} % at most.",
                       kPercent * worst);
  }
  return out + too_few_chunks(r);
}

ReportTable method_table(const ReleaseResults& r) {
  ReportTable table{"How each file was made", {"model", "recipe", "and"}, {}, {}};
  for (const ReleaseModel* model : shown_models(r)) {
    if (model->role == ReleaseRole::kSource) continue;
    ReportRow row = row_of(*model);
    row.cells.push_back({model->recipe.empty() ? "-" : model->recipe});
    row.cells.push_back({fmt::format("{}", fmt::join(model->made, ", "))});
    table.rows.push_back(std::move(row));
  }
  return table;
}

ReportTable hash_table(const ReleaseResults& r) {
  ReportTable table{"SHA-256", {"file", "SHA-256"}, {}, {}};
  for (const ReleaseModel& model : r.models) {
    if (model.role != ReleaseRole::kVariant) continue;
    table.rows.push_back({model.role, {{model.file.name}, {model.file.sha256}}});
  }
  if (!r.imatrix.name.empty()) {
    table.rows.push_back({ReleaseRole::kVariant, {{r.imatrix.name}, {r.imatrix.sha256}}});
  }
  return table;
}

std::vector<ReportTable> measured_tables(const ReleaseResults& r) {
  std::vector<ReportTable> out = {size_table(r)};
  for (std::size_t t = 0; t < r.texts.size(); ++t) out.push_back(text_table(r, t));
  if (!r.tests.empty()) out.push_back(test_table(r));
  if (!r.models.front().speed.empty()) out.push_back(speed_table(r));
  return out;
}

}  // namespace lathe
