#include <gtest/gtest.h>

#include "runtime/base/error.h"
#include "runtime/kv_cache.h"

namespace lathe {
namespace {

KvCache::Shape shape(std::size_t n_cells) { return {1, 2, 32, n_cells, Format::F16, Format::Q8_0}; }

struct Placed {
  bool ok;
  std::vector<std::int32_t> cells;
  std::vector<std::vector<std::int32_t>> seen;  // positions that each item sees
};

Placed place(KvCache& cache, const std::vector<BatchItem>& items) {
  Placed p;
  p.cells.assign(items.size(), -1);
  AttentionPlan plan;
  p.ok = cache.place(items, p.cells, &plan);
  if (!p.ok) return p;
  p.seen.resize(items.size());
  for (const AttentionRun& run : plan.runs) {
    for (std::int32_t i = run.first_item; i < run.first_item + run.n_items; ++i) {
      const auto n = static_cast<std::size_t>(i);
      for (std::int32_t k = 0; k < plan.n_visible[n]; ++k) {
        p.seen[n].push_back(
            cache.position(plan.cells[static_cast<std::size_t>(run.first_cell + k)]));
      }
    }
  }
  return p;
}

using Positions = std::vector<std::int32_t>;

TEST(KvCache, ItemsSeeTheirSequenceUpToThemselves) {
  KvCache cache(shape(16));
  cache.reserve(8);
  Placed p = place(cache, {{0, 0, 1}, {0, 1, 1}, {0, 0, 2}, {0, 2, 1}});
  ASSERT_TRUE(p.ok);
  EXPECT_EQ(p.seen[1], (Positions{0, 1}));
  EXPECT_EQ(p.seen[2], (Positions{0}));
  EXPECT_EQ(p.seen[3], (Positions{0, 1, 2}));
  p = place(cache, {{0, 1, 2}});
  EXPECT_EQ(p.seen[0], (Positions{0, 1}));
  EXPECT_EQ(cache.n_used(), 5u);
  EXPECT_EQ(cache.n_past(0), 3);
  EXPECT_EQ(cache.n_past(1), 2);
  EXPECT_EQ(cache.n_past(2), 0);
}

TEST(KvCache, AnItemOfSeveralSequencesSeesWhatAllOfThemHave) {
  KvCache cache(shape(16));
  cache.reserve(8);
  place(cache, {{0, 0, 3}, {0, 1, 3}, {0, 2, 1}});
  const Placed p = place(cache, {{0, 3, 3}, {0, 4, 2}});
  EXPECT_EQ(p.seen[0], (Positions{0, 1, 3}));
  EXPECT_EQ(p.seen[1], (Positions{0, 1, 3, 4}));
}

TEST(KvCache, FullIsRefusedAndNothingChanges) {
  KvCache cache(shape(4));
  cache.reserve(8);
  ASSERT_TRUE(place(cache, {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}}).ok);
  EXPECT_FALSE(place(cache, {{0, 3, 1}, {0, 4, 1}}).ok);
  EXPECT_EQ(cache.n_used(), 3u);
  EXPECT_EQ(cache.n_past(0), 3);
  EXPECT_TRUE(place(cache, {{0, 3, 1}}).ok);
}

TEST(KvCache, TruncateFreesCellsThatNobodyElseHas) {
  KvCache cache(shape(8));
  cache.reserve(8);
  place(cache, {{0, 0, 3}, {0, 1, 3}, {0, 2, 1}, {0, 3, 1}});
  cache.truncate(0, 1);
  EXPECT_EQ(cache.n_used(), 2u);  // position 1 is still sequence 1's
  EXPECT_EQ(cache.n_past(0), 1);
  EXPECT_EQ(cache.n_past(1), 2);
  EXPECT_EQ(place(cache, {{0, 1, 1}}).seen[0], (Positions{0, 1}));
  cache.truncate(1, -5);
  EXPECT_EQ(cache.n_past(1), 0);
}

TEST(KvCache, SharedPrefixReplacesWhatWasThere) {
  KvCache cache(shape(8));
  cache.reserve(8);
  place(cache, {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 0, 2}});
  cache.share_prefix(0, 1, 2);
  EXPECT_EQ(cache.n_used(), 3u);
  EXPECT_EQ(cache.n_past(1), 2);
  cache.share_prefix(0, 0, 2);
  EXPECT_EQ(cache.n_past(0), 3);
  cache.clear();
  EXPECT_EQ(cache.n_used(), 0u);
  EXPECT_EQ(cache.n_past(0), 0);
}

TEST(KvCache, HeadsDoNotOverlap) {
  KvCache cache({2, 3, 64, 5, Format::F32, Format::Q8_0});
  EXPECT_EQ(cache.k_stride(), 256u);
  EXPECT_EQ(cache.v_stride(), 68u);
  EXPECT_EQ(cache.k_head(0, 1) - cache.k_head(0, 0), 5 * 256);
  EXPECT_EQ(cache.v_head(1, 0) - cache.v_head(0, 2), 5 * 68);
  EXPECT_EQ(cache.bytes(), 2u * 3 * 5 * (256 + 68));
}

TEST(KvCache, ShapesThatCannotBe) {
  EXPECT_THROW(KvCache({1, 2, 24, 8, Format::F16, Format::Q8_0}), Error);  // 24 is no whole block
  EXPECT_THROW(KvCache({1, 2, 32, 8, Format::Q4_K, Format::F16}), Error);
  EXPECT_THROW(KvCache({1, 2, 32, 0, Format::F16, Format::F16}), Error);
  EXPECT_THROW(KvCache({std::size_t{1} << 30, 1 << 20, 32, 1 << 30, Format::F16, Format::F16}),
               Error);
}

}  // namespace
}  // namespace lathe
