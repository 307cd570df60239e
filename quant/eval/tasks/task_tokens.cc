#include "quant/eval/tasks/task_tokens.h"

#include <algorithm>
#include <string>

#include "runtime/base/error.h"
#include "runtime/text/tokenizer.h"

namespace lathe {
namespace {

// Tokens of a text that others go on from: without EOS.
std::size_t count_context(const Tokenizer& tokenizer, const std::string& text) {
  const std::size_t n = tokenizer.encode(text).size();
  return n - (tokenizer.add_eos() && n > 0 ? 1 : 0);
}

// The first token has nothing before it, and at least one has to be left.
std::size_t scorable(std::size_t first, std::size_t n_tokens) noexcept {
  return std::clamp<std::size_t>(first, 1, std::max<std::size_t>(n_tokens, 2) - 1);
}

std::size_t common_prefix(std::span<const AnswerTokens> choices) noexcept {
  const std::vector<Token>& first = choices.front().tokens;
  std::size_t n = first.size();
  for (const AnswerTokens& c : choices) {
    const auto end = std::mismatch(first.begin(), first.end(), c.tokens.begin(), c.tokens.end());
    n = std::min(n, static_cast<std::size_t>(end.first - first.begin()));
  }
  return n;
}

std::size_t shortest(std::span<const AnswerTokens> choices) noexcept {
  std::size_t n = choices.front().tokens.size();
  for (const AnswerTokens& c : choices) n = std::min(n, c.tokens.size());
  return n;
}

AnswerTokens answer_tokens(const Tokenizer& tokenizer, const std::string& text,
                           std::size_t n_context, const std::string& where) {
  AnswerTokens answer;
  answer.tokens = tokenizer.encode(text);
  if (answer.tokens.size() < 2) {
    throw bad_input(where, "a question with its answer is a single token: nothing can be scored");
  }
  answer.continuation = scorable(n_context, answer.tokens.size());
  answer.scored_begin = answer.continuation;
  answer.scored_end = answer.tokens.size();
  return answer;
}

TaskTokens winogrande_tokens(const Task& task, const Tokenizer& tokenizer, bool compat) {
  TaskTokens out;
  std::vector<std::size_t> n_base;
  for (const TaskChoice& choice : task.choices) {
    const std::string base = task.question + choice.text;
    n_base.push_back(count_context(tokenizer, base));
    out.answers.push_back(
        answer_tokens(tokenizer, base + task.after_gap, n_base.back(), task.where));
  }
  out.n_choices = out.answers.size();
  out.second_from_wrong_row = mark_scored_winogrande(out.answers, n_base) && compat;
  return out;
}

}  // namespace

void mark_scored(std::span<AnswerTokens> choices) {
  const std::size_t first = scorable(common_prefix(choices), shortest(choices));
  for (AnswerTokens& c : choices) {
    c.scored_begin = first;
    c.scored_end = c.tokens.size();
  }
}

bool mark_scored_winogrande(std::span<AnswerTokens> choices, std::span<const std::size_t> n_base) {
  constexpr std::size_t kMinTail = 3;
  mark_scored(choices);
  const bool skip = shortest(choices) > common_prefix(choices) + kMinTail;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    AnswerTokens& c = choices[i];
    if (skip) c.scored_begin = scorable(n_base[i], c.tokens.size());
    if (c.scored_end > c.scored_begin + 1) --c.scored_end;
  }
  return !skip;
}

TaskTokens tokenize_task(TaskKind kind, const Task& task, const Tokenizer& tokenizer, bool compat) {
  if (kind == TaskKind::kWinoGrande) return winogrande_tokens(task, tokenizer, compat);
  TaskTokens out;
  out.n_choices = task.choices.size();
  const std::size_t n_context = count_context(tokenizer, task.question);
  for (const std::vector<TaskChoice>* choices : {&task.choices, &task.mc2}) {
    for (const TaskChoice& choice : *choices) {
      out.answers.push_back(
          answer_tokens(tokenizer, task.question + " " + choice.text, n_context, task.where));
    }
  }
  mark_scored(std::span(out.answers).first(out.n_choices));
  return out;
}

}  // namespace lathe
