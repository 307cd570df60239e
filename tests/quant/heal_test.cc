// Healing whole models: it helps, it is the same for any number of threads, it says what it cannot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/heal/heal_layers.h"
#include "quant/heal/healed_source.h"
#include "runtime/base/error.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/error_of.h"
#include "tests/support/evaluator.h"
#include "tests/support/file_bytes.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

using testing::HasSubstr;

// A model that can be healed, with a text.
class Patient {
 public:
  Patient(GgufFile file, TextChunks text, int n_threads = 2)
      : file_(std::move(file)),
        model_(load_model(file_)),
        text_(std::move(text)),
        pool_({.n_threads = n_threads, .pin = false}) {
    select_kernels("", &kernels_);
  }

  HealResult heal(const std::vector<int>& pruned, const HealOptions& options = {},
                  HealedFiles* files = nullptr, const HealProgress& progress = {}) {
    const HealContext context{{*model_, file_.files()},
                              kernels_,
                              pool_,
                              [this](RunModel model) {
                                return make_forward_runner({std::move(model)}, kernels_, pool_,
                                                           run_options());
                              },
                              files};
    return heal_pruned(context, text_, pruned, options, progress);
  }

  // Divergence from the whole model without the layers, with tensors replaced.
  double kld(const std::vector<int>& pruned, const ReplacedTensors& tensors,
             const TextChunks& text) {
    WeightSet overlay = model_->weights();
    for (const auto& [name, tensor] : tensors) {
      overlay.set(*parse_tensor_name(name), tensor.view());
    }
    const test::Evaluator evaluator({{*model_}, {*model_, {}, pruned, "", &overlay}}, kernels_,
                                    pool_, run_options());
    return test::divergence(evaluator, text).kld.value;
  }

  const TextChunks& text() const { return text_; }

 private:
  lathe::RunOptions run_options() const {
    return {.n_cells = text_.n_ctx(), .n_batch = text_.n_ctx(), .max_logits = 64};
  }

  GgufFile file_;
  std::unique_ptr<Model> model_;
  TextChunks text_;
  KernelTable kernels_;
  ThreadPool pool_;
};

TextChunks demo_text(const GgufFile& file, const char* name, std::size_t n_ctx,
                     std::size_t n_chunks) {
  const auto bytes = read_file_bytes(test::source_path(std::string("tests/data/") + name));
  const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata(), file.path());
  return {tokenizer.encode(std::string(bytes.begin(), bytes.end()), {}), n_ctx, n_chunks,
          std::nullopt};
}

class HealedDemo : public testing::TestWithParam<std::tuple<const char*, std::vector<int>>> {};

TEST_P(HealedDemo, ComesBackHalfWayAtLeast) {
  const auto& [name, pruned] = GetParam();
  const auto open = [&, name = name] {
    return GgufFile::open(test::source_path(std::string("tests/data/") + name));
  };
  const GgufFile file = open();
  Patient patient(open(), demo_text(file, "demo-calibration.txt", 128, 48));
  const HealResult healed = patient.heal(pruned);
  EXPECT_EQ(healed.n_fitted, 42u * 128);
  EXPECT_EQ(healed.n_held_out, 6u * 128);
  const TextChunks other = demo_text(file, "demo-evaluation.txt", 128, 16);
  const double plain = patient.kld(pruned, {}, other);
  EXPECT_LT(patient.kld(pruned, healed.tensors, other), 0.5 * plain);
  const HealedHalf& gap = healed.halves.front();
  EXPECT_LT(gap.error_after, gap.error_before);
  EXPECT_GT(gap.n_from_pruned, 0u);
}
INSTANTIATE_TEST_SUITE_P(LongModels, HealedDemo,
                         testing::Values(std::tuple{"tiny-llama-f16.gguf", std::vector{6}},
                                         std::tuple{"tiny-olmo2-f16.gguf", std::vector{4}}));

// ---- random models: quick

TextChunks random_text(std::size_t n_vocab, std::size_t n_chunks = 24) {
  std::vector<Token> tokens;
  unsigned seed = 3;
  for (std::size_t i = 0; i < n_chunks * 32; ++i) {
    seed = seed * 1664525u + 1013904223u;
    tokens.push_back(static_cast<Token>((seed >> 8) % n_vocab));
  }
  return {std::move(tokens), 32, 0, std::nullopt};
}

test::TinyModel small(std::string architecture) {
  return {.architecture = std::move(architecture),
          .n_layer = 4,
          .n_embd = 32,
          .n_head = 4,
          .n_head_kv = 2,
          .head_dim = 8,
          .n_ff = 48,
          .n_vocab = 64};
}

