// Layers [0, l), hidden states kept, then [l, n): the bits of the whole, in a session and in both
// orders of a run, with layers skipped and layers run again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "runtime/forward/capture.h"
#include "tests/support/error_of.h"
#include "tests/support/runner_rows.h"
#include "tests/support/tiny_model.h"

namespace lathe::test {
namespace {

using testing::HasSubstr;

constexpr int kLayers = 4;

TinyModel subject() {
  TinyModel m;
  m.n_layer = kLayers;
  m.head_dim = 32;  // whole blocks of Q8_0, in the cache too
  m.format = Format::Q8_0;
  return m;
}

// What a session's cache holds of keys and values, as bytes; of the layers that were run.
std::vector<std::uint8_t> cache_bytes(KvCache& cache, const std::vector<int>& skipped) {
  const KvCache::Shape& s = cache.shape();
  std::vector<std::uint8_t> bytes;
  for (std::size_t layer = 0; layer < s.n_layer; ++layer) {
    if (std::count(skipped.begin(), skipped.end(), static_cast<int>(layer)) > 0) continue;
    for (std::size_t head = 0; head < s.n_head_kv; ++head) {
      const std::uint8_t* const k = cache.k_head(layer, head);
      const std::uint8_t* const v = cache.v_head(layer, head);
      bytes.insert(bytes.end(), k, k + cache.n_used() * cache.k_stride());
      bytes.insert(bytes.end(), v, v + cache.n_used() * cache.v_stride());
    }
  }
  return bytes;
}

class SessionParts : public testing::TestWithParam<MatmulPath> {
 protected:
  // Through the parts one after the other, all batches through the first part before the next.
  Rows run_parts(Session& session, const std::vector<int>& cuts) const {
    std::vector<std::vector<float>> kept(items_.size() / kBatch + 1);
    Rows rows;
    int first = 0;
    for (const int end : cuts) {
      for (std::size_t b = 0; b * kBatch < items_.size(); ++b) {
        const Batch batch = batch_of(b);
        const std::size_t n_embd = session.model().traits().n_embd;
        const MatrixView<const float> from(kept[b].data(), first == 0 ? 0 : batch.size(), n_embd);
        EXPECT_TRUE(session.decode_layers(batch, GetParam(), {first, end}, from));
        const MatrixView<const float> hidden = session.hidden();
        kept[b].assign(hidden.data, hidden.data + hidden.rows * hidden.cols);
        append_logits(session, rows);
      }
      first = end;
    }
    return rows;
  }

  Batch batch_of(std::size_t b) const {
    return Batch(items_).subspan(b * kBatch, std::min(kBatch, items_.size() - b * kBatch));
  }

