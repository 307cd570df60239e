#include "quant/eval/tasks/measure_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "quant/eval/non_finite.h"
#include "quant/eval/tasks/pack.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

// Long enough that batches are full, short enough that a cache for it costs little.
constexpr std::size_t kPackedCells = 2048;

std::size_t width_of_record(const TaskTokens& tokens) noexcept {
  return record_width(tokens.n_choices, tokens.answers.size() - tokens.n_choices);
}

class Measurement {
 public:
  Measurement(const EvalContext& context, const PreparedTasks& tasks, UnitRecords& records,
              const TaskProgress& progress)
      : context_(context),
        tasks_(tasks),
        records_(records),
        progress_(progress),
        n_models_(context.runner.models().size()),
        first_task_(records.size()),
        packed_(pack_tasks(std::span(tasks.tokens).subspan(first_task_), context.runner.n_cells())),
        watches_(n_models_, FiniteWatch(context.pool)) {
    for (const PackedText& p : packed_) texts_.push_back(p.items);
    values_.resize(packed_.size());
    pending_.resize(tasks.tasks.size() - first_task_);
    missing_.resize(pending_.size());
    for (std::size_t t = 0; t < pending_.size(); ++t) start(t);
  }

  void run() {
    std::vector<Observer*> observers;
    for (FiniteWatch& watch : watches_) observers.push_back(&watch);
    context_.runner.run(
        texts_, {.logits = [this](std::size_t text, std::size_t first_row,
                                  auto by_model) { take(text, first_row, by_model); },
                 .done = [this](std::size_t n) { finish_texts(n); },
                 .progress = [this](double fraction,
                                    std::string_view step) { return go_on(fraction, step); },
                 .within_text = [this](double fraction) { return go_on(fraction, ""); },
                 .observers = observers});
  }

 private:
  const TaskTokens& tokens_of(std::size_t t) const { return tasks_.tokens[first_task_ + t]; }
  bool go_on(double fraction, std::string_view step) {
    check_hidden_states();
    return !progress_ || progress_(records_, share(fraction), step);
  }

  const Task& task_at(std::size_t t) const { return tasks_.tasks[first_task_ + t]; }

  std::size_t width_of(std::size_t t) const { return width_of_record(tokens_of(t)); }

  void start(std::size_t t) {
    pending_[t].resize(n_models_ * width_of(t));
    missing_[t] = tokens_of(t).answers.size();
  }

  // Of all tasks, those of an earlier run included.
  double share(double fraction) const noexcept {
    const double before = static_cast<double>(first_task_),
                 all = static_cast<double>(tasks_.tasks.size());
    return (before + fraction * (all - before)) / all;
  }

  void take(std::size_t text, std::size_t first_row,
            std::span<const MatrixView<const float>> by_model) {
    check_hidden_states();
    const PackedText& packed = packed_[text];
    std::vector<double>& values = values_[text];  // [n_models, n_values]
    const std::size_t n_values = packed.targets.size();
    values.resize(n_models_ * n_values);
    for (std::size_t m = 0; m < n_models_; ++m) {
      const MatrixView<const float> logits = by_model[m];
      context_.pool.for_each(logits.rows, [&](std::size_t r, int) noexcept {
        score_row(logits.row(r), logits.cols, packed, first_row + r, values.data() + m * n_values);
      });
      const std::size_t begin = packed.first_value[first_row],
                        end = packed.first_value[first_row + logits.rows];
      for (std::size_t v = begin; v < end; ++v) {
        if (!std::isfinite(values[m * n_values + v])) refuse(text, m, "the output");
      }
    }
  }

  // The logarithm of the row's sum of exponentials once, for all tokens that may follow.
  void score_row(const float* logits, std::size_t n_vocab, const PackedText& packed,
                 std::size_t row, double* values) const noexcept {
    float max = 0.0f;
    double sum = 0.0;
    context_.kernels.log_sum_exp(logits, n_vocab, &max, &sum);
    const double log_sum = std::log(sum) + static_cast<double>(max);
    for (std::size_t v = packed.first_value[row]; v < packed.first_value[row + 1]; ++v) {
      values[v] = static_cast<double>(logits[packed.targets[v]]) - log_sum;
    }
  }