Patient small_patient(const test::TinyModel& model, int n_threads = 2) {
  return {test::tiny_model(model), random_text(model.n_vocab), n_threads};
}

std::string bytes_of(const ReplacedTensors& tensors) {
  std::string all;
  for (const auto& [name, tensor] : tensors) {
    const WeightView view = tensor.view();
    all += name;
    all.append(reinterpret_cast<const char*>(view.data), view.bytes());
  }
  return all;
}

class HealedKinds : public testing::TestWithParam<test::TinyModel> {};

TEST_P(HealedKinds, AreNearerForEveryGapAndTheSameForAnyThreads) {
  for (const std::vector<int>& pruned :
       {std::vector{1}, std::vector{1, 2}, std::vector{0}, std::vector{3}}) {
    Patient one = small_patient(GetParam(), 1);
    const HealResult healed = one.heal(pruned);
    EXPECT_LT(one.kld(pruned, healed.tensors, one.text()), 0.8 * one.kld(pruned, {}, one.text()))
        << pruned.front() << " and " << pruned.size() - 1;
    EXPECT_FALSE(healed.tensors.empty());
    for (const auto& [name, tensor] : healed.tensors) {
      EXPECT_EQ(std::count(pruned.begin(), pruned.end(), parse_tensor_name(name)->layer), 0);
    }
    Patient three = small_patient(GetParam(), 3);
    EXPECT_EQ(bytes_of(three.heal(pruned).tensors), bytes_of(healed.tensors));
  }
}

test::TinyModel with_biases(test::TinyModel model) {
  model.biases = true;
  return model;
}
test::TinyModel fused(test::TinyModel model) {
  model.fused_qkv = true;
  return model;
}
INSTANTIATE_TEST_SUITE_P(Kinds, HealedKinds,
                         testing::Values(small("llama"), small("olmo2"),
                                         with_biases(small("llama")), fused(small("llama"))));

