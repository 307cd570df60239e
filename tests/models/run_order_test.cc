// Which order of layers and texts a run takes, how texts are grouped, and that observers see each
// text whole, in either order.
#include "runtime/forward/run_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "models/registry.h"
#include "runtime/base/error.h"
#include "runtime/forward/by_layer.h"
#include "tests/support/engine_run.h"
#include "tests/support/error_of.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMega = 1 << 20;

TEST(RunOrderChoice, ModelsThatFitStayInMemory) {
  const RunMemory memory{.weights = 1000 * kMega,
                         .layers = 100 * kMega,
                         .heads = 200 * kMega,
                         .logits = 64 * kMega,
                         .scratch = 40 * kMega};
  EXPECT_TRUE(fits_in_memory(memory, 1300 * kMega));
  EXPECT_FALSE(fits_in_memory(memory, 1100 * kMega));
  lathe::RunOptions options;
  run_by_layer(memory, 500 * kMega, 0, options);
  EXPECT_EQ(options.order, RunOrder::kByLayer);
  EXPECT_TRUE(options.drop_weights);
  EXPECT_EQ(options.hidden_bytes, (500 - 264 - 40 - 96) * kMega / 4 * 3);
  run_by_layer(memory, 2000 * kMega, 0, options);
  EXPECT_FALSE(options.drop_weights);
  run_by_layer(memory, 10 * kMega, 0, options);
  EXPECT_EQ(options.hidden_bytes, 0u) << "one text at a time";
  options.spill_folder = "somewhere";
  run_by_layer(memory, 10 * kMega, 4000 * kMega, options);
  EXPECT_EQ(options.hidden_bytes, 3000 * kMega) << "of the disk, not of memory";
}

class Runs : public testing::Test {
 protected:
  Runs() {
    for (std::size_t t = 0; t < 5; ++t) {
      const std::vector<int> tokens = test::some_tokens(6 + t, 200, static_cast<unsigned>(t));
      std::vector<BatchItem>& items = items_.emplace_back(test::items_of(tokens));
      for (std::size_t i = 0; i < items.size(); ++i) items[i].want_logits = i % 2 == t % 2;
    }
    for (const auto& items : items_) texts_.emplace_back(items);
  }

  lathe::RunOptions options(RunOrder order, std::size_t hidden_bytes) const {
    return {
        .n_cells = 16, .n_batch = 4, .max_logits = 3, .order = order, .hidden_bytes = hidden_bytes};
  }

  GgufFile file_ = test::tiny_model({});
  test::Engine engine_{file_, {}};
  std::vector<std::vector<BatchItem>> items_;
  std::vector<RunText> texts_;
};

// Everything that callbacks and observers are told.
struct Seen : Observer {
  std::map<std::size_t, test::Rows> logits;                   // by text
  std::map<std::pair<std::size_t, int>, std::size_t> inputs;  // rows by text and layer
  std::vector<std::size_t> done;
  std::size_t text = 0;

  void on_text(std::size_t t) noexcept override { text = t; }
  void on_matmul_input(TensorId, MatrixView<const float>) noexcept override {}
  void on_layer_input(int layer, MatrixView<const float> hidden) noexcept override {
    inputs[{text, layer}] += hidden.rows;
  }
};

