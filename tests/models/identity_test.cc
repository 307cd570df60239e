// What is the same to the bit: results do not depend on how a text was cut into batches, on
// threads, on what else was in a batch, on where cells lie in the cache, nor on what was there
// before.
#include <gtest/gtest.h>

#include "tests/support/engine_run.h"
#include "tests/support/tiny_model.h"

namespace lathe::test {
namespace {

constexpr std::size_t kLength = 2 * kAttentionPiece + 21;  // several pieces of attention

TinyModel subject(Format format) {
  TinyModel m;
  m.format = format;
  m.n_layer = 1;
  m.n_embd = 256;
  m.n_ff = 256;
  m.n_vocab = 48;
  m.head_dim = 64;
  return m;
}

// Over tiers and formats with different kinds of activations.
class Identity : public testing::TestWithParam<std::tuple<std::string, Format>> {
 protected:
  Identity() : model(subject(std::get<1>(GetParam()))), file(tiny_model(model)) {
    options.tier = std::get<0>(GetParam());
    options.k_format = options.v_format = Format::F16;
    tokens = some_tokens(kLength, model.n_vocab);
  }

  TinyModel model;
  GgufFile file;
  RunOptions options;
  std::vector<int> tokens;
};

TEST_P(Identity, OfAnySplitIntoBatchesAndAnyNumberOfThreads) {
  options.n_batch = kLength;
  const Rows whole = run_model(file, tokens, options);
  for (const auto& [n_batch, n_threads] : {std::pair<std::size_t, int>{64, 2}, {100, 5}, {33, 3}}) {
    options.n_batch = n_batch;
    options.n_threads = n_threads;
    EXPECT_EQ(run_model(file, tokens, options), whole) << n_batch << " at once, " << n_threads;
  }
}

TEST_P(Identity, OfSingleSteps) {
  tokens.resize(40);
  const Rows whole = run_model(file, tokens, options);
  options.n_batch = 1;
  options.n_threads = 2;
  EXPECT_EQ(run_model(file, tokens, options), whole);
}

// The matvec path too: n tokens at once give the bits of one at a time, for any n and any number of
// threads. It agrees with panels within rounding.
TEST_P(Identity, OfTheMatvecPathWithItself) {
  tokens.resize(40);
  options.path = MatmulPath::kMatvec;
  options.n_batch = 1;
  const Rows one_at_a_time = run_model(file, tokens, options);
  for (const auto& [n_batch, n_threads] :
       {std::pair<std::size_t, int>{2, 1}, {3, 3}, {4, 2}, {7, 1}, {8, 3}, {16, 2}, {40, 1}}) {
    options.n_batch = n_batch;
    options.n_threads = n_threads;
    EXPECT_EQ(run_model(file, tokens, options), one_at_a_time) << n_batch << " at once";
  }
  options.path = MatmulPath::kPanel;
  EXPECT_LT(rms_difference(one_at_a_time, run_model(file, tokens, options)), 2e-2);
}

// Three sequences interleaved in one batch give what each gives alone.
TEST_P(Identity, OfSequencesPackedTogether) {
  std::vector<Rows> alone;
  std::vector<BatchItem> packed;
  const std::size_t n = 50;
  for (int s = 0; s < 3; ++s) {
    alone.push_back(run_model(file, some_tokens(n, model.n_vocab, 100u + s), options));
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (int s = 0; s < 3; ++s) {
      packed.push_back(
          {some_tokens(n, model.n_vocab, 100u + s)[i], static_cast<int>(i), sequence_bit(s), true});
    }
  }
  const Rows together = Engine(file, options).run(packed);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t s = 0; s < 3; ++s)
      ASSERT_EQ(together[3 * i + s], alone[s][i]) << i << " " << s;
  }
}

TEST_P(Identity, OfRewindAndReplay) {
  Engine engine(file, options);
  const std::vector<BatchItem> items = items_of(tokens);
  const Rows first = engine.run(items);
  engine.session().truncate(0, 200);
  EXPECT_EQ(engine.session().cache().n_past(0), 200);
  const Rows again = engine.run({items.begin() + 200, items.end()});
  EXPECT_EQ(again, Rows(first.begin() + 200, first.end()));
  engine.session().clear();
  EXPECT_EQ(engine.run(items), first);
}

// Cells that were freed in disorder are used again in another order than that of positions.
TEST_P(Identity, OfCellsInAnyOrder) {
  Engine engine(file, options, 700);
  const std::vector<int> other = some_tokens(90, model.n_vocab, 5);
  for (int i = 0; i < 90; ++i) {  // sequences 1 and 2 in alternation, then 1 is forgotten
    engine.run({{other[static_cast<std::size_t>(i)], i / 2, sequence_bit(1 + i % 2), true}});
  }
  engine.session().truncate(1, 0);
  tokens.resize(300);
  std::vector<BatchItem> items = items_of(tokens);
  const std::vector<BatchItem> head(items.begin(), items.begin() + 45);
  Rows rows = engine.run(head);
  engine.session().truncate(2, 0);  // holes before the cells of sequence 0
  for (const auto& row : engine.run({items.begin() + 45, items.end()})) rows.push_back(row);
  EXPECT_EQ(rows, run_model(file, tokens, options));
}