  static constexpr std::size_t kBatch = 8;
  GgufFile file_ = tiny_model(subject());
  RunOptions options_{
      .n_batch = kBatch, .path = GetParam(), .k_format = Format::F16, .v_format = Format::Q8_0};
  // Two sequences with a common beginning.
  std::vector<BatchItem> items_ = [] {
    std::vector<BatchItem> items = items_of(some_tokens(10, 200), 0, 0b11);
    for (int s = 0; s < 2; ++s) {
      const auto tail = items_of(some_tokens(9, 200, 30u + s), 10, sequence_bit(s));
      items.insert(items.end(), tail.begin(), tail.end());
    }
    return items;
  }();
};

TEST_P(SessionParts, OneAfterTheOtherGiveTheWhole) {
  for (const std::vector<int>& skipped : {std::vector<int>{}, std::vector<int>{0, 2}}) {
    Engine whole(file_, options_);
    whole.session().set_skipped_layers(skipped);
    const Rows expected = whole.run(items_);
    const std::vector<std::uint8_t> cache = cache_bytes(whole.session().cache(), skipped);
    for (const std::vector<int>& cuts :
         {std::vector<int>{1, kLayers}, {2, 3, kLayers}, {kLayers}, {1, 2, 3, kLayers}}) {
      Engine engine(file_, options_);
      engine.session().set_skipped_layers(skipped);
      EXPECT_EQ(run_parts(engine.session(), cuts), expected);
      EXPECT_TRUE(cache_bytes(engine.session().cache(), skipped) == cache);
      EXPECT_EQ(engine.session().cache().n_used(), items_.size());
      // And text goes on from there.
      const std::vector<BatchItem> next = items_of({5}, 19, sequence_bit(1));
      Engine again(file_, options_);
      again.session().set_skipped_layers(skipped);
      again.run(items_);
      EXPECT_EQ(engine.run(next), again.run(next));
    }
  }
}

// As several machines would: each session runs its layers and hands on the hidden states.
TEST_P(SessionParts, InSessionsOfTheirOwnGiveTheWhole) {
  options_.k_format = options_.v_format = Format::F32;
  const Rows expected = Engine(file_, options_).run(items_);
  Engine first(file_, options_), second(file_, options_);
  Rows rows;
  for (std::size_t b = 0; b * kBatch < items_.size(); ++b) {
    ASSERT_TRUE(first.session().decode_layers(batch_of(b), GetParam(), {0, 3}));
    EXPECT_EQ(first.session().logits().rows, 0u);
    ASSERT_TRUE(
        second.session().decode_layers(batch_of(b), GetParam(), {3}, first.session().hidden()));
    append_logits(second.session(), rows);
  }
  EXPECT_EQ(rows, expected);
}

// A layer whose weights were changed is run again over what the first time left.
TEST_P(SessionParts, RunAgainWithOtherWeights) {
  options_.n_batch = 64;
  options_.k_format = options_.v_format = Format::F32;
  TinyModel other_model = subject();
  other_model.seed = 2;
  const GgufFile other_file = tiny_model(other_model);
  Engine engine(file_, options_), other(other_file, options_);
  WeightSet weights = engine.model().weights();
  for (const TensorRole role : {TensorRole::kAttnK, TensorRole::kFfnUp}) {
    weights.set({role, 1}, other.model().weights().get(role, 1));
  }
  Engine expected(file_, options_);
  expected.session().set_weights(weights);
  const Rows rows = expected.run(items_);

  Session& session = engine.session();
  ASSERT_TRUE(session.decode_layers(items_, GetParam(), {0, 1}));
  const MatrixView<const float> hidden = session.hidden();
  const std::vector<float> kept(hidden.data, hidden.data + hidden.rows * hidden.cols);
  const MatrixView<const float> from(kept.data(), hidden.rows, hidden.cols);
  ASSERT_TRUE(session.decode_layers(items_, GetParam(), {1}, from));
  Rows before;
  append_logits(session, before);
  EXPECT_NE(before, rows);
  session.set_weights(weights);
  ASSERT_TRUE(session.decode_layers(items_, GetParam(), {1}, from));
  Rows after;
  append_logits(session, after);
  EXPECT_EQ(after, rows);
}

INSTANTIATE_TEST_SUITE_P(Paths, SessionParts,
                         testing::Values(MatmulPath::kPanel, MatmulPath::kMatvec),
                         [](const auto& case_info) {
                           return case_info.param == MatmulPath::kPanel ? "Panel" : "Matvec";
                         });

TEST(SessionPart, ThatCannotRunIsRefused) {
  const GgufFile file = tiny_model(subject());
  Engine engine(file, {});
  Session& session = engine.session();
  const std::vector<BatchItem> items = items_of(some_tokens(3, 200));
  const auto message = [&](LayerRange layers, MatrixView<const float> from = {}) {
    return message_of([&] { session.decode_layers(items, MatmulPath::kPanel, layers, from); },
                      ErrorKind::kUsage);
  };
  EXPECT_THAT(message({2, 1}), HasSubstr("layers [2, 1) of a model of 4"));
  EXPECT_THAT(message({0, 5}), HasSubstr("layers [0, 5) of a model of 4"));
  EXPECT_THAT(message({-3, 4}), HasSubstr("layers [-3, 4)"));
  EXPECT_THAT(message({1, 2}), HasSubstr("hidden states [0, 0] for 3 tokens of 64"));
  const std::vector<float> hidden(4 * 64);
  EXPECT_THAT(message({1, 2}, {hidden.data(), 4, 64}), HasSubstr("hidden states [4, 64] for 3"));
  ASSERT_TRUE(session.decode_layers(items, MatmulPath::kPanel, {1, 2}, {hidden.data(), 3, 64}));
  EXPECT_THAT(message({0, 1}), HasSubstr("position 0 in sequence 0, which stands at 3"));
  const std::vector<BatchItem> half_new = items_of(some_tokens(3, 200), 1);
  EXPECT_THAT(
      message_of(
          [&] {
            session.decode_layers(half_new, MatmulPath::kPanel, {1, 2}, {hidden.data(), 3, 64});
          },
          ErrorKind::kUsage),
      HasSubstr("position 1 in sequence 0, which stands at 3"));
}

class RunnerParts : public testing::TestWithParam<RunOrder> {
 protected:
  RunnerParts() {
    for (std::size_t t = 0; t < 5; ++t) {
      items_.push_back(items_of(some_tokens(6 + t, 200, static_cast<unsigned>(t))));
      for (std::size_t i = 0; i < items_.back().size(); ++i) {
        items_.back()[i].want_logits = i % 2 == t % 2;
      }
      n_items_ += items_.back().size();
    }
    for (const auto& items : items_) texts_.emplace_back(items);
  }