  // Texts are done in order, and their tasks with them.
  void finish_texts(std::size_t n) {
    for (; n_texts_done_ < n; ++n_texts_done_) {
      const PackedText& packed = packed_[n_texts_done_];
      for (const PackedAnswer& answer : packed.answers) score(packed, answer);
      values_[n_texts_done_] = {};
    }
    for (std::size_t t = records_.size() - first_task_; t < pending_.size() && missing_[t] == 0;
         ++t) {
      records_.push_back(std::move(pending_[t]));
    }
  }

  void score(const PackedText& packed, const PackedAnswer& answer) {
    const TaskTokens& tokens = tokens_of(answer.task);
    const std::size_t n_values = packed.targets.size();
    std::vector<double> ln_p(answer.values.size());
    for (std::size_t m = 0; m < n_models_; ++m) {
      const double* const values = values_[n_texts_done_].data() + m * n_values;
      std::transform(answer.values.begin(), answer.values.end(), ln_p.begin(),
                     [&](std::uint32_t v) { return values[v]; });
      std::optional<double> first;
      if (answer.first_scored != PackedAnswer::kNoValue) first = values[answer.first_scored];
      const AnswerScore s = score_answer(tokens.answers[answer.answer], ln_p, first);
      double* const out = pending_[answer.task].data() + m * width_of(answer.task);
      if (answer.answer < tokens.n_choices) {
        out[2 * answer.answer] = s.mean;
        out[2 * answer.answer + 1] = s.sum;
      } else {
        out[tokens.n_choices + answer.answer] = s.sum;
      }
    }
    --missing_[answer.task];
  }

  void check_hidden_states() const {
    for (std::size_t m = 0; m < n_models_; ++m) {
      if (watches_[m].first()) refuse(*watches_[m].first(), m, "an activation");
    }
  }

  [[noreturn]] void refuse(std::size_t text, std::size_t m, const char* what) const {
    const std::vector<PackedAnswer>& answers = packed_[text].answers;
    const std::string& name = context_.runner.models()[m].name;
    throw failed(fmt::format(
        "tasks {} to {} ({}): {} of {} is not finite; {}", first_task_ + answers.front().task + 1,
        first_task_ + answers.back().task + 1, task_at(answers.front().task).where, what,
        name.empty() ? "the model" : name, locate_non_finite(context_, m, texts_[text])));
  }

  const EvalContext& context_;
  const PreparedTasks& tasks_;
  UnitRecords& records_;
  const TaskProgress& progress_;
  const std::size_t n_models_, first_task_;
  const std::vector<PackedText> packed_;  // of the tasks from first_task_ on
  std::vector<RunText> texts_;
  std::vector<std::vector<double>> values_;  // by text
  UnitRecords pending_;                      // by task from first_task_ on
  std::vector<std::size_t> missing_;         // answers of each that are not scored yet
  std::vector<FiniteWatch> watches_;         // by model
  std::size_t n_texts_done_ = 0;
};

}  // namespace

PreparedTasks prepare_tasks(TaskKind kind, std::span<const Task> all,
                            std::span<const std::size_t> selected, const Tokenizer& tokenizer,
                            bool compat) {
  PreparedTasks out{kind, {}, {}};
  for (const std::size_t i : selected) {
    out.tasks.push_back(all[i]);
    out.tokens.push_back(tokenize_task(kind, all[i], tokenizer, compat));
  }
  return out;
}

std::size_t count_tokens(const PreparedTasks& tasks) {
  std::size_t n = 0;
  for (const TaskTokens& task : tasks.tokens) n += packed_items(task);
  return n;
}

std::size_t task_cells(const PreparedTasks& tasks, std::size_t n_ctx) {
  const std::size_t needed = min_cells(tasks.tokens);
  if (n_ctx == 0) return std::max(kPackedCells, needed);
  if (n_ctx < needed) pack_tasks(tasks.tokens, n_ctx);  // says why not
  return n_ctx;
}

void measure_tasks(const EvalContext& context, const PreparedTasks& tasks, UnitRecords& records,
                   const TaskProgress& progress) {
  check_record_sizes(records, [&](std::size_t t) {
    return t < tasks.tokens.size()
               ? context.runner.models().size() * width_of_record(tasks.tokens[t])
               : 0;
  });
  if (records.size() >= tasks.tasks.size()) return;
  Measurement(context, tasks, records, progress).run();
}

std::span<const double> record_of_model(const PreparedTasks& tasks, std::size_t task,
                                        const UnitRecords& records, std::size_t m) {
  const std::size_t width = width_of_record(tasks.tokens[task]);
  return std::span(records[task]).subspan(m * width, width);
}

}  // namespace lathe
