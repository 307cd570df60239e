// Which importance matrix may be used with which model, and under which numbers.
#include "quant/imatrix/imatrix_origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "kernels/half.h"
#include "quant/imatrix/imatrix.h"
#include "quant/plan/plan.h"
#include "quant/plan/pruned_layers.h"
#include "runtime/base/error.h"
#include "runtime/identity/fingerprint.h"
#include "tests/support/error_of.h"
#include "tests/support/model_file.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ModelFile tiny_llama() {
  return ModelFile::of(GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf")));
}

ImatrixOrigin origin(const ModelFile& model) {
  const GgufFile file = GgufFile::from_bytes(model.bytes(), "model.gguf");
  const ModelIdentity identity = model_identity(file, {.cache_folder = {}});
  return origin_of(file, &identity);
}

// Matrices in F32: the same values in another type.
ModelFile converted(ModelFile model) {
  for (ModelFile::Tensor& t : model.tensors) {
    if (t.format != Format::F16) continue;
    std::vector<std::uint8_t> data(2 * t.data.size());
    for (std::size_t i = 0; i < t.data.size() / 2; ++i) {
      std::uint16_t half;
      std::memcpy(&half, t.data.data() + 2 * i, 2);
      const float value = f32_from_f16(half);
      std::memcpy(data.data() + 4 * i, &value, 4);
    }
    t.data = std::move(data);
    t.format = Format::F32;
  }
  return model;
}

// As `lathe quantize --prune-layers` does it; without keys, as another tool may.
ModelFile without_layers(const ModelFile& model, std::vector<int> pruned, bool keys = true) {
  ModelFile out{model.metadata, {}};
  for (const ModelFile::Tensor& t : model.tensors) {
    const auto name = name_after_pruning(t.name, pruned);
    if (!name) continue;
    out.tensors.push_back(t);
    out.tensors.back().name = *name;
  }
  if (keys) out.metadata.set(kPrunedKey, Value::array<std::int32_t>(std::span(pruned)));
  return out;
}

// An entry for each layer, which says its number.
Imatrix matrix_of(int n_layer, ImatrixOrigin model = {}) {
  Imatrix out;
  out.origin = "imatrix.gguf";
  out.model = std::move(model);
  for (int layer = 0; layer < n_layer; ++layer) {
    out.entries["blk." + std::to_string(layer) + ".attn_q.weight"] = {
        1, {static_cast<float>(layer)}, {1.0f}};
  }
  out.entries["output.weight"] = {1, {99.0f}, {1.0f}};
  return out;
}

// What the model's layers got: numbers of the matrix's, -1 for none.
std::vector<int> layers_in(const Imatrix& imatrix, int n_layer) {
  std::vector<int> out;
  for (int layer = 0; layer < n_layer; ++layer) {
    const ImatrixEntry* e = imatrix.find("blk." + std::to_string(layer) + ".attn_q.weight");
    out.push_back(e == nullptr ? -1 : static_cast<int>(e->sum2[0]));
  }
  EXPECT_NE(imatrix.find("output.weight"), nullptr);
  EXPECT_EQ(imatrix.find("blk." + std::to_string(n_layer) + ".attn_q.weight"), nullptr);
  return out;
}

class Belongs : public testing::Test {
 protected:
  // Refused, and usable by force, with a word.
  void expect_foreign(const Imatrix& imatrix, const ImatrixOrigin& model, const char* why) {
    Imatrix copy = imatrix;
    EXPECT_THAT(message_of([&] { fit_imatrix(copy, model, false); }, ErrorKind::kUsage),
                testing::AllOf(HasSubstr(why), HasSubstr("--allow-foreign-imatrix")));
    copy = imatrix;
    EXPECT_THAT(fit_imatrix(copy, model, true), testing::Contains(HasSubstr("all the same")));
  }

  const ModelFile model_ = tiny_llama();  // 8 layers
  const ImatrixOrigin origin_ = origin(model_);
};