TEST_F(Runs, BothOrdersGiveTheSameRowsTextByText) {
  const std::size_t n_embd = engine_.model().traits().n_embd;
  std::vector<Seen> all;
  for (const auto& [order, bytes] :
       {std::pair{RunOrder::kByText, std::size_t{0}}, std::pair{RunOrder::kByLayer, std::size_t{0}},
        std::pair{RunOrder::kByLayer, 25 * n_embd * sizeof(float)},
        std::pair{RunOrder::kByLayer, std::size_t{1} << 30}}) {
    Seen& seen = all.emplace_back();
    Observer* const observers[] = {&seen};
    const auto runner = make_forward_runner({{engine_.model()}}, engine_.kernels(), engine_.pool(),
                                            options(order, bytes));
    runner->run(texts_, {.logits =
                             [&](std::size_t t, std::size_t first_row, auto by_model) {
                               test::Rows& rows = seen.logits[t];
                               EXPECT_EQ(first_row, rows.size());
                               for (std::size_t r = 0; r < by_model[0].rows; ++r) {
                                 rows.emplace_back(by_model[0].row(r),
                                                   by_model[0].row(r) + by_model[0].cols);
                               }
                             },
                         .done = [&](std::size_t n) { seen.done.push_back(n); },
                         .progress = {},
                         .observers = observers});
  }
  EXPECT_THAT(all[0].done, testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(all[1].done, testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(all[2].done, testing::ElementsAre(2, 4, 5));
  EXPECT_THAT(all[3].done, testing::ElementsAre(5));
  for (const Seen& seen : all) {
    EXPECT_EQ(seen.logits, all[0].logits);
    EXPECT_EQ(seen.inputs, all[0].inputs);
  }
  for (std::size_t t = 0; t < texts_.size(); ++t) {
    EXPECT_EQ((all[0].inputs[{t, 1}]), texts_[t].size());
  }
}

TEST_F(Runs, GroupsAreBoundedByItemsToo) {
  lathe::RunOptions by_layer = options(RunOrder::kByLayer, std::size_t{1} << 30);
  by_layer.group_items = texts_[0].size() + texts_[1].size();
  std::vector<std::size_t> done;
  make_forward_runner({{engine_.model()}}, engine_.kernels(), engine_.pool(), by_layer)
      ->run(texts_, {.done = [&](std::size_t n) { done.push_back(n); }});
  EXPECT_EQ(done.front(), 2u);
  EXPECT_EQ(done.back(), texts_.size());
  EXPECT_GT(done.size(), 1u);
}

TEST_F(Runs, TwoModelsAreHandedOutSideBySide) {
  for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
    const auto runner =
        make_forward_runner({{engine_.model()}, {engine_.model(), {}, {0}}}, engine_.kernels(),
                            engine_.pool(), options(order, 1 << 20));
    std::size_t n_rows = 0;
    runner->run(texts_, {.logits = [&](std::size_t, std::size_t, auto by_model) {
                  ASSERT_EQ(by_model.size(), 2u);
                  ASSERT_EQ(by_model[0].rows, by_model[1].rows);
                  EXPECT_NE(by_model[0].row(0)[0], by_model[1].row(0)[0]) << "a layer is skipped";
                  n_rows += by_model[0].rows;
                }});
    EXPECT_EQ(n_rows, 3u + 3 + 4 + 4 + 5);
  }
}

TEST_F(Runs, ProgressEndsAtOneAndMayStop) {
  for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
    const auto runner = make_forward_runner({{engine_.model()}}, engine_.kernels(), engine_.pool(),
                                            options(order, 1 << 10));
    double last = 0.0;
    runner->run(texts_, {.progress = [&](double fraction, std::string_view) {
                  EXPECT_GE(fraction, last);
                  last = fraction;
                  return true;
                }});
    EXPECT_NEAR(last, 1.0, 1e-12);
    int n = 0;
    EXPECT_THAT(
        message_of(
            [&] { runner->run(texts_, {.progress = [&](double, auto) { return ++n < 3; }}); },
            ErrorKind::kFailed),
        testing::HasSubstr("stopped"));
  }
}

// A text may take minutes: it can be stopped in the middle, and the next run is as if nothing was.
TEST_F(Runs, StopsWithinAText) {
  const auto runner = make_forward_runner({{engine_.model()}, {engine_.model()}}, engine_.kernels(),
                                          engine_.pool(), options(RunOrder::kByText, 0));
  const auto run = [&](std::size_t n_calls) {
    Seen seen;
    std::vector<double> fractions;
    const auto go = [&] {
      runner->run(texts_, {.logits =
                               [&](std::size_t t, std::size_t, auto by_model) {
                                 seen.logits[t].emplace_back(by_model[1].row(0),
                                                             by_model[1].row(0) + by_model[1].cols);
                               },
                           .within_text =
                               [&](double fraction) {
                                 fractions.push_back(fraction);
                                 return fractions.size() != n_calls;
                               }});
    };
    if (n_calls > 0) {
      EXPECT_THAT(message_of(go, ErrorKind::kFailed), testing::HasSubstr("stopped"));
      EXPECT_EQ(fractions.size(), n_calls);
    } else {
      go();
      EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
      EXPECT_NEAR(fractions.back(), 1.0, 1e-12);
    }
    return seen.logits;
  };
  const auto whole = run(0);
  EXPECT_TRUE(run(1).empty());
  EXPECT_LT(run(30).size(), whole.size());
  EXPECT_EQ(run(0), whole);
}

TEST_F(Runs, TextsThatCannotRunAreRefused) {
  for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
    const auto runner = make_forward_runner({{engine_.model()}}, engine_.kernels(), engine_.pool(),
                                            options(order, 1 << 20));
    const std::vector<BatchItem> long_text = test::items_of(test::some_tokens(17, 200));
    EXPECT_THAT(
        message_of([&] { runner->run(std::vector<RunText>{long_text}, {}); }, ErrorKind::kUsage),
        testing::HasSubstr("longer than the context of 16"));
    const std::vector<BatchItem> wrong = test::items_of({1, 1 << 20});
    EXPECT_THAT(
        message_of([&] { runner->run(std::vector<RunText>{wrong}, {}); }, ErrorKind::kUsage),
        testing::HasSubstr("outside the vocabulary"));
  }
  lathe::RunOptions spilling = options(RunOrder::kByLayer, 1 << 20);
  spilling.spill_folder = "/nonexistent/folder";
  const auto runner =
      make_forward_runner({{engine_.model()}}, engine_.kernels(), engine_.pool(), spilling);
  EXPECT_THAT(message_of([&] { runner->run(texts_, {}); }, ErrorKind::kFailed),
              testing::HasSubstr("/nonexistent/folder"));
}

}  // namespace
}  // namespace lathe
