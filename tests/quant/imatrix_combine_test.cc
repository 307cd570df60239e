// Combining importance matrices, writing the legacy form, and going on after an interruption.
#include "quant/imatrix/combine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/imatrix/collect.h"
#include "quant/imatrix/legacy.h"
#include "runtime/base/error.h"
#include "tests/support/engine_run.h"
#include "tests/support/evaluator.h"
#include "tests/support/golden.h"
#include "tests/support/output.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Imatrix part(std::string origin, ImatrixEntry entry, std::uint32_t chunk_size = 100) {
  Imatrix m;
  m.origin = m.model.name = std::move(origin);
  m.datasets = {m.origin + ".txt"};
  m.chunk_count = 2;
  m.chunk_size = chunk_size;
  m.entries["w"] = std::move(entry);
  return m;
}

TEST(ImatrixCombine, AddsSumsAndCounts) {
  Imatrix a = part("a", {2, {1.0f, 2.0f}, {10.0f}, {-1.0f, 1.0f}});
  Imatrix b = part("b", {2, {5.0f, 6.0f}, {30.0f}, {-2.0f, 4.0f}});
  b.entries["v"] = {1, {3.0f}, {7.0f}};
  a.dataset_sha256 = {"aa"};
  const Imatrix parts[] = {a, b};
  const Imatrix m = combine_imatrices(parts);
  EXPECT_THAT(m.entries.at("w").sum2, ElementsAre(6.0f, 8.0f));
  EXPECT_THAT(m.entries.at("w").sum, ElementsAre(-3.0f, 5.0f));
  EXPECT_THAT(m.entries.at("w").counts, ElementsAre(40.0f));
  EXPECT_THAT(m.entries.at("v").sum2, ElementsAre(3.0f));
  EXPECT_TRUE(m.entries.at("v").sum.empty());
  EXPECT_THAT(m.datasets, ElementsAre("a.txt", "b.txt"));
  EXPECT_THAT(m.dataset_sha256, ElementsAre("aa", ""));
  EXPECT_EQ(m.chunk_count, 4u);
  EXPECT_EQ(m.chunk_size, 100u);
}

TEST(ImatrixCombine, MeansStayOnlyWhereAllHaveThem) {
  const Imatrix parts[] = {part("a", {1, {1.0f}, {1.0f}, {1.0f}}), part("b", {1, {1.0f}, {1.0f}}),
                           part("c", {1, {1.0f}, {1.0f}, {1.0f}})};
  EXPECT_TRUE(combine_imatrices(parts).entries.at("w").sum.empty());
}

TEST(ImatrixCombine, OneCountIsThatOfAllMatrices) {
  const Imatrix one = part("a", {4, {1, 2, 3, 4}, {10.0f}});
  const Imatrix two = part("b", {2, {1, 1, 1, 1}, {4.0f, 6.0f}});
  const Imatrix orders[2][2] = {{one, two}, {two, one}};
  for (const auto& parts : orders) {
    const ImatrixEntry e = combine_imatrices(parts).entries.at("w");
    EXPECT_EQ(e.n_cols, 2u);
    EXPECT_THAT(e.sum2, ElementsAre(2, 3, 4, 5));
    EXPECT_THAT(e.counts, ElementsAre(14.0f, 16.0f));
  }
}

TEST(ImatrixCombine, LegacyFilesWeighAsTheirTokens) {
  // 3 chunks of 100 tokens with a mean of 2 beside 100 tokens with a mean of 6: 3 on average.
  const Imatrix parts[] = {part("new", {1, {600.0f}, {100.0f}}),
                           part("old", {1, {6.0f}, {3.0f}}, 0)};
  EXPECT_EQ(assumed_chunk_size(parts), 100u);
  EXPECT_THAT(combine_imatrices(parts).entries.at("w").importance(), ElementsAre(3.0f));
  EXPECT_THAT(combine_imatrices(parts, 1).entries.at("w").counts, ElementsAre(103.0f));
  EXPECT_EQ(assumed_chunk_size({}), 512u);
}

TEST(ImatrixCombine, RefusesWhatDoesNotBelongTogether) {
  const Imatrix parts[] = {part("a", {1, {1.0f}, {1.0f}}), part("b", {2, {1.0f, 1.0f}, {1.0f}})};
  try {
    combine_imatrices(parts);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("'w'"), HasSubstr("'a'"), HasSubstr("b")));
  }
  EXPECT_THROW(combine_imatrices({}), Error);
}

TEST(ImatrixLegacy, RoundTripKeepsMeansCallsAndNames) {
  Imatrix m = part("a", {2, {300.0f, 0.0f}, {150.0f}});
  m.entries["x"] = {1, {8.0f, 5.0f}, {100.0f, 0.0f}};
  m.entries["y"] = {1, {0.0f}, {0.0f}};
  const TempDir dir;
  write_legacy_imatrix(m, test::output(dir.file("m.gguf")));
  const Imatrix back = read_imatrix(dir.file("m.gguf"));
  EXPECT_EQ(back.chunk_size, 0u);
  EXPECT_EQ(back.chunk_count, 2u);
  EXPECT_THAT(back.datasets, ElementsAre("a.txt"));
  EXPECT_THAT(back.entries.at("w").counts, ElementsAre(2.0f));  // 150 tokens: 2 chunks of 100
  EXPECT_THAT(back.entries.at("w").importance(), ElementsAre(2.0f, 0.0f));
  EXPECT_THAT(back.entries.at("x").importance(), ElementsAre(0.08f, 1.0f));
  EXPECT_THAT(back.entries.at("y").importance(), ElementsAre(1.0f));
}