  std::unique_ptr<ForwardRunner> runner(std::vector<RunModel> models) {
    const lathe::RunOptions options{
        .n_cells = 16, .n_batch = 4, .max_logits = 3, .order = GetParam(), .group_items = 15};
    return make_forward_runner(std::move(models), engine_.kernels(), engine_.pool(), options);
  }

  GgufFile file_ = tiny_model(subject());
  Engine engine_{file_, {}};
  std::vector<std::vector<BatchItem>> items_;
  std::vector<RunText> texts_;
  std::size_t n_items_ = 0;
};

TEST_P(RunnerParts, OneAfterTheOtherGiveTheWhole) {
  const std::size_t n_embd = engine_.model().traits().n_embd;
  const auto run =
      runner({{engine_.model()}, {.model = engine_.model(), .skipped_layers = {1, 2}}});
  const std::vector<Rows> expected = run_rows(*run, texts_);
  EXPECT_NE(expected[0], expected[1]);
  HiddenStore a(n_items_, n_embd, ""), b(n_items_, n_embd, testing::TempDir());
  HiddenStore* const to[] = {&a, &b};
  for (const std::vector<int>& cuts :
       {std::vector<int>{1, kLayers}, {2, 3, kLayers}, {1, 2, 3, kLayers, kLayers}}) {
    int first = 0;
    std::vector<Rows> rows(2);
    for (const int end : cuts) {
      rows = run_rows(*run, texts_, {.layers = {first, end}, .from = to, .to = to});
      EXPECT_EQ(rows[0].empty(), end < kLayers);
      first = end;
    }
    EXPECT_EQ(rows, expected);
  }
}

// Two paths side by side, as calibration runs them: a layer is run again from what was kept.
TEST_P(RunnerParts, FromAStoreThatStaysAsItIs) {
  const std::size_t n_embd = engine_.model().traits().n_embd;
  const auto run = runner({{engine_.model()}});
  const std::vector<Rows> expected = run_rows(*run, texts_);
  HiddenStore before(n_items_, n_embd, ""), after(n_items_, n_embd, "");
  HiddenStore* const to_before[] = {&before};
  HiddenStore* const to_after[] = {&after};
  run->run_part(texts_, {.layers = {0, 2}, .to = to_before}, {});
  for (int time = 0; time < 2; ++time) {
    run->run_part(texts_, {.layers = {2, 3}, .from = to_before, .to = to_after}, {});
    EXPECT_EQ(run_rows(*run, texts_, {.layers = {3}, .from = to_after}), expected);
    EXPECT_EQ(run_rows(*run, texts_, {.layers = {2}, .from = to_before}), expected);
  }
}

// Observers see the layers of the part, and the progress is that of the part.
TEST_P(RunnerParts, AreWhatObserversAndProgressSee) {
  struct Layers : Observer {
    std::vector<std::size_t> rows = std::vector<std::size_t>(kLayers, 0);
    void on_matmul_input(TensorId, MatrixView<const float>) noexcept override {}
    void on_layer_output(int layer, MatrixView<const float> hidden) noexcept override {
      rows[static_cast<std::size_t>(layer)] += hidden.rows;
    }
  } seen;
  Observer* const observers[] = {&seen};
  HiddenStore kept(n_items_, engine_.model().traits().n_embd, "");
  HiddenStore* const to[] = {&kept};
  double last = 0.0;
  std::size_t n_done = 0;
  runner({{engine_.model()}})
      ->run_part(texts_, {.layers = {1, 3}, .from = to, .to = to},
                 {.logits = [](auto...) { FAIL() << "no head was run"; },
                  .done = [&](std::size_t n) { n_done = n; },
                  .progress =
                      [&](double fraction, auto) {
                        last = fraction;
                        return true;
                      },
                  .observers = observers});
  EXPECT_THAT(seen.rows, testing::ElementsAre(0, n_items_, n_items_, 0));
  EXPECT_NEAR(last, 1.0, 1e-12);
  EXPECT_EQ(n_done, texts_.size());
}

// What enters each product, by role, and the middle of the layer.
struct SeenInputs : Observer {
  std::map<TensorRole, std::vector<float>> inputs;
  std::vector<float> middle;
  int layer_of_middle = -1;
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override {
    append(input, inputs[weight.role]);
  }
  void on_layer_middle(int layer, MatrixView<const float> hidden) noexcept override {
    layer_of_middle = layer;
    append(hidden, middle);
  }
  static void append(MatrixView<const float> rows, std::vector<float>& out) {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      out.insert(out.end(), rows.row(i), rows.row(i) + rows.cols);
    }
  }
};

// A layer up to one of its products: observers see the same inputs until there, and nothing after.
TEST_P(RunnerParts, EndWithinALayer) {
  HiddenStore kept(n_items_, engine_.model().traits().n_embd, "");
  HiddenStore* const stores[] = {&kept};
  const auto run = runner({{engine_.model()}});
  run->run_part(texts_, {.layers = {0, 2}, .to = stores}, {});
  const auto seen = [&](const LayerRange& layers) {
    SeenInputs inputs;
    Observer* const observers[] = {&inputs};
    run->run_part(texts_, {.layers = layers, .from = stores}, {.observers = observers});
    return inputs;
  };
  const SeenInputs all = seen({2, 3});
  const std::vector<std::vector<TensorRole>> steps = {
      {TensorRole::kAttnQ, TensorRole::kAttnK, TensorRole::kAttnV},
      {TensorRole::kAttnOutput},
      {TensorRole::kFfnGate, TensorRole::kFfnUp},
      {TensorRole::kFfnDown}};
  std::map<TensorRole, std::vector<float>> expected;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    for (const TensorRole role : steps[k]) expected[role] = all.inputs.at(role);
    const SeenInputs some = seen({2, 3, steps[k].back()});
    EXPECT_EQ(some.inputs, expected);
    EXPECT_EQ(some.middle.empty(), k < 2);
    EXPECT_EQ(some.layer_of_middle, k < 2 ? -1 : 2);
  }
  // The head, up to its product: what enters it, for the rows that want logits.
  const Rows logits = run_rows(*run, texts_)[0];
  const SeenInputs to_head = seen({kLayers, kLayers, TensorRole::kOutput});
  EXPECT_EQ(to_head.inputs.size(), 1u);
  EXPECT_EQ(to_head.inputs.at(TensorRole::kOutput).size(),
            logits.size() * engine_.model().traits().n_embd);
}