// A prefix computed once for several sequences, or copied to one later, is as good as its own.
TEST_P(Identity, OfSharedPrefixes) {
  const std::vector<int> prefix = some_tokens(280, model.n_vocab, 21);
  const std::vector<int> answers[] = {some_tokens(9, model.n_vocab, 22),
                                      some_tokens(13, model.n_vocab, 23)};
  Engine shared(file, options);
  const Rows head = shared.run(items_of(prefix, 0, 0b011));
  shared.session().share_prefix(1, 2, 280);
  EXPECT_EQ(shared.session().cache().n_used(), 280u);
  for (int s = 0; s < 3; ++s) {
    const std::vector<int>& answer = answers[s % 2];
    std::vector<int> text = prefix;
    text.insert(text.end(), answer.begin(), answer.end());
    const Rows alone = run_model(file, text, options);
    EXPECT_EQ(head, Rows(alone.begin(), alone.begin() + 280));
    EXPECT_EQ(shared.run(items_of(answer, 280, sequence_bit(s))),
              Rows(alone.begin() + 280, alone.end()));
  }
}

// All batches through one layer, then all through the next.
TEST_P(Identity, OfLayerMajorOrder) {
  options.n_batch = 128;
  Engine engine(file, options);
  const std::vector<BatchItem> items = items_of(tokens);
  const Rows expected = engine.run(items);

  const Model& m = engine.model();
  const ModelTraits& t = m.traits();
  KvCache cache({t.n_layer, t.n_head_kv, t.head_dim, kLength, Format::F16, Format::F16});
  cache.reserve(kLength);
  Arena scratch(m.scratch_bytes(engine.kernels(), engine.pool().size(), kLength, kLength));
  ExecContext ctx{engine.kernels(), engine.pool(),      scratch,
                  m.weights(),      MatmulPath::kPanel, nullptr};
  std::vector<std::int32_t> cells(kLength);
  PassView pass{items, cells.data(), {}};
  ASSERT_TRUE(cache.place(items, cells, &pass.attention));
  std::vector<float> hidden(kLength * t.n_embd), logits(kLength * t.n_vocab);
  const MatrixView<float> rows(hidden.data(), kLength, t.n_embd);
  m.embed(ctx, items, rows);
  for (std::size_t i = 0; i < t.n_layer; ++i) m.layer(ctx, static_cast<int>(i), pass, cache, rows);
  m.head(ctx, rows, {logits.data(), kLength, t.n_vocab});
  for (std::size_t r = 0; r < kLength; ++r) {
    ASSERT_TRUE(std::equal(expected[r].begin(), expected[r].end(), &logits[r * t.n_vocab])) << r;
  }
}

INSTANTIATE_TEST_SUITE_P(TiersAndFormats, Identity,
                         testing::Combine(testing::ValuesIn(supported_tiers()),
                                          testing::Values(Format::F32, Format::BF16, Format::Q8_0,
                                                          Format::Q4_K)),
                         [](const auto& case_info) {
                           return std::get<0>(case_info.param) + "_" +
                                  std::string(format_name(std::get<1>(case_info.param)));
                         });

TEST(SlidingWindow, IsTheSameForAnySplit) {
  TinyModel m;
  m.architecture = "olmo2";
  m.n_layer = 2;
  m.keys.set("olmo2.attention.sliding_window", Value::u32(300));
  const GgufFile file = tiny_model(m);
  const std::vector<int> tokens = some_tokens(620, m.n_vocab);
  RunOptions o;
  o.n_batch = 620;
  const Rows whole = run_model(file, tokens, o);
  for (const std::size_t n_batch : {std::size_t{77}, std::size_t{1}}) {
    o.n_batch = n_batch;
    o.n_threads = 3;
    EXPECT_EQ(run_model(file, tokens, o), whole) << n_batch << " at once";
  }
}

// Up to its width a window hides nothing, and queries go together as without one.
TEST(SlidingWindow, HidesNothingUpToItsWidth) {
  TinyModel m;
  m.architecture = "olmo2";
  m.n_layer = 2;
  const GgufFile without = tiny_model(m);
  m.keys.set("olmo2.attention.sliding_window", Value::u32(300));
  const GgufFile with = tiny_model(m);
  const std::vector<int> tokens = some_tokens(300, m.n_vocab);
  RunOptions o;
  o.n_batch = 300;
  EXPECT_EQ(run_model(with, tokens, o), run_model(without, tokens, o));
}

}  // namespace
}  // namespace lathe::test
