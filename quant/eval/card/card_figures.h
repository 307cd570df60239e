// What the cards of published models say (reference/evaluation.md §13), for models that were
// measured together: on the same text, from the same base, with the same tasks.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "quant/eval/chunk_measure.h"
#include "quant/eval/divergence.h"
#include "quant/eval/tasks/task_summary.h"

namespace lathe {

// What a text showed of a model. Means of chunks are kept for paired tests.
struct CardText {
  Estimate ppl;
  std::vector<double> chunk_nll;  // [n_chunks] mean negative log-likelihood
  // From the base; neither of the base itself, nor where there is none.
  std::optional<DivergenceResult> divergence;
  std::vector<double> chunk_kld;  // [n_chunks]
};

struct CardTest {
  TaskKind kind;
  TaskSummary summary;
  std::vector<bool> correct;  // [n_tasks] by the peer's score
};

struct CardModel {
  std::optional<CardText> text;
  std::vector<CardTest> tests;  // the same ones in the same order for all models
};

// The tests whose mean is a card's average, in the order of its columns.
inline constexpr TaskKind kCardTests[] = {TaskKind::kArc, TaskKind::kHellaSwag, TaskKind::kMmlu,
                                          TaskKind::kTruthfulQa, TaskKind::kWinoGrande};

// The mean of the scores of kCardTests, with its error; none where one is missing.
std::optional<Estimate> card_average(const CardModel& model);

// Model m of n_models in records of measure_likelihoods().
CardText card_text_of_likelihoods(const ChunkRecords& records, std::size_t m, std::size_t n_models);
// Candidate m of n_candidates in records of measure_divergence(); and the base itself.
CardText card_text_of_candidate(const ChunkRecords& records, std::size_t m,
                                std::size_t n_candidates);
CardText card_text_of_base(const ChunkRecords& records, std::size_t n_candidates);

// Model m in records of measure_tasks().
CardTest card_test(const PreparedTasks& tasks, const UnitRecords& records, std::size_t m);

}  // namespace lathe