// A layer from one of its products on, whose input was kept, gives the bits of the whole.
TEST_P(RunnerParts, BeginWithinALayer) {
  const std::size_t n_embd = engine_.model().traits().n_embd;
  HiddenStore before(n_items_, n_embd, ""), middle(n_items_, n_embd, "");
  HiddenStore whole(n_items_, n_embd, ""), part(n_items_, n_embd, "");
  HiddenStore* to[] = {&before};
  const HiddenStore* from[] = {&before};
  const auto run = runner({{engine_.model()}});
  run->run_part(texts_, {.layers = {0, 2}, .to = to}, {});
  for (const TensorRole role :
       {TensorRole::kAttnQ, TensorRole::kAttnOutput, TensorRole::kFfnGate, TensorRole::kFfnDown}) {
    const HiddenStore input(n_items_, engine_.model().weights().get(role, 2).cols, "");
    Capture capture(texts_);
    capture.keep_input(role, input);
    capture.keep_middle(middle);
    Observer* observers[] = {&capture};
    from[0] = &before;
    to[0] = &whole;
    run->run_part(texts_, {.layers = {2, 3}, .from = from, .to = to}, {.observers = observers});
    SeenInputs seen;
    observers[0] = &seen;
    if (role >= TensorRole::kFfnGate) from[0] = &middle;
    to[0] = &part;
    run->run_part(
        texts_,
        {.layers = {.first = 2, .end = 3, .since = role}, .from = from, .to = to, .input = &input},
        {.observers = observers});
    EXPECT_EQ(seen.inputs.count(TensorRole::kAttnQ), role == TensorRole::kAttnQ);
    EXPECT_EQ(seen.inputs.count(TensorRole::kFfnDown), 1u);
    const float* const expected = whole.rows(0, 1).data;
    EXPECT_TRUE(std::equal(expected, expected + n_items_ * n_embd, part.rows(0, 1).data));
  }
}

