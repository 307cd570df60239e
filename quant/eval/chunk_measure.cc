#include "quant/eval/chunk_measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "quant/eval/chunk_texts.h"
#include "quant/eval/non_finite.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

class Measurement {
 public:
  Measurement(const EvalContext& context, const TextChunks& text, const RowMeasure& row,
              ChunkRecords& records, const ChunkProgress& progress)
      : context_(context),
        text_(text),
        row_(row),
        records_(records),
        progress_(progress),
        first_chunk_(records.size()),
        texts_(text, first_chunk_, text.first_scored()),
        watches_(context.runner.models().size(), FiniteWatch(context.pool)) {}

  void run() {
    std::vector<Observer*> observers;
    for (FiniteWatch& watch : watches_) observers.push_back(&watch);
    pending_.resize(texts_.texts().size());
    context_.runner.run(
        texts_.texts(),
        {.logits = [this](std::size_t t, std::size_t first,
                          auto by_model) { take(t, first, by_model); },
         .done =
             [this](std::size_t n) {
               while (records_.size() < first_chunk_ + n) {
                 records_.push_back(std::move(pending_[records_.size() - first_chunk_]));
               }
             },
         .progress = [this](double fraction,
                            std::string_view step) { return go_on(fraction, step); },
         .within_text = [this](double fraction) { return go_on(fraction, ""); },
         .observers = observers});
  }

 private:
  bool go_on(double fraction, std::string_view step) {
    check_hidden_states();
    return !progress_ || progress_(records_, share(fraction), step);
  }

  // Of all chunks, those of an earlier run included.
  double share(double fraction) const noexcept {
    const double before = static_cast<double>(first_chunk_),
                 all = static_cast<double>(text_.n_chunks());
    return (before + fraction * (all - before)) / all;
  }

  void take(std::size_t t, std::size_t first_row,
            std::span<const MatrixView<const float>> by_model) {
    check_hidden_states();
    const std::size_t chunk = first_chunk_ + t, n_rows = by_model[0].rows;
    const std::span<const Token> tokens = text_.chunk(chunk);
    if (row_.prepare) row_.prepare(chunk);
    std::vector<double>& out = pending_[t];
    out.resize((first_row + n_rows) * row_.width);
    context_.pool.for_each(n_rows, [&](std::size_t r, int) noexcept {
      std::vector<const float*> logits(by_model.size());
      for (std::size_t m = 0; m < logits.size(); ++m) logits[m] = by_model[m].row(r);
      const std::size_t row = first_row + r;
      row_.measure({chunk, row, logits, by_model[0].cols, tokens[text_.first_scored() + row + 1]},
                   out.data() + row * row_.width);
    });
    const auto begin = out.begin() + static_cast<std::ptrdiff_t>(first_row * row_.width);
    const auto bad = std::find_if(begin, out.end(), [](double v) { return !std::isfinite(v); });
    if (bad != out.end()) {
      refuse(t, text_.first_scored() + static_cast<std::size_t>(bad - out.begin()) / row_.width,
             by_model, static_cast<std::size_t>(bad - begin) / row_.width);
    }
    if (row_.on_logits) row_.on_logits(by_model[0]);
  }

  [[noreturn]] void refuse(std::size_t t, std::size_t pos,
                           std::span<const MatrixView<const float>> by_model,
                           std::size_t row) const {
    for (std::size_t m = 0; m < by_model.size(); ++m) {
      const float* logits = by_model[m].row(row);
      if (std::all_of(logits, logits + by_model[m].cols,
                      [](float v) { return std::isfinite(v); })) {
        continue;
      }
      throw failed(fmt::format("chunk {}, position {}: the output of {} is not finite; {}",
                               first_chunk_ + t + 1, pos, name_of(m), explain(m, t)));
    }
    throw failed(fmt::format("chunk {}, position {}: what was measured is not finite",
                             first_chunk_ + t + 1, pos));
  }

  void check_hidden_states() const {
    for (std::size_t m = 0; m < watches_.size(); ++m) {
      if (!watches_[m].first()) continue;
      const std::size_t t = *watches_[m].first();
      throw failed(fmt::format("chunk {}: activations of {} are not finite; {}",
                               first_chunk_ + t + 1, name_of(m), explain(m, t)));
    }
  }

  std::string explain(std::size_t m, std::size_t t) const {
    return locate_non_finite(context_, m, texts_.texts()[t]);
  }
  std::string name_of(std::size_t m) const {
    const std::string& name = context_.runner.models()[m].name;
    return name.empty() ? "the model" : name;
  }

  const EvalContext& context_;
  const TextChunks& text_;
  const RowMeasure& row_;
  ChunkRecords& records_;
  const ChunkProgress& progress_;
  const std::size_t first_chunk_;
  const ChunkTexts texts_;
  std::vector<FiniteWatch> watches_;  // by model
  ChunkRecords pending_;              // of chunks that are on their way
};

}  // namespace

void measure_chunks(const EvalContext& context, const TextChunks& text, const RowMeasure& row,
                    ChunkRecords& records, const ChunkProgress& progress) {
  check_record_sizes(records, [&](std::size_t) { return text.n_scored() * row.width; });
  if (records.size() >= text.n_chunks()) return;
  Measurement(context, text, row, records, progress).run();
}

}  // namespace lathe
