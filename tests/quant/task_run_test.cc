// Packing and running of tasks: every answer gets the log-probabilities that it would have alone,
// whatever it is packed with; and the trained models answer as the peer's do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <vector>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/eval/tasks/measure_tasks.h"
#include "quant/eval/tasks/pack.h"
#include "quant/eval/tasks/read_tasks.h"
#include "quant/eval/tasks/select.h"
#include "quant/eval/tasks/task_summary.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/error_of.h"
#include "tests/support/evaluator.h"
#include "tests/support/golden.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

using testing::HasSubstr;

const std::string kShared = test::source_path("../shared/");

struct Loaded {
  explicit Loaded(const std::string& path)
      : file(GgufFile::open(path)),
        model(load_model(file)),
        tokenizer(Tokenizer::from_metadata(file.metadata())) {
    EXPECT_TRUE(select_kernels("", &kernels));
  }
  std::size_t n_vocab() const { return model->traits().n_vocab; }

  KernelTable kernels;
  GgufFile file;
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
};

const Loaded& tiny_llama() {
  static const Loaded loaded(test::source_path("tests/data/tiny-llama-f16.gguf"));
  return loaded;
}

// ---- a model whose logits are a hash of all tokens so far

constexpr std::size_t kToyVocabulary = 50;

float toy_logit(std::span<const Token> history, std::size_t token, std::size_t model) {
  std::uint64_t h = 1469598103934665603ULL + model;
  for (const Token t : history) h = (h ^ static_cast<std::uint64_t>(t + 1)) * 1099511628211ULL;
  h = (h ^ (token + 1000)) * 1099511628211ULL;
  return static_cast<float>((h >> 20) % 1000) / 100.0f;
}

double toy_ln_p(std::span<const Token> history, Token token, std::size_t model) {
  double sum = 0.0;
  for (std::size_t v = 0; v < kToyVocabulary; ++v) {
    sum += std::exp(static_cast<double>(toy_logit(history, v, model)));
  }
  return static_cast<double>(toy_logit(history, static_cast<std::size_t>(token), model)) -
         std::log(sum);
}

// Gives every item the logits of what its sequences hold before it; rows a few at a time.
class ToyRunner : public ForwardRunner {
 public:
  ToyRunner(std::size_t n_models, std::size_t n_cells, std::size_t rows_at_once)
      : ForwardRunner(std::vector<RunModel>(n_models, RunModel{*tiny_llama().model}),
                      {.n_cells = n_cells}),
        rows_at_once_(rows_at_once) {}

  void run_part(std::span<const RunText> texts, const RunPart&,
                const RunCallbacks& callbacks) override {
    for (std::size_t t = 0; t < texts.size(); ++t) {
      EXPECT_LE(texts[t].size(), n_cells());
      n_items += texts[t].size();
      run_text(t, texts[t], callbacks);
      callbacks.done(t + 1);
    }
  }

  std::size_t n_items = 0;

 private:
  // The tokens that the item sees, itself included: those of all of its sequences.
  static std::vector<Token> history_of(RunText text, std::size_t i) {
    std::map<std::int32_t, Token> seen;
    for (std::size_t j = 0; j <= i; ++j) {
      if ((text[j].sequences & text[i].sequences) != text[i].sequences) continue;
      EXPECT_TRUE(seen.emplace(text[j].pos, text[j].token).second) << "two items at one position";
    }
    std::vector<Token> history;
    for (const auto& [pos, token] : seen) {
      EXPECT_EQ(pos, static_cast<std::int32_t>(history.size()));
      history.push_back(token);
    }
    return history;
  }

  void run_text(std::size_t t, RunText text, const RunCallbacks& callbacks) {
    std::vector<std::vector<float>> rows(models_.size());
    std::size_t first_row = 0, n_rows = 0;
    const auto flush = [&] {
      std::vector<MatrixView<const float>> views;
      for (auto& r : rows) views.emplace_back(r.data(), n_rows, kToyVocabulary);
      callbacks.logits(t, first_row, views);
      first_row += n_rows;
      n_rows = 0;
      for (auto& r : rows) r.clear();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::vector<Token> history = history_of(text, i);
      if (!text[i].want_logits) continue;
      for (std::size_t m = 0; m < models_.size(); ++m) {
        for (std::size_t v = 0; v < kToyVocabulary; ++v) {
          rows[m].push_back(toy_logit(history, v, m));
        }
      }
      if (++n_rows == rows_at_once_) flush();
    }
    if (n_rows > 0) flush();
  }

