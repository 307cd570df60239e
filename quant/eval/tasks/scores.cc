#include "quant/eval/tasks/scores.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace lathe {
namespace {

double sum_of(std::span<const double> x) noexcept {
  return std::accumulate(x.begin(), x.end(), 0.0);
}

std::size_t first_best(std::span<const double> x) noexcept {
  return static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin());
}

std::size_t last_best(std::span<const double> x) noexcept {
  const auto it = std::max_element(x.rbegin(), x.rend());
  return static_cast<std::size_t>(x.rend() - it) - 1;
}

double margin_of(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + 1, x.end(), std::greater<>());
  return x[0] - x[1];
}

// exp of sums far below zero vanishes; their ratios do not.
double true_share(std::span<const double> sums, const std::vector<TaskChoice>& choices) {
  const double best = *std::max_element(sums.begin(), sums.end());
  double of_true = 0.0, all = 0.0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double p = std::exp(sums[i] - best);
    all += p;
    if (choices[i].correct) of_true += p;
  }
  return of_true / all;
}

}  // namespace

AnswerScore score_answer(const AnswerTokens& answer, std::span<const double> ln_p,
                         std::optional<double> first_scored) {
  const std::size_t first = answer.first_needed();
  const auto scored =
      ln_p.subspan(answer.scored_begin - first, answer.scored_end - answer.scored_begin);
  const double sum = first_scored ? *first_scored + sum_of(scored.subspan(1)) : sum_of(scored);
  return {sum / static_cast<double>(scored.size()),
          sum_of(ln_p.subspan(answer.continuation - first))};
}

std::size_t record_width(std::size_t n_choices, std::size_t n_mc2) noexcept {
  return 2 * n_choices + n_mc2;
}

TaskVerdict judge(TaskKind kind, const Task& task, std::span<const double> record) {
  const std::size_t n = task.choices.size();
  std::vector<double> means(n), sums(n), normed(n);
  for (std::size_t i = 0; i < n; ++i) {
    means[i] = record[2 * i];
    sums[i] = record[2 * i + 1];
    normed[i] = sums[i] / static_cast<double>(count_characters(task.choices[i].text));
  }
  TaskVerdict verdict;
  verdict.chosen = kind == TaskKind::kWinoGrande ? last_best(means) : first_best(means);
  verdict.correct = task.choices[verdict.chosen].correct;
  verdict.margin = margin_of(means);
  verdict.acc = task.choices[first_best(sums)].correct;
  verdict.acc_norm = task.choices[first_best(normed)].correct;
  if (!task.mc2.empty()) verdict.mc2 = true_share(record.subspan(2 * n), task.mc2);
  return verdict;
}

std::size_t count_characters(std::string_view text) noexcept {
  const auto starts = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  });
  return std::max<std::size_t>(1, static_cast<std::size_t>(starts));
}

Estimate share_estimate(double n_hits, std::size_t n) noexcept {
  if (n == 0) return {};
  const double p = n_hits / static_cast<double>(n);
  return {p, n < 2 ? 0.0 : std::sqrt(p * (1.0 - p) / static_cast<double>(n - 1))};
}

Interval wilson_interval(double p, std::size_t n) noexcept {
  if (n == 0) return {0.0, 1.0};
  const double z = kZ95 * kZ95 / static_cast<double>(n);
  const double half = std::sqrt(z * p * (1.0 - p) + z * z / 4.0);
  return {(p + z / 2.0 - half) / (1.0 + z), (p + z / 2.0 + half) / (1.0 + z)};
}

}  // namespace lathe