TEST(HealPruned, SaysWhatItCannot) {
  Patient patient = small_patient(small("llama"));
  const auto error = [&](std::vector<int> pruned) {
    return message_of([&] { patient.heal(pruned); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(error({}), HasSubstr("no layer is pruned"));
  EXPECT_THAT(error({4}), HasSubstr("there is no layer 4 to prune; the model has layers 0 to 3"));
  EXPECT_THAT(error({-1}), HasSubstr("there is no layer -1"));
  EXPECT_THAT(error({0, 1, 2, 3}), HasSubstr("all 4 layers"));
  Patient brief({test::tiny_model(small("llama"))}, random_text(64, 5));
  EXPECT_THAT(message_of([&] { brief.heal({1}); }, ErrorKind::kUsage),
              HasSubstr("160 tokens in 5 chunks: healing wants at least 192 in 16"));
  test::TinyModel quantized = small("llama");
  quantized.format = Format::Q8_0;
  quantized.n_ff = 64;
  Patient coarse = small_patient(quantized);
  EXPECT_THAT(message_of([&] { coarse.heal({1}); }, ErrorKind::kUsage),
              HasSubstr("F32, F16 or BF16"));
}

TEST(HealPruned, StopsWhenTold) {
  const test::TinyModel model = small("llama");
  const GgufFile file = test::tiny_model(model);
  const auto loaded = load_model(file);
  const TextChunks text = random_text(model.n_vocab);
  KernelTable kernels;
  select_kernels("", &kernels);
  ThreadPool pool({.n_threads = 1, .pin = false});
  const HealContext context{{*loaded, file.files()}, kernels, pool, [&](RunModel m) {
                              return make_forward_runner({std::move(m)}, kernels, pool,
                                                         {.n_cells = 32, .n_batch = 32});
                            }};
  double last = 0.0;
  const auto heal = [&] {
    heal_pruned(context, text, {1}, {}, [&](double fraction, std::string_view) {
      EXPECT_GE(fraction, last);
      last = fraction;
      return fraction < 0.5;
    });
  };
  EXPECT_THAT(message_of(heal, ErrorKind::kFailed), HasSubstr("stopped"));
  EXPECT_GE(last, 0.5);
  EXPECT_LT(last, 0.7);
}

// Stopped twice: what is there already is taken up, and the end is the same to the bit.
TEST(HealPruned, GoesOnWhereItWasStopped) {
  for (const char* architecture : {"olmo2", "llama"}) {
    const std::vector<int> pruned = {1};
    Patient patient = small_patient(small(architecture), 1);
    const HealResult whole = patient.heal(pruned);
    const TempDir dir;
    HealResult last;
    std::size_t n_taken_up = 0;
    for (const double stop_at : {0.6, 0.7, 2.0}) {  // in the second layer, in the third, never
      HealedFiles files(dir.file("out.healed"), "of this test", {}, true);
      const auto heal = [&] {
        last = patient.heal(pruned, {}, &files,
                            [&](double fraction, std::string_view) { return fraction < stop_at; });
      };
      if (stop_at > 1.0) {
        heal();
        EXPECT_EQ(last.n_taken_up, n_taken_up);
      } else {
        EXPECT_THAT(message_of(heal, ErrorKind::kFailed), HasSubstr("stopped"));
        EXPECT_EQ(HealedFiles::n_parts(dir.file("out")), ++n_taken_up);
      }
    }
    EXPECT_EQ(bytes_of(last.tensors), bytes_of(whole.tensors));
    EXPECT_EQ(last.n_fitted, whole.n_fitted);
    ASSERT_EQ(last.halves.size(), whole.halves.size());
    for (std::size_t i = 0; i < whole.halves.size(); ++i) {
      const HealedHalf &a = last.halves[i], &b = whole.halves[i];
      EXPECT_EQ(a.layer, b.layer);
      EXPECT_EQ(a.output, b.output);
      EXPECT_EQ(a.error_before, b.error_before);
      EXPECT_EQ(a.error_after, b.error_after);
      EXPECT_EQ(a.kept_old, b.kept_old);
      EXPECT_EQ(a.n_units, b.n_units);
      EXPECT_EQ(a.n_from_pruned, b.n_from_pruned);
      EXPECT_EQ(a.column_squares, b.column_squares);
    }
  }
}

// All layers are there: the models are not run at all.
TEST(HealPruned, TakesUpWhatIsCompleteAtOnce) {
  const TempDir dir;
  Patient patient = small_patient(small("llama"), 1);
  HealedFiles files(dir.file("out.healed"), "of this test", {}, false);
  const HealResult whole = patient.heal({1}, {}, &files);
  EXPECT_EQ(whole.n_taken_up, 0u);
  HealedFiles again(dir.file("out.healed"), "of this test", {}, true);
  bool ran = false;
  const HealResult taken =
      patient.heal({1}, {}, &again, [&](double, std::string_view) { return ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_EQ(taken.n_taken_up, whole.halves.size() / 2);
  EXPECT_EQ(bytes_of(taken.tensors), bytes_of(whole.tensors));
  HealedFiles other(dir.file("out.healed"), "of another", {}, true);
  EXPECT_EQ(patient.heal({1}, {}, &other).n_taken_up, 0u);
}

TEST(HealedFiles, KeepWhatWasMeasured) {
  const TempDir dir;
  const ChunkRecords records = {{0.5, 1.0 / 3.0}, {-2.0, 1e-300}};
  HealedFiles files(dir.file("out.healed"), "a", {}, false);
  EXPECT_FALSE(files.take_up_records().has_value());
  files.write_records(records);
  HealedFiles again(dir.file("out.healed"), "a", {}, true);
  EXPECT_EQ(again.take_up_records(), records);
  EXPECT_FALSE(again.take_up(0).has_value());
}

TEST(HealedSource, GivesTheTensorsThatWereReplaced) {
  auto original = std::make_unique<GgufFile>(test::tiny_model(small("llama")));
  KernelTable kernels;
  select_kernels("", &kernels);
  const TensorInfo info = original->require("blk.1.ffn_down.weight");
  DenseMatrix<float> values(info.rows(), info.cols());
  for (std::size_t i = 0; i < values.rows() * values.cols(); ++i) {
    values.data()[i] = static_cast<float>(i);
  }
  ReplacedTensors replaced;
  replaced[info.name] = FloatTensor(kernels, Format::F32, values.cview());
  const HealedSource source(std::move(original), std::move(replaced));
  std::vector<std::uint8_t> buffer(info.n_bytes);
  const auto rows = source.rows(info, 2, 3, buffer);
  ASSERT_EQ(rows.size(), 3 * info.cols() * sizeof(float));
  EXPECT_EQ(std::memcmp(rows.data(), values.row(2), rows.size()), 0);
  const TensorInfo& other = source.require("blk.1.ffn_up.weight");
  std::vector<std::uint8_t> more(other.n_bytes);
  const auto untouched = source.rows(other, 0, 1, more);
  EXPECT_EQ(std::memcmp(untouched.data(), source.original().rows(other, 0, 1, buffer).data(),
                        untouched.size()),
            0);
}

}  // namespace
}  // namespace lathe
