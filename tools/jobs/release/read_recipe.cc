#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "runtime/base/quote.h"
#include "tools/jobs/release/name_of_source.h"
#include "tools/jobs/release/read_variant.h"
#include "tools/jobs/release/recipe.h"
#include "tools/jobs/release/recipe_table.h"
#include "tools/jobs/release/toml_file.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostContext = 1 << 20, kMostChunks = 1 << 30;

// Each of two or more sources gets all that the file says outside of its own table.
class RecipeReader {
 public:
  explicit RecipeReader(const std::string& path)
      : path_(path), root_(read_toml(path)), paths_(path) {}

  std::vector<ReleaseRecipe> read() {
    TomlTable top(root_, path_, "");
    shared_.path = path_;
    shared_.allow_requantize = top.boolean("allow_requantize").value_or(false);
    const TomlNode* const source = top.node("source");
    const bool several = source != nullptr && source->kind == TomlNode::Kind::kList;
    std::vector<TomlTable> sources;
    if (several) {
      sources = top.tables("source");
      if (top.has("name")) top.fail("name", "is of one source: give each [[source]] its own");
      if (const auto output = top.text("output")) output_ = paths_.path_of(*output);
    } else {
      read_files(top);
    }
    if (auto table = top.table("card")) read_card(*table, shared_.card);
    if (auto table = top.table("calibration")) read_calibration(*table, several);
    if (auto table = top.table("evaluation")) read_evaluation(*table);
    if (auto table = top.table("speed")) read_speed(*table);
    calibrated_ = top.boolean("calibrated").value_or(false);
    read_variants(top, "recipes", shared_);
    std::vector<ReleaseRecipe> out;
    for (TomlTable& table : sources) out.push_back(read_source(table, out));
    if (!several) out.push_back(std::move(shared_));
    for (const ReleaseRecipe& recipe : out) {
      if (!recipe.variants.empty()) continue;
      top.fail("recipes", "no variants: give recipes = [\"Q4_K_M\", ...] or tables [[variant]]");
    }
    top.refuse_unknown();
    return out;
  }

 private:
  // ---- sources

  void read_files(TomlTable& top) {
    const auto source = top.text("source");
    if (!source) {
      top.fail("source",
               "is missing: the GGUF file, or the folder of a checkpoint, that the release is made "
               "from");
    }
    shared_.source = paths_.existing(top, "source", *source);
    const auto output = top.text("output");
    if (!output || output->empty()) top.fail("output", "is missing: the folder of the release");
    shared_.output = paths_.path_of(*output);
    shared_.name = top.text("name").value_or("");
    check_name(top, "name", shared_.name);
  }

  // One of several, with what is its own beside what is shared.
  ReleaseRecipe read_source(TomlTable& table, const std::vector<ReleaseRecipe>& before) {
    ReleaseRecipe recipe = shared_;
    const auto model = table.text("model");
    if (!model)
      table.fail(
          "model",
          "is missing: the GGUF file or folder of a checkpoint that this release is made from");
    recipe.source = paths_.existing(table, "model", *model);
    recipe.name = table.text("name").value_or(name_of_source(recipe.source));
    check_name(table, "name", recipe.name);
    recipe.output = output_of(table, recipe.name);
    for (const ReleaseRecipe& other : before) {
      if (other.output != recipe.output) continue;
      table.fail("name", fmt::format("two sources would be released into {}: give this one a name "
                                     "or an output of its own",
                                     quoted(recipe.output)));
    }
    recipe.allow_requantize = table.boolean("allow_requantize").value_or(shared_.allow_requantize);
    if (const auto file = table.text("imatrix")) {
      recipe.calibration.imatrix = paths_.existing(table, "imatrix", *file);
    }
    if (auto card = table.table("card")) read_card(*card, recipe.card);
    read_variants(table, "recipes", recipe);
    table.refuse_unknown();
    return recipe;
  }

  std::string output_of(TomlTable& table, const std::string& name) const {
    if (const auto output = table.text("output")) return paths_.path_of(*output);
    if (output_.empty()) {
      table.fail("output", "is missing: the folder of this release, here or for all of them above");
    }
    return (fs::path(output_) / (name + "-GGUF")).string();
  }

  // ---- tables

  static void read_card(TomlTable& table, ReleaseCard& card) {
    const std::pair<const char*, std::string*> texts[] = {
        {"title", &card.title},           {"license", &card.license},
        {"base_model", &card.base_model}, {"pipeline_tag", &card.pipeline_tag},
        {"intro", &card.intro},           {"quantized_by", &card.quantized_by},
        {"repository", &card.repository}};
    for (const auto& [key, text] : texts) *text = table.text(key).value_or(*text);
    card.language = table.texts("language").value_or(card.language);
    card.tags = table.texts("tags").value_or(card.tags);
    table.refuse_unknown();
  }

