// Groups of decoded rows: every row once, the same groups for any number of threads.
#include "runtime/decode_rows.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "kernels/tiers.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/permuted_source.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

class DecodeRows : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(select_kernels("", &kernels_)); }

  std::vector<float> values_of(const TensorSource& source, const TensorInfo& t, RowRange range,
                               int n_threads) {
    ThreadPool pool({.n_threads = n_threads, .pin = false});
    RowDecoder decoder(kernels_, pool);
    std::vector<float> out(range.n * t.cols());
    std::vector<std::atomic<int>> seen(row_groups(range.n, t.cols()));
    decoder.for_groups(source, t, range, [&](const RowGroup& group) noexcept {
      ++seen[group.index];
      std::copy_n(group.values.data, group.values.rows * group.values.cols,
                  out.data() + (group.first - range.first) * t.cols());
    });
    for (const auto& n : seen) EXPECT_EQ(n, 1);
    return out;
  }

  GgufFile file_ = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  KernelTable kernels_;
};

TEST_F(DecodeRows, EveryRowOnceForAnySourceAndNumberOfThreads) {
  const TensorInfo& t = file_.require("token_embd.weight");
  const RowRange range{3, t.rows() - 10};
  std::vector<float> want(range.n * t.cols());
  kernels_.decode[index_of(t.format)](
      file_.data(t).data() + range.first * row_bytes(t.format, t.cols()), want.size(), want.data());
  const test::PermutedSource memory(file_);
  for (const int n_threads : {1, 3}) {
    EXPECT_EQ(values_of(file_, t, range, n_threads), want);
    EXPECT_EQ(values_of(memory, t, range, n_threads), want);
  }
  EXPECT_TRUE(values_of(file_, t, {5, 0}, 2).empty());
}

TEST_F(DecodeRows, AViewOfAWeightGivesTheSame) {
  const TensorInfo& t = file_.require("blk.1.ffn_down.weight");
  ThreadPool pool({.n_threads = 2, .pin = false});
  RowDecoder decoder(kernels_, pool);
  std::vector<float> out(t.n_elements());
  decoder.for_groups(WeightView{t.format, t.rows(), t.cols(), file_.data(t).data()},
                     [&](const RowGroup& group) noexcept {
                       std::copy_n(group.values.data, group.values.rows * group.values.cols,
                                   out.data() + group.first * t.cols());
                     });
  EXPECT_EQ(out, values_of(file_, t, {0, t.rows()}, 2));
}

TEST(FirstRow, KeepsTheLowest) {
  FirstRow row;
  EXPECT_FALSE(row.get());
  for (const std::uint64_t r : {7, 3, 9}) row.note(r);
  EXPECT_EQ(row.get(), 3u);
}

}  // namespace
}  // namespace lathe
