#include "runtime/gguf/size_summary.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TensorInfo tensor(std::string name, Format format, std::uint64_t cols, std::uint64_t rows) {
  TensorInfo t;
  t.name = std::move(name);
  t.format = format;
  t.n_dims = 2;
  t.dims = {cols, rows, 1, 1};
  t.n_bytes = row_bytes(format, cols) * rows;
  return t;
}

TEST(SizeSummary, PlacesOfNames) {
  const auto expect = [](std::string_view name, int layer, std::string_view role) {
    const TensorPlace place = tensor_place(name);
    EXPECT_EQ(place.layer, layer) << name;
    EXPECT_EQ(place.role, role) << name;
  };
  expect("blk.7.attn_q.weight", 7, "attn_q");
  expect("blk.31.attn_q.bias", 31, "attn_q.bias");
  expect("output.weight", -1, "output");
  expect("rope_freqs.weight", -1, "rope_freqs");
  expect("blk.x.attn_q.weight", -1, "blk.x.attn_q");
  expect("blk.", -1, "blk.");
  expect("blk.7", -1, "blk.7");
  expect("blk.99999999999.a.weight", -1, "blk.99999999999.a");
  expect("", -1, "");
}

TEST(SizeSummary, BitsPerWeight) {
  const std::vector<TensorInfo> tensors = {
      tensor("token_embd.weight", Format::F16, 256, 4),
      tensor("blk.10.ffn_down.weight", Format::Q6_K, 256, 2),
      tensor("blk.2.ffn_down.weight", Format::Q4_K, 256, 2),
      tensor("blk.2.attn_norm.weight", Format::F32, 256, 1),
  };
  const SizeSummary s = summarize_sizes(tensors);
  EXPECT_EQ(s.total.n_tensors, 4U);
  EXPECT_EQ(s.total.n_elements, 256U * 9);
  EXPECT_EQ(s.total.n_bytes, 2048U + 420 + 288 + 1024);
  EXPECT_DOUBLE_EQ(s.total.bits_per_weight(), 8.0 * 3780 / 2304);

  ASSERT_EQ(s.by_layer.size(), 3U);  // by number, not as text; the rest last
  EXPECT_EQ(s.by_layer[0].name, "blk.2");
  EXPECT_DOUBLE_EQ(s.by_layer[0].bits_per_weight(), 8.0 * (288 + 1024) / 768);
  EXPECT_EQ(s.by_layer[1].name, "blk.10");
  EXPECT_DOUBLE_EQ(s.by_layer[1].bits_per_weight(), 6.5625);
  EXPECT_EQ(s.by_layer[2].name, "-");

  ASSERT_EQ(s.by_role.size(), 3U);
  EXPECT_EQ(s.by_role[0].name, "token_embd");
  EXPECT_EQ(s.by_role[1].name, "ffn_down");
  EXPECT_DOUBLE_EQ(s.by_role[1].bits_per_weight(), (6.5625 + 4.5) / 2);
  EXPECT_EQ(s.by_role[1].tensors_of_format[index_of(Format::Q6_K)], 1U);
  EXPECT_EQ(s.by_role[1].tensors_of_format[index_of(Format::Q4_K)], 1U);
  EXPECT_EQ(s.by_role[2].name, "attn_norm");

  ASSERT_EQ(s.by_format.size(), 4U);  // largest first
  EXPECT_EQ(s.by_format[0].name, "f16");
  EXPECT_EQ(s.by_format[3].name, "q4_K");
}

TEST(SizeSummary, NoTensors) {
  const SizeSummary s = summarize_sizes({});
  EXPECT_EQ(s.total.bits_per_weight(), 0.0);
  EXPECT_TRUE(s.by_layer.empty());
}

}  // namespace
}  // namespace lathe
