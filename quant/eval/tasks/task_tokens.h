// Tasks as the model sees them: each answer is a sequence of tokens from an empty cache, and which
// of its tokens are scored follows from the others.
//
// All but WinoGrande: question + " " + answer. WinoGrande: the sentence with the gap filled.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "quant/eval/tasks/task.h"
#include "runtime/batch.h"

namespace lathe {

class Tokenizer;

struct AnswerTokens {
  std::vector<Token> tokens;  // with BOS, where the vocabulary wants one
  // The peer's score: the mean of ln p over tokens [scored_begin, scored_end).
  std::size_t scored_begin = 0, scored_end = 0;
  // lm-evaluation-harness: the sum of ln p over tokens [continuation, end), those of the whole text
  // after those of its context.
  std::size_t continuation = 0;

  std::size_t first_needed() const noexcept {
    return scored_begin < continuation ? scored_begin : continuation;
  }
};

struct TaskTokens {
  std::vector<AnswerTokens> answers;  // of the choices, then of mc2
  std::size_t n_choices = 0;
  // llama.cpp's WinoGrande, where choice words are scored too: its first token of choice 2 is
  // scored with the logits after the last token of choice 1, instead of those after the common
  // prefix.
  bool second_from_wrong_row = false;
};

// `compat`: with the peer's defect above. Error (kBadInput) naming the task when an answer has no
// token that could be scored: its text is a single token, and the vocabulary has no BOS.
TaskTokens tokenize_task(TaskKind kind, const Task& task, const Tokenizer& tokenizer, bool compat);

// Which tokens are scored; here on its own, because it needs no vocabulary.
//
// Choices: from the first token in which they differ. Where one choice is the beginning of all
// others (the peer then reads beyond its end), the common prefix is cut, for all, so that each
// keeps a token.
void mark_scored(std::span<AnswerTokens> choices);
// WinoGrande: where both choices have more than 3 tokens after the common prefix, only those after
// the choice word (n_base[i] tokens: the sentence up to there), else as above; without the last
// token, unless it is the only one. True when choice words are scored (no skip).
bool mark_scored_winogrande(std::span<AnswerTokens> choices, std::span<const std::size_t> n_base);

}  // namespace lathe