std::vector<char> written(const Imatrix& m) {
  const TempDir dir;
  write_imatrix(m, test::output(dir.file("m")));
  return test::read_bytes(dir.file("m"));
}

class Resume : public testing::Test {
 protected:
  Imatrix collect(CollectOptions options, const CollectProgress& progress = {}) {
    options.datasets = {"text"};
    test::Engine engine(file_, {.n_batch = 32}, 32);
    const test::Evaluator on({{engine.model()}}, engine.kernels(), engine.pool(),
                             RunOptions{.n_cells = 32,
                                        .n_batch = 32,
                                        .max_logits = 32,
                                        .k_format = Format::F32,
                                        .v_format = Format::F32});
    return collect_imatrix(on, text_, options, progress);
  }
  GgufFile file_ = test::tiny_model({});
  TextChunks text_{test::some_tokens(32 * 7, 200), 32, 0, {}};
  TempDir dir_;
};

TEST_F(Resume, AnInterruptedRunEndsInTheSameBytes) {
  const std::vector<char> whole = written(collect({}));
  const std::string path = dir_.file("checkpoint");
  const RunIdentity identity = {{"text", "some"}};
  CollectOptions options;
  std::size_t n_saved = 0;
  options.save_every = 2;
  options.save = [&](const Checkpoint& checkpoint, const Imatrix& so_far) {
    EXPECT_EQ(so_far.chunk_count, checkpoint.n_chunks);
    write_checkpoint(checkpoint, identity, test::output(path));
    ++n_saved;
  };
  EXPECT_THROW(collect(options, [](std::size_t n, const auto&, double, auto) { return n < 5; }),
               Error);
  EXPECT_EQ(n_saved, 3u);  // after chunks 2, 4 and 5
  const Checkpoint done = read_checkpoint(path, identity);
  EXPECT_EQ(done.n_chunks, 5u);
  options.resume = &done;
  std::vector<std::size_t> done_chunks;
  const Imatrix rest = collect(options, [&](std::size_t n, const auto&, double, auto) {
    if (done_chunks.empty() || done_chunks.back() != n) done_chunks.push_back(n);
    return true;
  });
  EXPECT_THAT(done_chunks, ElementsAre(5u, 6u, 7u));
  EXPECT_EQ(written(rest), whole);
}

// A stop is heard after each layer; what was seen of the chunk that was cut off does not count.
TEST_F(Resume, ARunThatIsStoppedWithinAChunkEndsInTheSameBytes) {
  const std::vector<char> whole = written(collect({}));
  std::size_t n_calls = 0;
  collect({}, [&](std::size_t, const auto&, double, auto) { return ++n_calls > 0; });
  const std::size_t per_chunk = n_calls / 7;
  ASSERT_GE(per_chunk, 3u) << "layers, and the end of the chunk";
  for (std::size_t stop = per_chunk; stop < 3 * per_chunk; ++stop) {
    std::optional<Checkpoint> done;
    CollectOptions options;
    options.save = [&](const Checkpoint& checkpoint, const Imatrix& so_far) {
      EXPECT_EQ(so_far.chunk_count, checkpoint.n_chunks);
      done = checkpoint;
    };
    std::size_t n = 0;
    double last = 0.0;
    EXPECT_THROW(collect(options,
                         [&](std::size_t, const auto&, double fraction, auto) {
                           EXPECT_GE(fraction, last);
                           last = fraction;
                           return ++n < stop;
                         }),
                 Error);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->n_chunks, stop / per_chunk);
    CollectOptions rest;
    rest.resume = &*done;
    EXPECT_EQ(written(collect(rest)), whole) << "stopped at call " << stop;
  }
}

TEST_F(Resume, AnotherRunIsRefused) {
  const std::string path = dir_.file("checkpoint");
  write_checkpoint({}, {{"model", "a"}, {"text", "b"}}, test::output(path));
  EXPECT_NO_THROW(read_checkpoint(path, {{"model", "a"}, {"text", "b"}}));
  try {
    read_checkpoint(path, {{"model", "a"}, {"text", "c"}});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("its text was 'b', now it is 'c'"));
  }
  write_imatrix(part("a", {1, {1.0f}, {1.0f}}), test::output(path));
  EXPECT_THROW(read_checkpoint(path, {}), Error);
}

TEST_F(Resume, MeansAreThoseOfTheInputs) {
  struct Sums : Observer {
    std::map<std::string, std::vector<double>> of;
    void on_matmul_input(TensorId weight, MatrixView<const float> x) noexcept override {
      std::vector<double>& sum = of[tensor_name(weight)];
      sum.resize(x.cols);
      for (std::size_t r = 0; r < x.rows; ++r) {
        for (std::size_t c = 0; c < x.cols; ++c) sum[c] += static_cast<double>(x.row(r)[c]);
      }
    }
  } want;
  const Imatrix got = collect({.perplexity = false});
  test::Engine engine(file_, {.n_batch = 32}, 32);
  engine.session().set_observer(&want);
  for (std::size_t c = 0; c < text_.n_chunks(); ++c) {
    engine.session().clear();
    engine.run(test::items_of({text_.chunk(c).begin(), text_.chunk(c).end()}));
  }
  ASSERT_EQ(got.entries.size(), 14u);
  for (const auto& [name, entry] : got.entries) {
    ASSERT_EQ(entry.sum.size(), want.of.at(name).size());
    for (std::size_t i = 0; i < entry.sum.size(); ++i) {
      EXPECT_NEAR(entry.sum[i], want.of.at(name)[i], 1e-4) << name;
    }
  }
  for (const auto& [name, entry] : collect({.means = false}).entries) {
    EXPECT_TRUE(entry.sum.empty()) << name;
  }
}

}  // namespace
}  // namespace lathe
