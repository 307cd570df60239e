// What a release is: one TOML file says it, or those of several models (docs/releasing.md).
//
// Paths in the file are relative to the folder that it is in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/card/card_figures.h"
#include "tools/jobs/plan_model.h"

namespace lathe {

// What of the front matter of a card a person decides; empty: what the source says of itself.
struct ReleaseCard {
  std::string title, license, base_model, pipeline_tag, quantized_by, intro;
  std::vector<std::string> language, tags;
  std::string repository;  // "user/name-GGUF", where it will be published; for the commands
};

struct ReleaseCalibration {
  std::vector<std::string> texts;
  std::size_t n_ctx = 512;
  std::size_t max_chunks = 0;  // of the importance matrix; 0: all
  std::size_t max_tokens = 0;  // of calibrated rounding; 0: lathe's choice
  std::string imatrix;         // a file to use instead of collecting one
};

struct ReleaseText {
  std::string name;  // "wiki.test"
  std::vector<std::string> files;
  std::size_t n_ctx = 512;
  std::size_t max_chunks = 0;  // 0: all
};

struct ReleaseTasks {
  std::array<std::vector<std::string>, std::size(kCardTests)> files;
  std::size_t n_tasks = 750;  // of each test, 0: all
  std::uint32_t seed = 1;
};

struct ReleaseSpeed {
  bool measure = true;
  int n_repetitions = 5;
};

// How the plain file of the same size beside a variant is chosen.
enum class NaiveChoice { kNearest, kNone, kRecipe };

struct ReleaseVariant {
  std::string name;
  std::string recipe, plan_file;  // one of both, or a size
  std::vector<RuleOption> rules;
  std::optional<std::string> prune_layers;  // "4,5"
  int prune = 0;  // instead of those: as many as measure as the least loss
  std::string output_type, embedding_type;
  bool pure = false;
  bool use_imatrix = true;  // where the release has one, and the variant is not calibrated
  bool calibrated = false;  // rounding is, on the calibration texts
  bool heal = false;
  std::optional<std::uint64_t> size;  // bytes that a measured plan may take
  std::string size_of;                // a recipe whose plain file says that size; or empty
  NaiveChoice naive = NaiveChoice::kNearest;
  std::string naive_recipe;  // of kRecipe

  // Planned by measured costs.
  bool is_sized() const noexcept { return size.has_value() || !size_of.empty(); }
  // Nothing but a recipe: what everybody would do.
  bool is_plain() const noexcept;
};

struct ReleaseRecipe {
  std::string path;               // of the TOML file
  std::string source;             // GGUF
  std::string output;             // folder
  std::string name;               // files are called NAME-VARIANT.gguf; empty: after the source
  bool allow_requantize = false;  // a source that is quantized already
  ReleaseCard card;
  ReleaseCalibration calibration;
  std::vector<ReleaseText> texts;
  ReleaseTasks tasks;
  ReleaseSpeed speed;
  std::vector<ReleaseVariant> variants;  // at least one, each with another name

  bool has_imatrix() const noexcept {
    return !calibration.texts.empty() || !calibration.imatrix.empty();
  }
  bool has_tasks() const noexcept;
};

// One for each source. Error (kBadInput) naming key and line: for what is no TOML, unknown keys
// (with the nearest that there is), values that make no sense, variants of one name, files that are
// not there.
std::vector<ReleaseRecipe> read_release_recipes(const std::string& path);

// A commented file to begin with: the 13 usual recipes. `model` may be empty.
std::string release_template(const std::string& model);

}  // namespace lathe