  std::size_t rows_at_once_;
};

// Tasks of random tokens with shared beginnings; the answers of mc2 repeat some choices.
PreparedTasks toy_tasks(std::size_t n, std::size_t n_answers, bool wrong_row) {
  PreparedTasks out{TaskKind::kTruthfulQa, {}, {}};
  unsigned seed = 5;
  const auto random = [&](unsigned below) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % below;
  };
  for (std::size_t t = 0; t < n; ++t) {
    std::vector<Token> question = {1};
    for (unsigned i = 2 + random(6); i > 0; --i) question.push_back(static_cast<Token>(random(40)));
    Task task;
    TaskTokens tokens;
    tokens.n_choices = n_answers - n_answers / 3;
    tokens.second_from_wrong_row = wrong_row;
    for (std::size_t a = 0; a < n_answers; ++a) {
      AnswerTokens answer;
      answer.tokens = question;
      for (unsigned i = 1 + random(4); i > 0; --i) {
        answer.tokens.push_back(static_cast<Token>(random(3)));
      }
      answer.continuation = question.size();
      tokens.answers.push_back(answer);
      (a < tokens.n_choices ? task.choices : task.mc2).push_back({"x", a == 0});
    }
    for (AnswerTokens& a : tokens.answers) {
      a.scored_begin = a.continuation;
      a.scored_end = a.tokens.size();
    }
    mark_scored(std::span(tokens.answers).first(tokens.n_choices));
    out.tasks.push_back(task);
    out.tokens.push_back(tokens);
  }
  return out;
}

// The record of a task by its definition: one answer at a time, token by token.
std::vector<double> direct_record(const TaskTokens& tokens, std::size_t model) {
  std::vector<double> record;
  for (std::size_t a = 0; a < tokens.answers.size(); ++a) {
    const AnswerTokens& answer = tokens.answers[a];
    const std::span<const Token> all = answer.tokens;
    double mean = 0.0, sum = 0.0;
    for (std::size_t i = answer.scored_begin; i < answer.scored_end; ++i) {
      const bool wrong = tokens.second_from_wrong_row && a == 1 && i == answer.scored_begin;
      const std::span<const Token> before = wrong ? tokens.answers[0].tokens : all.first(i);
      mean += toy_ln_p(before, all[i], model);
    }
    mean /= static_cast<double>(answer.scored_end - answer.scored_begin);
    for (std::size_t i = answer.continuation; i < all.size(); ++i) {
      sum += toy_ln_p(all.first(i), all[i], model);
    }
    if (a < tokens.n_choices) record.push_back(mean);
    record.push_back(sum);
  }
  return record;
}

UnitRecords run_toy(const PreparedTasks& tasks, ToyRunner& runner, UnitRecords records = {}) {
  ThreadPool pool(ThreadPoolOptions{2, false, 50});
  measure_tasks({runner, tiny_llama().kernels, pool}, tasks, records);
  return records;
}

void expect_near(const UnitRecords& a, const UnitRecords& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t t = 0; t < a.size(); ++t) {
    ASSERT_EQ(a[t].size(), b[t].size());
    for (std::size_t i = 0; i < a[t].size(); ++i) EXPECT_NEAR(a[t][i], b[t][i], 1e-6) << t;
  }
}

struct PackingCase {
  std::size_t n_answers, n_cells, rows_at_once;
  bool wrong_row;
};

class PackedTasks : public testing::TestWithParam<PackingCase> {};

TEST_P(PackedTasks, EveryAnswerIsScoredAsAlone) {
  const PackingCase c = GetParam();
  constexpr std::size_t kModels = 2;
  const PreparedTasks tasks = toy_tasks(20, c.n_answers, c.wrong_row);
  UnitRecords expected;
  for (const TaskTokens& tokens : tasks.tokens) {
    expected.emplace_back();
    for (std::size_t m = 0; m < kModels; ++m) {
      for (const double v : direct_record(tokens, m)) expected.back().push_back(v);
    }
  }
  ToyRunner runner(kModels, c.n_cells, c.rows_at_once);
  const UnitRecords records = run_toy(tasks, runner);
  expect_near(records, expected);

  // Going on after some of the tasks gives the same bits.
  UnitRecords some(records.begin(), records.begin() + 7);
  ToyRunner again(kModels, c.n_cells, 64);
  EXPECT_EQ(run_toy(tasks, again, some), records);
}