// Every item of the texts has its own row of what is kept, also where the head is run in slices.
TEST_P(RunnerParts, AreKeptItemByItem) {
  const std::size_t n_embd = engine_.model().traits().n_embd;
  for (auto& items : items_) {
    for (BatchItem& item : items) item.want_logits = true;  // 3 of a text at once
  }
  HiddenStore kept(n_items_, n_embd, ""), head(n_items_, n_embd, ""), down(n_items_, 96, "");
  HiddenStore* const stores[] = {&kept};
  const auto run = runner({{engine_.model()}});
  Capture capture(texts_);
  capture.keep_input(TensorRole::kOutput, head);
  capture.keep_input(TensorRole::kFfnDown, down);
  Observer* const observers[] = {&capture};
  run->run_part(texts_, {.layers = {0, 3}, .to = stores}, {});
  run->run_part(texts_, {.layers = {3, kLayers, TensorRole::kFfnDown}, .from = stores},
                {.observers = observers});
  run->run_part(texts_, {.layers = {3, kLayers, TensorRole::kOutput}, .from = stores},
                {.observers = observers});
  std::size_t first = 0;
  for (const auto& items : items_) {
    Engine alone(file_, {.k_format = Format::F16, .v_format = Format::F16});
    SeenInputs seen;
    alone.session().set_observer(&seen);
    ASSERT_TRUE(alone.session().decode_layers(items, MatmulPath::kPanel, {}));
    const auto& outputs = seen.inputs.at(TensorRole::kOutput);
    EXPECT_TRUE(std::equal(outputs.begin(), outputs.end(), head.rows(first, 1).data));
    const auto& downs = seen.inputs.at(TensorRole::kFfnDown);
    EXPECT_TRUE(std::equal(downs.end() - static_cast<std::ptrdiff_t>(items.size() * 96),
                           downs.end(), down.rows(first, 1).data));
    first += items.size();
  }
}

TEST_P(RunnerParts, ThatCannotRunAreRefused) {
  const std::size_t n_embd = engine_.model().traits().n_embd;
  TinyModel shorter_model = subject();
  shorter_model.n_layer = 3;
  const GgufFile shorter_file = tiny_model(shorter_model);
  Engine shorter(shorter_file, {});
  HiddenStore good(n_items_, n_embd, ""), small(n_items_ - 1, n_embd, "");
  HiddenStore* const one[] = {&good};
  HiddenStore* const wrong[] = {&small};
  const auto message = [&](const RunPart& part, std::vector<RunModel> models) {
    const auto run = runner(std::move(models));
    return message_of([&] { run->run_part(texts_, part, {}); }, ErrorKind::kUsage);
  };
  const std::vector<RunModel> model = {{engine_.model()}};
  EXPECT_THAT(message({.layers = {2, 9}, .from = one}, model), HasSubstr("layers [2, 9)"));
  EXPECT_THAT(message({.layers = {2}}, model), HasSubstr("0 stores of hidden states for 1 models"));
  EXPECT_THAT(message({.layers = {2}, .from = wrong}, model),
              HasSubstr("hidden states [39, 64] for 40 tokens of 64"));
  EXPECT_THAT(message({.layers = {0, 2, TensorRole::kFfnDown}, .to = one}, model),
              HasSubstr("a part that ends within a layer leaves no hidden states"));
  EXPECT_THAT(message({.to = wrong}, model), HasSubstr("hidden states [39, 64] for 40"));
  EXPECT_THAT(message({.layers = {0, 3}}, {{engine_.model()}, {shorter.model()}}),
              HasSubstr("layer 3 is the end of some of the models only"));
}

INSTANTIATE_TEST_SUITE_P(Orders, RunnerParts,
                         testing::Values(RunOrder::kByText, RunOrder::kByLayer),
                         [](const auto& case_info) {
                           return case_info.param == RunOrder::kByText ? "ByText" : "ByLayer";
                         });

}  // namespace
}  // namespace lathe::test