  void read_calibration(TomlTable& table, bool several) {
    ReleaseCalibration& calibration = shared_.calibration;
    calibration.texts = paths_.existing_files(table, "texts");
    calibration.n_ctx = size_at(table, "context", 8, kMostContext, calibration.n_ctx);
    calibration.max_chunks = size_at(table, "chunks", 0, kMostChunks, 0);
    calibration.max_tokens = size_at(table, "tokens", 0, kMostChunks, 0);
    if (const auto file = table.text("imatrix")) {
      if (several) table.fail("imatrix", "is of one source: put it into its table [[source]]");
      calibration.imatrix = paths_.existing(table, "imatrix", *file);
    }
    table.refuse_unknown();
  }

  void read_evaluation(TomlTable& table) {
    const std::size_t n_ctx = size_at(table, "context", 8, kMostContext, 512);
    const std::size_t max_chunks = size_at(table, "chunks", 0, kMostChunks, 0);
    for (const std::string& file : paths_.existing_files(table, "texts")) {
      const std::string name = fs::path(file).stem().string();
      for (const ReleaseText& other : shared_.texts) {
        if (other.name == name) table.fail("texts", "two texts are called " + quoted(name));
      }
      shared_.texts.push_back({name, {file}, n_ctx, max_chunks});
    }
    ReleaseTasks& tasks = shared_.tasks;
    for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
      tasks.files[i] = paths_.existing_files(table, task_name(kCardTests[i]));
    }
    tasks.n_tasks = size_at(table, "tasks", 0, kMostChunks, tasks.n_tasks);
    tasks.seed = static_cast<std::uint32_t>(
        size_at(table, "seed", 0, std::numeric_limits<std::uint32_t>::max(), tasks.seed));
    table.refuse_unknown();
  }

  void read_speed(TomlTable& table) {
    shared_.speed.measure = table.boolean("measure").value_or(true);
    shared_.speed.n_repetitions = static_cast<int>(size_at(table, "repetitions", 1, 1000, 5));
    table.refuse_unknown();
  }

  // ---- variants

  // Adds those of this table's `recipes` and [[variant]].
  void read_variants(TomlTable& table, std::string_view recipes, ReleaseRecipe& to) const {
    for (const std::string& name : table.texts(recipes).value_or(std::vector<std::string>{})) {
      ReleaseVariant variant;
      variant.recipe = recipe_name(table, recipes, name);
      variant.name = variant.recipe;
      variant.calibrated = calibrated_;
      add(table, recipes, std::move(variant), to);
    }
    for (TomlTable& of : table.tables("variant")) {
      ReleaseVariant variant = read_variant(of, paths_, calibrated_);
      add(of, of.has("name") ? "name" : "recipe", std::move(variant), to);
    }
  }

  static void add(const TomlTable& table, std::string_view key, ReleaseVariant variant,
                  ReleaseRecipe& to) {
    const auto of_name = [&](const ReleaseVariant& other) { return other.name == variant.name; };
    if (std::any_of(to.variants.begin(), to.variants.end(), of_name)) {
      table.fail(key, fmt::format("two variants are called {}: give one another name",
                                  quoted(variant.name)));
    }
    if (to.calibration.texts.empty()) refuse_without_texts(table, variant);
    to.variants.push_back(std::move(variant));
  }

  static void refuse_without_texts(const TomlTable& table, const ReleaseVariant& variant) {
    const std::pair<const char*, bool> wanted[] = {{"calibrated", variant.calibrated},
                                                   {"size", variant.is_sized()},
                                                   {"prune", variant.prune > 0},
                                                   {"heal", variant.heal}};
    for (const auto& [key, is_wanted] : wanted) {
      if (is_wanted) table.fail(key, "needs texts of [calibration]");
    }
  }

  std::string path_;
  TomlNode root_;
  RecipePaths paths_;
  ReleaseRecipe shared_;
  std::string output_;  // above the folders of several releases; empty: not said
  bool calibrated_ = false;
};

}  // namespace

bool ReleaseVariant::is_plain() const noexcept {
  return !recipe.empty() && rules.empty() && !prune_layers && prune == 0 && output_type.empty() &&
         embedding_type.empty() && !pure && use_imatrix && !calibrated && !heal;
}

bool ReleaseRecipe::has_tasks() const noexcept {
  return std::any_of(tasks.files.begin(), tasks.files.end(),
                     [](const auto& files) { return !files.empty(); });
}

std::vector<ReleaseRecipe> read_release_recipes(const std::string& path) {
  return RecipeReader(path).read();
}

}  // namespace lathe