INSTANTIATE_TEST_SUITE_P(Tasks, PackedTasks,
                         testing::Values(PackingCase{4, 400, 64, false},
                                         PackingCase{4, 40, 3, false}, PackingCase{3, 200, 1, true},
                                         PackingCase{90, 1000, 64, false},  // over several texts
                                         PackingCase{90, 12, 5, false}));

TEST(Packing, SharesWhatIsCommonAndLeavesOutTheLastToken) {
  PreparedTasks tasks{TaskKind::kArc, {}, {}};
  TaskTokens tokens;
  tokens.answers = {
      {{1, 2, 3, 4, 5}, 3, 5, 3}, {{1, 2, 3, 4, 6}, 3, 5, 3}, {{1, 2, 3, 7}, 3, 4, 3}};
  tokens.n_choices = 3;
  tasks.tokens = {tokens};
  const auto texts = pack_tasks(tasks.tokens, 100);
  ASSERT_EQ(texts.size(), 1u);
  ASSERT_EQ(texts[0].items.size(), 4u);  // 1 2 3 4
  EXPECT_EQ(texts[0].items[2].sequences, 7u);
  EXPECT_EQ(texts[0].items[3].sequences, 3u);
  EXPECT_EQ(texts[0].n_rows(), 2u);        // after 3 and after 4
  EXPECT_EQ(texts[0].targets.size(), 4u);  // 4 and 7; 5 and 6
  EXPECT_EQ(min_cells(tasks.tokens), 4u);
  EXPECT_THAT(message_of([&] { pack_tasks(tasks.tokens, 3); }, ErrorKind::kUsage),
              HasSubstr("a context of 3 tokens: the longest question with an answer takes 4"));
}

TEST(Packing, StoppingKeepsWhatIsComplete) {
  const PreparedTasks tasks = toy_tasks(5, 4, false);
  const Loaded& l = tiny_llama();
  ThreadPool pool(ThreadPoolOptions{1, false, 50});
  test::Evaluator evaluator({{*l.model}}, l.kernels, pool,
                            RunOptions{.n_cells = 32, .n_batch = 32, .max_logits = 8});
  UnitRecords records;
  EXPECT_THAT(message_of(
                  [&] {
                    measure_tasks(evaluator, tasks, records,
                                  [](const UnitRecords& r, double, std::string_view) {
                                    return r.size() < 2;
                                  });
                  },
                  ErrorKind::kFailed),
              HasSubstr("stopped"));
  EXPECT_GE(records.size(), 2u);
  EXPECT_LT(records.size(), 5u);
}

// ---- a real model

Task some_task(const std::string& question, const std::vector<std::string>& choices) {
  Task task;
  task.question = question;
  for (const std::string& c : choices) task.choices.push_back({c, task.choices.empty()});
  task.where = "here";
  return task;
}

std::vector<Task> some_tasks() {
  std::vector<Task> tasks = {
      some_task("It was a dark and stormy night; the rain fell in",
                {"torrents.", "the house.", "torrents. And then", "a"}),
      some_task("The captain looked at the sea and said", {"nothing.", "that he would go."}),
      some_task("Who is", {"she?", "she", "he and she, and where?"}),
  };
  tasks[1].mc2 = tasks[1].choices;
  tasks[1].mc2.push_back({"no.", true});
  return tasks;
}

UnitRecords run_real(const PreparedTasks& tasks, RunOptions options, int n_threads) {
  const Loaded& l = tiny_llama();
  ThreadPool pool(ThreadPoolOptions{n_threads, false, 50});
  options.max_logits = std::max<std::size_t>(1, options.n_batch / 2);
  test::Evaluator evaluator({{*l.model}}, l.kernels, pool, options);
  UnitRecords records;
  measure_tasks(evaluator, tasks, records);
  return records;
}

TEST(TaskRecords, SameBitsForAnyPackingBatchAndOrder) {
  const std::vector<Task> all = some_tasks();
  const std::vector<std::size_t> selected = {0, 1, 2};
  const Tokenizer& tokenizer = tiny_llama().tokenizer;
  const PreparedTasks tasks = prepare_tasks(TaskKind::kTruthfulQa, all, selected, tokenizer, false);
  const UnitRecords records = run_real(tasks, {.n_cells = 256, .n_batch = 256}, 2);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(run_real(tasks, {.n_cells = 24, .n_batch = 7}, 1), records);
  EXPECT_EQ(run_real(tasks, {.n_cells = 64, .n_batch = 16, .order = RunOrder::kByLayer}, 2),
            records);
  for (const std::size_t t : selected) {
    const PreparedTasks alone =
        prepare_tasks(TaskKind::kTruthfulQa, all, std::span(&t, 1), tokenizer, false);
    EXPECT_EQ(run_real(alone, {.n_cells = 64, .n_batch = 64}, 1)[0], records[t]) << t;
  }
}

