// Which tasks are drawn, which tokens are scored, and every figure, against hand-computed cases and
// what the peer printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "quant/eval/tasks/scores.h"
#include "quant/eval/tasks/select.h"
#include "quant/eval/tasks/task_report.h"
#include "quant/eval/tasks/task_summary.h"

namespace lathe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Indices = std::vector<std::size_t>;

// ---- selection

// HellaSwag is drawn with the standard library's distribution, which is the peer's here.
TEST(TaskSelection, HellaSwagIsDrawnAsTheStandardLibraryDoes) {
  for (const std::uint32_t seed : {1U, 2U, 77U}) {
    std::mt19937 random(seed);
    Indices left, expected;
    for (std::size_t i = 0; i < 1000; ++i) left.push_back(i);
    while (!left.empty()) {
      std::uniform_int_distribution<int> any(0, static_cast<int>(left.size()) - 1);
      const auto it = left.begin() + any(random);
      expected.push_back(*it);
      left.erase(it);
    }
    EXPECT_EQ(select_tasks(TaskKind::kHellaSwag, 1000, {.n_tasks = 0, .seed = seed}), expected);
    expected.resize(300);
    EXPECT_EQ(select_tasks(TaskKind::kHellaSwag, 1000, {.n_tasks = 300, .seed = seed}), expected);
  }
}

