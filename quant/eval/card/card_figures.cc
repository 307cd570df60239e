#include "quant/eval/card/card_figures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <utility>

#include "quant/eval/divergence_chunks.h"
#include "quant/eval/perplexity.h"

namespace lathe {
namespace {

// One number of every row of a record: number `at` of `width`.
std::vector<double> column(const std::vector<double>& record, std::size_t at, std::size_t width) {
  std::vector<double> out;
  out.reserve(record.size() / width);
  for (std::size_t i = at; i < record.size(); i += width) out.push_back(record[i]);
  return out;
}

CardText text_of_nll(const ChunkRecords& records, std::size_t at, std::size_t width) {
  PerplexityMeter meter;
  for (const std::vector<double>& record : records) meter.add_chunk(column(record, at, width));
  return {meter.result().ppl, meter.result().chunk_nll, std::nullopt, {}};
}

}  // namespace

std::optional<Estimate> card_average(const CardModel& model) {
  double sum = 0.0, variance = 0.0;
  for (const TaskKind kind : kCardTests) {
    const auto test = std::find_if(model.tests.begin(), model.tests.end(),
                                   [&](const CardTest& t) { return t.kind == kind; });
    if (test == model.tests.end()) return std::nullopt;
    const Estimate& score = test->summary.all.score;
    sum += score.value;
    variance += score.error * score.error;
  }
  constexpr double kN = static_cast<double>(std::size(kCardTests));
  return Estimate{sum / kN, std::sqrt(variance) / kN};
}

CardText card_text_of_likelihoods(const ChunkRecords& records, std::size_t m,
                                  std::size_t n_models) {
  return text_of_nll(records, m, n_models);
}

CardText card_text_of_candidate(const ChunkRecords& records, std::size_t m,
                                std::size_t n_candidates) {
  DivergenceMeter all;
  for (const std::vector<double>& record : records) add_chunk(record, m, n_candidates, all);
  DivergenceChunks chunks = divergence_chunks(records, m, n_candidates);
  const DivergenceResult divergence = all.summary(true);
  return {divergence.ppl, std::move(chunks.nll), divergence, std::move(chunks.kld)};
}

// Every candidate's numbers hold the base's likelihoods, as put_divergence() writes them: first.
CardText card_text_of_base(const ChunkRecords& records, std::size_t n_candidates) {
  return text_of_nll(records, 0, n_candidates * kDivergenceWidth);
}

CardTest card_test(const PreparedTasks& tasks, const UnitRecords& records, std::size_t m) {
  const std::vector<TaskVerdict> verdicts = judge_tasks(tasks, records, m);
  CardTest test{tasks.kind, summarize_tasks(tasks, verdicts), {}};
  std::transform(verdicts.begin(), verdicts.end(), std::back_inserter(test.correct),
                 std::mem_fn(&TaskVerdict::correct));
  return test;
}

}  // namespace lathe