TEST(TaskRecords, TheFirstNaNNamesTasksLayerAndTensor) {
  std::vector<char> bytes = test::read_bytes(test::source_path("tests/data/tiny-llama-f16.gguf"));
  const float nan = NAN;
  std::memcpy(bytes.data() + tiny_llama().file.require("blk.2.ffn_norm.weight").offset, &nan,
              sizeof nan);
  const GgufFile file =
      GgufFile::from_bytes(std::vector<std::uint8_t>(bytes.begin(), bytes.end()), "bad");
  const std::unique_ptr<Model> model = load_model(file);
  const std::vector<Task> all = some_tasks();
  const std::vector<std::size_t> selected = {0, 1, 2};
  const PreparedTasks tasks =
      prepare_tasks(TaskKind::kArc, all, selected, tiny_llama().tokenizer, false);
  for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
    ThreadPool pool(ThreadPoolOptions{1, false, 50});
    test::Evaluator evaluator(
        {{*model, {}, {}, "bad"}}, tiny_llama().kernels, pool,
        lathe::RunOptions{.n_cells = 64, .n_batch = 64, .max_logits = 8, .order = order});
    UnitRecords records;
    const std::string message =
        message_of([&] { measure_tasks(evaluator, tasks, records); }, ErrorKind::kFailed);
    EXPECT_THAT(message, HasSubstr("tasks 1 to "));
    EXPECT_THAT(message, HasSubstr("an activation of bad is not finite; layer 2 is the first"));
    EXPECT_THAT(message, HasSubstr("blk.2.ffn_norm.weight holds 1 value"));
    EXPECT_TRUE(records.empty());
  }
}

TEST(TaskRecords, ContextFollowsFromTheTasks) {
  const std::vector<Task> all = some_tasks();
  const std::vector<std::size_t> selected = {0, 1, 2};
  const PreparedTasks tasks =
      prepare_tasks(TaskKind::kArc, all, selected, tiny_llama().tokenizer, false);
  EXPECT_GE(task_cells(tasks, 0), min_cells(tasks.tokens));
  EXPECT_EQ(task_cells(tasks, 768), 768u);
  EXPECT_THAT(message_of([&] { task_cells(tasks, 5); }, ErrorKind::kUsage),
              HasSubstr("a context of 5 tokens"));
}

// The texts and their parts, for WinoGrande: the sentence with the gap filled.
TEST(TaskTexts, AreTokenizedAsThePeerDoes) {
  const Tokenizer& tokenizer = tiny_llama().tokenizer;
  const TaskTokens plain =
      tokenize_task(TaskKind::kArc, some_task("Who is", {"she?", "he."}), tokenizer, false);
  EXPECT_EQ(plain.answers[0].tokens, tokenizer.encode("Who is she?"));
  EXPECT_EQ(plain.answers[0].continuation, tokenizer.encode("Who is").size());
  Task gap = some_task("The cup, not the ", {"mug", "pan"});
  gap.after_gap = " , fell on the floor of the house.";
  const TaskTokens filled = tokenize_task(TaskKind::kWinoGrande, gap, tokenizer, true);
  EXPECT_EQ(filled.answers[1].tokens,
            tokenizer.encode("The cup, not the pan , fell on the floor of the house."));
  EXPECT_EQ(filled.answers[1].continuation, tokenizer.encode("The cup, not the pan").size());
  EXPECT_EQ(filled.answers[1].scored_begin, filled.answers[1].continuation);
  EXPECT_FALSE(filled.second_from_wrong_row);
}

// ---- against the peer

struct PeerCase {
  std::string model, quant;
  TaskKind kind;
};

// Names of failing tests.
void PrintTo(const PeerCase& c, std::ostream* out) {
  *out << c.model << " " << c.quant << " " << task_name(c.kind);
}

class PeerTasks : public testing::TestWithParam<PeerCase> {};

std::string peer_name(TaskKind kind) { return std::string(task_name(kind)); }

struct PeerTask {
  bool correct;
  std::optional<double> margin;  // WinoGrande prints both scores
};