TEST_F(Belongs, ToTheModelItWasCollectedFrom) {
  Imatrix imatrix = matrix_of(8, origin_);
  EXPECT_THAT(fit_imatrix(imatrix, origin_, false), IsEmpty());
  EXPECT_THAT(layers_in(imatrix, 8), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  ModelFile reordered = model_;
  std::reverse(reordered.tensors.begin(), reordered.tensors.end());
  reordered.metadata.set("general.name", Value::text("another name"));
  EXPECT_THAT(fit_imatrix(imatrix, origin(reordered), false), IsEmpty());
}

TEST_F(Belongs, ToTheSameCheckpointInOtherTypesWithAWord) {
  Imatrix imatrix = matrix_of(8, origin(converted(model_)));
  EXPECT_THAT(fit_imatrix(imatrix, origin_, false), ElementsAre(HasSubstr("same checkpoint")));
  EXPECT_THAT(layers_in(imatrix, 8), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST_F(Belongs, NotToAnotherCheckpointOfThatShape) {
  ModelFile tuned = converted(model_);
  tuned.tensor("blk.3.attn_norm.weight").data[1] ^= 1;
  expect_foreign(matrix_of(8, origin(tuned)), origin_, "layer 3 is another one");
  ModelFile merged = model_;  // as with an adapter: norms stay
  merged.tensor("blk.5.attn_q.weight").data[100] ^= 1;
  expect_foreign(matrix_of(8, origin(merged)), origin_, "other weights");
}

TEST_F(Belongs, ToAPrunedModelUnderItsNumbers) {
  const ImatrixOrigin child = origin(without_layers(model_, {2, 5}));
  Imatrix imatrix = matrix_of(8, origin_);
  EXPECT_THAT(fit_imatrix(imatrix, child, false), ElementsAre(HasSubstr("6 of its 8 layers")));
  EXPECT_THAT(layers_in(imatrix, 6), ElementsAre(0, 1, 3, 4, 6, 7));
  // And of a copy in another type, which says both.
  Imatrix other = matrix_of(8, origin(converted(model_)));
  EXPECT_EQ(fit_imatrix(other, child, false).size(), 2u);
  EXPECT_THAT(layers_in(other, 6), ElementsAre(0, 1, 3, 4, 6, 7));
}

TEST_F(Belongs, ToTheOriginalOfAPrunedModel) {
  Imatrix imatrix = matrix_of(6, origin(without_layers(model_, {2, 5})));
  EXPECT_THAT(fit_imatrix(imatrix, origin_, false), ElementsAre(HasSubstr("6 of its 6 layers")));
  EXPECT_THAT(layers_in(imatrix, 8), ElementsAre(0, 1, -1, 2, 3, -1, 4, 5));
}

TEST_F(Belongs, BetweenTwoPrunings) {
  const ImatrixOrigin first = origin(without_layers(model_, {2})),
                      second = origin(without_layers(model_, {5}));
  Imatrix imatrix = matrix_of(7, first);
  fit_imatrix(imatrix, second, false);
  EXPECT_THAT(layers_in(imatrix, 7), ElementsAre(0, 1, -1, 2, 3, 5, 6));
}

TEST_F(Belongs, ToAModelThatSomethingElsePruned) {
  const ImatrixOrigin child = origin(without_layers(model_, {0, 6}, false));
  Imatrix imatrix = matrix_of(8, origin_);
  EXPECT_EQ(fit_imatrix(imatrix, child, false).size(), 1u);
  EXPECT_THAT(layers_in(imatrix, 6), ElementsAre(1, 2, 3, 4, 5, 7));
  // Where layers cannot be told apart, nothing is certain.
  ModelFile alike = model_;
  for (ModelFile::Tensor& t : alike.tensors) {
    if (t.dims.size() == 1) std::fill(t.data.begin(), t.data.end(), 0);
  }
  expect_foreign(matrix_of(8, origin(converted(alike))),
                 origin(without_layers(alike, {0, 6}, false)), "layers");
}

TEST_F(Belongs, WithoutAWordWhereItDoesNotSayOfWhat) {
  Imatrix imatrix = matrix_of(8);
  EXPECT_THAT(fit_imatrix(imatrix, origin_, false), IsEmpty());
  Imatrix of_original = matrix_of(8);
  EXPECT_EQ(fit_imatrix(of_original, origin(without_layers(model_, {2, 5})), false).size(), 1u);
  EXPECT_THAT(layers_in(of_original, 6), ElementsAre(0, 1, 3, 4, 6, 7));
  Imatrix of_child = matrix_of(6);
  EXPECT_THAT(fit_imatrix(of_child, origin(without_layers(model_, {2, 5})), false), IsEmpty());
}

TEST_F(Belongs, NotWithSurplusOrMissingLayers) {
  expect_foreign(matrix_of(9), origin_, "9 layers");
  expect_foreign(matrix_of(7), origin_, "7 layers");
  Imatrix gap = matrix_of(8);
  gap.entries.erase("blk.4.attn_q.weight");
  expect_foreign(gap, origin_, "7 layers (up to number 7)");
  expect_foreign(matrix_of(9), origin(without_layers(model_, {2, 5})), "9 layers");
}

TEST_F(Belongs, AccordingToKeysThatAreReadBack) {
  for (const ImatrixOrigin& of : {origin_, origin(without_layers(model_, {2, 5})), ImatrixOrigin{},
                                  origin_of(GgufFile::from_bytes(model_.bytes(), "m"), nullptr)}) {
    Metadata metadata;
    put_origin(of, metadata);
    EXPECT_EQ(read_origin(metadata), of);
  }
}

// Without reading the weights: enough for a plan.
TEST_F(Belongs, BySmallTensorsAlone) {
  const auto light = [](const ModelFile& model) {
    return origin_of(GgufFile::from_bytes(model.bytes(), "model.gguf"), nullptr);
  };
  Imatrix imatrix = matrix_of(8, origin_);
  EXPECT_THAT(fit_imatrix(imatrix, light(model_), false), IsEmpty());
  EXPECT_THAT(fit_imatrix(imatrix, light(converted(model_)), false), IsEmpty());
  ModelFile tuned = model_;
  tuned.tensor("blk.3.attn_norm.weight").data[1] ^= 1;
  expect_foreign(imatrix, light(tuned), "layer 3");
}

}  // namespace
}  // namespace lathe