// The twister's first numbers for seed 1 are 1791095845, 4282876139, 3093770124, 4005303368: shares
// 0.4170, 0.9972, 0.7203, 0.9326 of what is left.
TEST(TaskSelection, OthersSwapTheLastInto) {
  EXPECT_THAT(select_tasks(TaskKind::kArc, 10, {.n_tasks = 4}), ElementsAre(4, 8, 5, 6));
  EXPECT_THAT(select_tasks(TaskKind::kMmlu, 4, {.n_tasks = 4}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(select_tasks(TaskKind::kMmlu, 4, {.n_tasks = 9}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(select_tasks(TaskKind::kMmlu, 3, {}), ElementsAre(0, 1, 2));
  EXPECT_NE(select_tasks(TaskKind::kArc, 1000, {.n_tasks = 4}),
            select_tasks(TaskKind::kArc, 1000, {.n_tasks = 4, .seed = 2}));
}

TEST(TaskSelection, WinoGrandeDrawsFromWhatThePeerReads) {
  EXPECT_THAT(select_tasks(TaskKind::kWinoGrande, 11, {.n_tasks = 4}), ElementsAre(4, 8, 5, 6));
  EXPECT_THAT(select_tasks(TaskKind::kWinoGrande, 4, {}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(select_tasks(TaskKind::kWinoGrande, 4, {.compat = true}), ElementsAre(0, 1, 2));
  EXPECT_THAT(select_tasks(TaskKind::kWinoGrande, 4, {.n_tasks = 3}), ElementsAre(0, 1, 2));
}

TEST(TaskSelection, PeersDefaults) {
  EXPECT_EQ(default_n_tasks(TaskKind::kHellaSwag), 400u);
  EXPECT_EQ(default_n_tasks(TaskKind::kWinoGrande), 0u);
}

// ---- which tokens are scored

std::vector<AnswerTokens> answers(const std::vector<std::vector<Token>>& tokens) {
  std::vector<AnswerTokens> out;
  for (const auto& t : tokens) out.push_back({t, 0, 0, t.size() - 1});
  return out;
}

TEST(ScoredTokens, StartWhereChoicesDiffer) {
  auto choices = answers({{1, 2, 3, 4}, {1, 2, 3, 5, 6}, {1, 2, 3, 7, 6}});
  mark_scored(choices);
  EXPECT_EQ(choices[0].scored_begin, 3u);
  EXPECT_EQ(choices[0].scored_end, 4u);
  EXPECT_EQ(choices[2].scored_begin, 3u);
  EXPECT_EQ(choices[2].scored_end, 5u);
}

TEST(ScoredTokens, APrefixOfTheOthersKeepsAToken) {
  auto choices = answers({{1, 2, 3, 4, 5}, {1, 2, 3}, {1, 2, 3, 9}});
  mark_scored(choices);
  for (const AnswerTokens& c : choices) EXPECT_EQ(c.scored_begin, 2u);
  auto same = answers({{1, 2, 3}, {1, 2, 3}});
  mark_scored(same);
  EXPECT_EQ(same[0].scored_begin, 2u);
}

TEST(ScoredTokens, NothingStandsBeforeTheFirst) {
  auto choices = answers({{1, 2}, {3, 4, 5}});
  mark_scored(choices);
  for (const AnswerTokens& c : choices) EXPECT_EQ(c.scored_begin, 1u);
}

TEST(ScoredTokens, WinoGrandeSkipsTheChoiceWhereEnoughFollows) {
  // Common prefix 2; tails of 4 and 5 tokens; words of 1 and 2 tokens.
  auto choices = answers({{1, 2, 3, 10, 11, 12}, {1, 2, 4, 5, 10, 11, 12}});
  EXPECT_FALSE(mark_scored_winogrande(choices, std::vector<std::size_t>{3, 4}));
  EXPECT_EQ(choices[0].scored_begin, 3u);
  EXPECT_EQ(choices[1].scored_begin, 4u);
  EXPECT_EQ(choices[0].scored_end, 5u);  // without the last
  EXPECT_EQ(choices[1].scored_end, 6u);
}

TEST(ScoredTokens, WinoGrandeScoresTheChoiceWhereLittleFollows) {
  // One tail has 3 tokens.
  auto choices = answers({{1, 2, 3, 10, 11}, {1, 2, 4, 5, 10, 11}});
  EXPECT_TRUE(mark_scored_winogrande(choices, std::vector<std::size_t>{3, 4}));
  EXPECT_EQ(choices[0].scored_begin, 2u);
  EXPECT_EQ(choices[0].scored_end, 4u);
  EXPECT_EQ(choices[1].scored_begin, 2u);
  EXPECT_EQ(choices[1].scored_end, 5u);
  auto short_tail = answers({{1, 2, 3}, {1, 2, 4}});
  EXPECT_TRUE(mark_scored_winogrande(short_tail, std::vector<std::size_t>{3, 3}));
  EXPECT_EQ(short_tail[0].scored_end, 3u);  // the only one is kept
}

// ---- scores of answers

TEST(AnswerScores, MeanAndSum) {
  AnswerTokens answer{{1, 2, 3, 4, 5, 6}, 3, 6, 2};  // ln p of tokens 2 to 5
  const std::vector<double> ln_p = {-1.0, -2.0, -4.0, -0.5};
  AnswerScore s = score_answer(answer, ln_p);
  EXPECT_NEAR(s.mean, -6.5 / 3.0, 1e-12);
  EXPECT_NEAR(s.sum, -7.5, 1e-12);
  answer.scored_end = 5;
  s = score_answer(answer, ln_p, -10.0);  // the peer's wrong row
  EXPECT_NEAR(s.mean, -7.0, 1e-12);
  EXPECT_NEAR(s.sum, -7.5, 1e-12);
}

Task task_of(std::vector<TaskChoice> choices, std::vector<TaskChoice> mc2 = {}) {
  Task task;
  task.question = "Q";
  task.choices = std::move(choices);
  task.mc2 = std::move(mc2);
  return task;
}

TEST(Verdicts, EachRuleHasItsOwnAnswer) {
  // Means prefer the 2nd, sums the 1st, sums over characters the 3rd: -3/1, -4/2, -9/9.
  const Task task = task_of({{"a", false}, {"b\xc3\xa9", false}, {"c c c c c", true}});
  const TaskRecord record = {-1.5, -3.0, -0.9, -4.0, -1.1, -9.0};
  const TaskVerdict v = judge(TaskKind::kArc, task, record);
  EXPECT_EQ(v.chosen, 1u);
  EXPECT_FALSE(v.correct);
  EXPECT_FALSE(v.acc);
  EXPECT_TRUE(v.acc_norm);
  EXPECT_NEAR(v.margin, 0.2, 1e-12);
  EXPECT_FALSE(v.mc2.has_value());
}

TEST(Verdicts, Ties) {
  const Task task = task_of({{"a", true}, {"b", false}});
  const TaskRecord tie = {-1.0, -2.0, -1.0, -2.0};
  EXPECT_EQ(judge(TaskKind::kHellaSwag, task, tie).chosen, 0u);
  EXPECT_EQ(judge(TaskKind::kMultipleChoice, task, tie).chosen, 0u);
  EXPECT_EQ(judge(TaskKind::kWinoGrande, task, tie).chosen, 1u);  // 1 must be strictly greater
  EXPECT_TRUE(judge(TaskKind::kWinoGrande, task, tie).acc);       // but the first of equal sums
  EXPECT_EQ(judge(TaskKind::kWinoGrande, task, tie).margin, 0.0);
}

TEST(Verdicts, Mc2IsTheMassOfTrueAnswers) {
  const Task task = task_of({{"a", true}, {"b", false}}, {{"a", true}, {"c", true}, {"b", false}});
  const auto record = [](double a, double c, double b) {
    return TaskRecord{-1.0, -1.0, -2.0, -2.0, a, c, b};
  };
  const double all = std::exp(-1.0) + std::exp(-2.0) + std::exp(-3.0);
  EXPECT_NEAR(*judge(TaskKind::kTruthfulQa, task, record(-1, -2, -3)).mc2,
              (std::exp(-1.0) + std::exp(-2.0)) / all, 1e-12);
  // Far below what exp can tell from zero: the ratios stay.
  EXPECT_NEAR(*judge(TaskKind::kTruthfulQa, task, record(-2001, -2002, -2003)).mc2,
              (std::exp(-1.0) + std::exp(-2.0)) / all, 1e-9);
}

TEST(Verdicts, CharactersAreCodePoints) {
  EXPECT_EQ(count_characters("abc"), 3u);
  EXPECT_EQ(count_characters("n\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), 6u);
}

// ---- errors and intervals, as the peer printed them

TEST(TaskErrors, AsThePeerPrints) {
  // golden/trained/tiny-llama: WinoGrande 53.0000 +/- 2.4986 of 400, ARC 23.0000 +/- 2.4337 of 300.
  EXPECT_NEAR(100.0 * share_estimate(212, 400).error, 2.4986, 5e-5);
  EXPECT_NEAR(100.0 * share_estimate(69, 300).error, 2.4337, 5e-5);
  EXPECT_EQ(share_estimate(0, 1).error, 0.0);
  // HellaSwag: 1 task 0 % up to 79.3451 %; 4 tasks 25 %; 200 tasks 21.5 %.
  EXPECT_NEAR(100.0 * wilson_interval(0.0, 1).high, 79.3451, 5e-5);
  EXPECT_NEAR(100.0 * wilson_interval(0.25, 4).low, 4.5587, 5e-5);
  EXPECT_NEAR(100.0 * wilson_interval(0.25, 4).high, 69.9358, 5e-5);
  EXPECT_NEAR(100.0 * wilson_interval(0.215, 200).low, 16.3719, 5e-5);
  EXPECT_NEAR(100.0 * wilson_interval(0.215, 200).high, 27.7023, 5e-5);
}

// ---- summaries

PreparedTasks three_tasks() {
  PreparedTasks tasks{TaskKind::kArc, {}, {}};
  for (const char* group : {"ARC-Easy", "ARC-Challenge", "ARC-Easy"}) {
    tasks.tasks.push_back(task_of({{"aa", true}, {"b", false}}));
    tasks.tasks.back().group = group;
    TaskTokens tokens;
    tokens.answers.resize(2);
    tokens.n_choices = 2;
    tasks.tokens.push_back(tokens);
  }
  tasks.tasks[2].choices.push_back({"c", false});
  tasks.tokens[2].answers.resize(3);
  tasks.tokens[2].n_choices = 3;
  return tasks;
}

TEST(TaskSummaries, WholeAndGroups) {
  const PreparedTasks tasks = three_tasks();
  // Two models; the first is right in tasks 1 and 3.
  const UnitRecords records = {{-1, -2, -2, -1, -9, -9, -8, -8},
                               {-3, -3, -2, -2, -1, -1, -2, -2},
                               {-1, -1, -2, -2, -3, -3, -4, -4, -3, -3, -5, -5}};
  const auto first = judge_tasks(tasks, records, 0), second = judge_tasks(tasks, records, 1);
  const TaskSummary s = summarize_tasks(tasks, first);
  EXPECT_EQ(s.all.n, 3u);
  EXPECT_NEAR(s.all.score.value, 2.0 / 3.0, 1e-12);
  EXPECT_NEAR(s.all.score.error, std::sqrt(2.0 / 9.0 / 2.0), 1e-12);
  EXPECT_NEAR(s.all.acc.value, 1.0 / 3.0, 1e-12);  // sums of tasks 1 and 2 prefer the other
  EXPECT_NEAR(s.all.acc_norm.value, 1.0,
              1e-12);  // -2/2 as -1/1, -3/2 over -2/1, -1/2 over the rest
  EXPECT_NEAR(s.chance.value, 3.0 / 7.0, 1e-12);
  ASSERT_EQ(s.groups.size(), 2u);
  EXPECT_EQ(s.groups[0].first, "ARC-Challenge");
  EXPECT_EQ(s.groups[0].second.score.value, 0.0);
  EXPECT_EQ(s.groups[1].second.n, 2u);
  EXPECT_EQ(s.groups[1].second.score.value, 1.0);
  EXPECT_FALSE(s.all.mc2.has_value());
  EXPECT_FALSE(second[0].correct);
  EXPECT_TRUE(second[1].correct);
  EXPECT_FALSE(second[2].correct);
}

TEST(TaskReports, LinesAsThePeerPrintsThem) {
  PreparedTasks tasks = three_tasks();
  const TaskRecord record = {-5.498834, -40.0, -5.4636124, -41.0};
  const TaskVerdict verdict = judge(TaskKind::kWinoGrande, tasks.tasks[0], record);
  RunningScore running;
  running.add(verdict.correct);
  EXPECT_EQ(task_line(tasks, 0, verdict, record, running), "1\t0.00000000\n");
  tasks.kind = TaskKind::kWinoGrande;
  EXPECT_EQ(task_line(tasks, 0, verdict, record, running),
            "1\t0.0000\t -5.498834   -5.463612  2  1\n");
  tasks.kind = TaskKind::kHellaSwag;
  EXPECT_EQ(task_line(tasks, 0, verdict, record, running), "1\t0.00000000%\t[0.0000%, 79.3451%]\n");
  const std::vector<TaskVerdict> verdicts = {verdict};
  EXPECT_THAT(task_report(TaskKind::kWinoGrande, summarize_tasks(tasks, verdicts)),
              HasSubstr("Final WinoGrande score(1 tasks): 0.0000 +/- 0.0000\n"));
}

}  // namespace
}  // namespace lathe
