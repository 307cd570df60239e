#include <gtest/gtest.h>

#include "runtime/tensor_role.h"

namespace lathe {
namespace {

TEST(TensorRole, NamesRoundTrip) {
  for (std::size_t r = 0; r < kTensorRoleCount; ++r) {
    const auto role = static_cast<TensorRole>(r);
    for (const TensorPart part : {TensorPart::kWeight, TensorPart::kBias}) {
      for (const int layer : {0, 7, 511}) {
        const TensorId id{role, role_is_per_layer(role) ? layer : -1, part};
        EXPECT_EQ(parse_tensor_name(tensor_name(id)), id) << tensor_name(id);
      }
    }
  }
}

TEST(TensorRole, KnowsTheNamesOfFiles) {
  EXPECT_EQ(tensor_name({TensorRole::kAttnQ, 7}), "blk.7.attn_q.weight");
  EXPECT_EQ(tensor_name({TensorRole::kTokenEmbd, -1}), "token_embd.weight");
  EXPECT_EQ(tensor_name({TensorRole::kFfnUp, 0, TensorPart::kBias}), "blk.0.ffn_up.bias");
}

TEST(TensorRole, RefusesOtherNames) {
  for (const char* name :
       {"", "blk", "blk.", "blk.1", "blk.1.", "blk..attn_q.weight", "blk.x.attn_q.weight",
        "blk.-1.attn_q.weight", "blk.01.attn_q.weight", "blk.99999999999.attn_q.weight",
        "attn_q.weight", "blk.0.token_embd.weight", "blk.0.attn_q", "blk.0.attn_q.scale",
        "blk.0.attn_q.weight ", "output", "blk.0.ffn_gate_exps.weight", ".weight"}) {
    EXPECT_FALSE(parse_tensor_name(name)) << name;
  }
}

}  // namespace
}  // namespace lathe
