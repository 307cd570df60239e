// A model run with another tensor laid over one of its own gives the bits of a file that holds that
// tensor: in a session and in both orders of a run, also where weights are dropped after use.
#include "runtime/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/support/error_of.h"
#include "tests/support/runner_rows.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace lathe::test {
namespace {

struct Case {
  std::string name, architecture, tensor;
  bool tied;
  Format format;  // of the tensor that is laid over
};

TinyModel subject(const Case& c) {
  TinyModel m;
  m.architecture = c.architecture;
  m.n_layer = 3;
  m.tied = c.tied;
  m.biases = c.architecture == "llama";
  m.format = Format::F16;
  return m;
}

GgufFile written(const ModelParts& parts, const std::string& path) {
  const std::vector<std::uint8_t> bytes = parts.bytes();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return GgufFile::open(path);
}

class Overlay : public testing::TestWithParam<Case> {
 protected:
  Overlay() {
    const Case& c = GetParam();
    TinyModel m = subject(c);
    ModelParts parts = tiny_model_parts(m);
    m.seed = 99;
    if (c.format != Format::F32) m.format = c.format;
    ModelParts::Tensor& replaced = parts.tensor(c.tensor);
    own_ = written(parts, dir_.file("own.gguf"));
    replaced = tiny_model_parts(m).tensor(c.tensor);
    other_ = written(parts, dir_.file("other.gguf"));
    bytes_ = replaced.bytes;
    for (std::size_t t = 0; t < 3; ++t) items_.push_back(items_of(some_tokens(9 + t, 200, 5 + t)));
    for (const auto& items : items_) texts_.emplace_back(items);
  }

  // The model's own weights with the tensor's new bytes, which lie in no file.
  WeightSet overlay(const Model& model) const {
    WeightSet set = model.weights();
    const TensorId id = *parse_tensor_name(GetParam().tensor);
    WeightView view = set.get(id.role, id.layer, id.part);
    view.format = other_.find(GetParam().tensor)->format;
    view.data = bytes_.data();
    set.set(id, view);
    return set;
  }

  TempDir dir_;
  GgufFile own_ = tiny_model({}), other_ = tiny_model({});
  std::vector<std::uint8_t> bytes_;
  std::vector<std::vector<BatchItem>> items_;
  std::vector<RunText> texts_;
};

TEST_P(Overlay, GivesTheBitsOfAFileWithThatTensorInBothOrders) {
  Engine own(own_, {.n_threads = 2}), other(other_, {.n_threads = 2});
  const WeightSet weights = overlay(own.model());
  const lathe::RunOptions by_text{.n_cells = 16, .n_batch = 4, .max_logits = 3};
  const std::vector<Rows> expected = run_rows(
      *make_forward_runner({{other.model()}}, other.kernels(), other.pool(), by_text), texts_);
  for (const bool drop : {false, true}) {
    for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
      lathe::RunOptions options = by_text;
      options.order = order;
      options.drop_weights = drop;
      options.group_items = 15;
      const std::vector<RunModel> models = {
          {.model = own.model(), .files = own_.files()},
          {.model = own.model(), .files = own_.files(), .overlay = &weights}};
      const auto runner = make_forward_runner(models, own.kernels(), own.pool(), options);
      const std::vector<Rows> rows = run_rows(*runner, texts_);
      EXPECT_EQ(rows[1], expected[0]);
      EXPECT_NE(rows[0], expected[0]) << "the model itself has not changed";
    }
  }
}