// From "12\t41.66666667%..." lines: whether each task raised the number of right ones.
std::vector<PeerTask> peer_tasks(const std::string& path) {
  const std::vector<char> bytes = test::read_bytes(path);
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  std::vector<PeerTask> out;
  long n_before = 0;
  for (std::string line; std::getline(text, line);) {
    long n = 0;
    double percent = 0.0, first = 0.0, second = 0.0;
    const int found =
        std::sscanf(line.c_str(), "%ld\t%lf%*[%\t ]%lf %lf", &n, &percent, &first, &second);
    if (found < 2 || n != static_cast<long>(out.size()) + 1) continue;
    const long n_correct = std::lround(percent * static_cast<double>(n) / 100.0);
    out.push_back({n_correct > n_before, std::nullopt});
    if (found == 4) out.back().margin = std::abs(first - second);
    n_before = n_correct;
  }
  return out;
}

std::string tasks_path(TaskKind kind) {
  const std::string folder = kShared + "tasks/";
  switch (kind) {
    case TaskKind::kMmlu:
      return folder + "mmlu/validation";
    case TaskKind::kTruthfulQa:
      return folder + "truthfulqa/mc_task.json";
    default:
      return folder + std::string(task_name(kind));
  }
}

std::size_t peer_n_tasks(TaskKind kind) {
  if (kind == TaskKind::kHellaSwag) return 200;
  return kind == TaskKind::kWinoGrande ? 400 : 300;
}

// The first of the peer's tasks: the same answer wherever it is not a matter of noise (0.01 nats).
TEST_P(PeerTasks, SameAnswers) {
  constexpr std::size_t kTasks = 80;
  constexpr double kNoise = 0.01;
  const PeerCase c = GetParam();
  const std::string golden = kShared + "golden/trained/" + c.model + "/";
  if (!std::filesystem::exists(golden)) GTEST_SKIP() << "no " << golden;
  const Loaded l(c.quant == "f16" ? kShared + "models/" + c.model + "/model-f16.gguf"
                                  : golden + c.model + "-" + c.quant + ".gguf");
  const auto peer = peer_tasks(golden + peer_name(c.kind) + "-" + c.quant + ".txt");
  ASSERT_EQ(peer.size(), peer_n_tasks(c.kind));

  const std::string path = tasks_path(c.kind);
  const TaskSet set = read_tasks(c.kind, {&path, 1});
  const TaskSelection selection{.n_tasks = peer.size(), .compat = true};
  auto selected = select_tasks(c.kind, set.tasks.size(), selection);
  selected.resize(kTasks);
  const PreparedTasks tasks = prepare_tasks(c.kind, set.tasks, selected, l.tokenizer, true);
  ThreadPool pool(ThreadPoolOptions{2, false, 50});
  test::Evaluator evaluator({{*l.model}}, l.kernels, pool,
                            RunOptions{.n_cells = task_cells(tasks, 0), .max_logits = 512});
  UnitRecords records;
  measure_tasks(evaluator, tasks, records);
  const auto verdicts = judge_tasks(tasks, records, 0);
  ASSERT_EQ(verdicts.size(), kTasks);
  int n_correct = 0, n_peer = 0;
  for (std::size_t t = 0; t < kTasks; ++t) {
    n_correct += verdicts[t].correct;
    n_peer += peer[t].correct;
    if (verdicts[t].correct == peer[t].correct) continue;
    EXPECT_LE(std::min(verdicts[t].margin, peer[t].margin.value_or(HUGE_VAL)), kNoise)
        << "task " << t + 1 << ", " << tasks.tasks[t].where;
  }
  EXPECT_LE(std::abs(n_correct - n_peer), 2);
}

std::vector<PeerCase> peer_cases(const char* model, const char* quant) {
  std::vector<PeerCase> cases;
  for (const TaskKind kind : {TaskKind::kHellaSwag, TaskKind::kWinoGrande, TaskKind::kArc,
                              TaskKind::kMmlu, TaskKind::kTruthfulQa}) {
    cases.push_back({model, quant, kind});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Trained, PeerTasks, testing::ValuesIn(peer_cases("tiny-llama", "f16")));
INSTANTIATE_TEST_SUITE_P(LongTrained, PeerTasks,
                         testing::ValuesIn(peer_cases("tiny-olmo2", "f16")));
INSTANTIATE_TEST_SUITE_P(LongTrainedQ4_K_M, PeerTasks,
                         testing::ValuesIn(peer_cases("tiny-llama", "Q4_K_M")));

}  // namespace
}  // namespace lathe
