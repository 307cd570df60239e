// All that a release has to say: what its card and report are made of, and nothing else.
//
// results.json holds exactly this (tools/report/release/results_json.h), so that card and report
// can be made again from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/card/card_difference.h"
#include "quant/eval/card/card_figures.h"
#include "tools/jobs/release/recipe.h"

namespace lathe {

struct ReleaseBuild {
  std::string version, commit, build;
};

struct ReleaseFile {
  std::string name{};  // in the folder of the release; of the source: its own
  std::uint64_t bytes = 0;
  std::string sha256{};       // of the file
  std::string fingerprint{};  // of the model (runtime/identity/fingerprint.h)
  double bits_per_weight = 0.0;
};

// A text or a file of tasks that went in.
struct ReleaseInput {
  std::string name, sha256;
};

struct ReleaseTextInput {
  std::string name;
  std::vector<std::string> files;
  std::string sha256;
  std::size_t n_ctx = 0, n_chunks = 0, n_scored = 0;  // tokens scored in all
};

struct ReleaseTestInput {
  TaskKind kind{};
  std::vector<std::string> files;
  std::string sha256;
  std::size_t n_available = 0, n_tasks = 0;
  std::uint32_t seed = 0;
};

// What a text showed of a model; nothing of divergences for the source, which they are from.
struct TextFigures {
  Estimate ppl;
  std::optional<DivergenceResult> divergence;
};

struct TestFigures {
  TaskKind kind{};
  Estimate score;
  Interval interval;  // 95 %
  Estimate chance;
};

struct SpeedFigure {
  std::string test;  // "pp512"
  double tokens_per_second = 0.0, deviation = 0.0;
  std::optional<double> limit_share;  // of what the machine could do
};

// Of a tensor of a quantized file: rms of the error / rms of the source.
struct TensorErrorFigure {
  std::string name, format;
  double relative_rms = 0.0;
  std::optional<double> weighted;  // each column by its importance
};

enum class ReleaseRole { kSource, kVariant, kNaive };

struct ReleaseModel {
  std::string name;  // "Q4_K_M", "Q4_K_M-naive"
  ReleaseRole role = ReleaseRole::kVariant;
  ReleaseFile file;
  std::string naive;              // name of the plain file of the same size; empty: none
  std::string recipe;             // as it was planned; empty for the source
  std::vector<std::string> made;  // how, a few words each: "importance matrix", "layers 4,5 pruned"
  // Of a file that the recipe alone would give; 0: of this recipe there is none, or it is that.
  std::uint64_t recipe_bytes = 0;
  std::vector<TextFigures> texts;  // in the order of ReleaseResults::texts
  std::vector<TestFigures> tests;  // in the order of ReleaseResults::tests
  std::optional<Estimate> average;
  std::vector<SpeedFigure> speed;
  std::vector<TensorErrorFigure> errors;
};

// `name` minus `against`, pair by pair (quant/eval/card/card_difference.h).
struct ReleaseDifference {
  std::string name, against;
  std::vector<CardDifference> texts;  // ppl and kld alone, one for each text
  CardDifference tests;               // tests and average alone
};

struct ImportanceFigure {
  std::string tensor;  // "attn_k"
  int layer = -1;
  double mean = 0.0;  // of the input channels' mean squares
  double zd = 0.0;    // share of channels more than one deviation above it
};

struct BlockFigure {
  int layer = 0;
  double influence = 0.0;  // 1 - mean cosine of input and output
};

struct ReleaseSource {
  std::string architecture, name;
  int n_layer = 0;
  std::uint64_t n_params = 0, n_ctx_train = 0;
  bool has_chat_template = false;
};

struct ReleaseResults {
  ReleaseBuild lathe;
  std::string name;
  ReleaseCard card;  // with what the source says of itself
  ReleaseSource source;
  std::vector<ReleaseInput> calibration;
  std::size_t calibration_n_ctx = 0, calibration_n_chunks = 0;
  ReleaseFile imatrix;  // without a name: none
  std::vector<ReleaseTextInput> texts;
  std::vector<ReleaseTestInput> tests;
  std::string cpu, tier;
  int n_threads = 0;
  std::vector<ReleaseModel> models;  // the source, the variants as the recipe has them, naive ones
  std::vector<ReleaseDifference> differences;
  std::size_t n_comparisons = 0;  // the family of Holm's correction
  std::vector<ImportanceFigure> importance;
  std::vector<BlockFigure> blocks;

  const ReleaseModel* find(const std::string& model) const noexcept;
  const ReleaseDifference* difference(const std::string& model,
                                      const std::string& against) const noexcept;
};

}  // namespace lathe