TEST_P(Overlay, GivesTheBitsOfAFileWithThatTensorInASession) {
  for (const MatmulPath path : {MatmulPath::kPanel, MatmulPath::kMatvec}) {
    Engine own(own_, {.path = path}), other(other_, {.path = path});
    const WeightSet weights = overlay(own.model());
    const Rows before = own.run(items_[0]);
    own.session().clear();
    own.session().set_weights(weights);
    EXPECT_EQ(own.run(items_[0]), other.run(items_[0]));
    own.session().clear();
    own.session().set_weights(own.model().weights());
    EXPECT_EQ(own.run(items_[0]), before);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tensors, Overlay,
    testing::Values(Case{"Matrix", "llama", "blk.1.attn_q.weight", false, Format::Q8_0},
                    Case{"FfnDown", "llama", "blk.2.ffn_down.weight", true, Format::BF16},
                    Case{"Bias", "llama", "blk.0.attn_k.bias", false, Format::F32},
                    Case{"Norm", "llama", "blk.1.ffn_norm.weight", false, Format::F32},
                    Case{"PostNorm", "olmo2", "blk.1.post_ffw_norm.weight", false, Format::F32},
                    Case{"QueryNorm", "olmo2", "blk.0.attn_q_norm.weight", false, Format::F32},
                    Case{"OutputNorm", "llama", "output_norm.weight", true, Format::F32},
                    Case{"Head", "olmo2", "output.weight", false, Format::Q8_0},
                    Case{"EmbeddingsOfATiedHead", "llama", "token_embd.weight", true, Format::Q8_0},
                    Case{"EmbeddingsAlone", "llama", "token_embd.weight", false, Format::Q8_0}),
    [](const auto& case_info) { return case_info.param.name; });

// An untied head over a model whose head is its embeddings.
TEST(OverlayOfATiedModel, MayBringAHeadOfItsOwn) {
  TinyModel m;
  const GgufFile untied = tiny_model(m);
  ModelParts parts = tiny_model_parts(m);
  parts.remove("output.weight");
  const GgufFile tied = parts.file();
  Engine engine(tied, {}), expected(untied, {});
  WeightSet weights = engine.model().weights();
  const TensorId head{TensorRole::kOutput, -1};
  weights.set(head, expected.model().weights().get(head.role, head.layer));
  engine.session().set_weights(weights);
  const std::vector<BatchItem> items = items_of(some_tokens(12, m.n_vocab));
  EXPECT_EQ(engine.run(items), expected.run(items));
}

TEST(OverlayThatDoesNotFit, IsRefusedByName) {
  const GgufFile file = tiny_model({.rope_freqs = true});
  Engine engine(file, {});
  const auto message = [&](TensorId id, const auto& change) {
    WeightSet weights = engine.model().weights();
    WeightView view = weights.get(id.role, id.layer, id.part);
    change(view);
    weights.set(id, view);
    const std::string in_session =
        message_of([&] { engine.session().set_weights(weights); }, ErrorKind::kUsage);
    for (const RunOrder order : {RunOrder::kByText, RunOrder::kByLayer}) {
      const auto make = [&] {
        make_forward_runner({{.model = engine.model(), .overlay = &weights}}, engine.kernels(),
                            engine.pool(), {.order = order});
      };
      EXPECT_EQ(message_of(make, ErrorKind::kUsage), in_session);
    }
    return in_session;
  };
  using testing::HasSubstr;
  EXPECT_THAT(message({TensorRole::kAttnQ, 1}, [](WeightView& v) { v.rows -= 1; }),
              HasSubstr("blk.1.attn_q.weight has shape 64 x 95, expected 64 x 96"));
  EXPECT_THAT(message({TensorRole::kAttnQ, 1}, [](WeightView& v) { v = {}; }),
              HasSubstr("blk.1.attn_q.weight is missing"));
  EXPECT_THAT(message({TensorRole::kAttnNorm, 0}, [](WeightView& v) { v.format = Format::F16; }),
              HasSubstr("blk.0.attn_norm.weight is f16, expected f32"));
  EXPECT_THAT(message({TensorRole::kRopeFreqs, -1}, [](WeightView& v) { v.data += 4; }),
              HasSubstr("rope_freqs.weight cannot replace"));
  EXPECT_THAT(
      message({TensorRole::kAttnQNorm, 0},
              [&](WeightView& v) { v = engine.model().weights().get(TensorRole::kAttnQ, 0); }),
      HasSubstr("blk.0.attn_q_norm.weight is none of the model's tensors"));
  const WeightSet other(5);
  EXPECT_THAT(message_of([&] { engine.session().set_weights(other); }, ErrorKind::kUsage),
              HasSubstr("5 layers for a model of 2"));
}

}  // namespace
}  // namespace lathe::test
