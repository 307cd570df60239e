#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>

#include "quant/plan/layer_list.h"
#include "quant/plan/type_rule.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/jobs/release/recipe.h"
#include "tools/jobs/release/toml_file.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostContext = 1 << 20, kMostChunks = 1 << 30;

class RecipeReader {
 public:
  explicit RecipeReader(const std::string& path)
      : path_(path), root_(read_toml(path)), folder_(fs::path(path).parent_path()) {}

  ReleaseRecipe read() {
    TomlTable top(root_, path_, "");
    recipe_.path = path_;
    read_files(top);
    if (auto table = top.table("card")) read_card(*table);
    if (auto table = top.table("calibration")) read_calibration(*table);
    if (auto table = top.table("evaluation")) read_evaluation(*table);
    if (auto table = top.table("speed")) read_speed(*table);
    read_variants(top);
    top.refuse_unknown();
    return std::move(recipe_);
  }

 private:
  // ---- paths

  std::string path_of(const std::string& text) const {
    return fs::path(text).is_absolute() ? text : (folder_ / text).lexically_normal().string();
  }

  std::string existing(const TomlTable& table, std::string_view key, const std::string& text) {
    if (text.empty()) table.fail(key, "the name of the file is empty");
    std::string path = path_of(text);
    std::error_code ignored;
    if (!fs::exists(path, ignored)) table.fail(key, "there is no " + quoted(path));
    return path;
  }

  std::vector<std::string> existing_files(TomlTable& table, std::string_view key) {
    std::vector<std::string> out;
    for (const std::string& text : table.texts(key).value_or(std::vector<std::string>{})) {
      out.push_back(existing(table, key, text));
    }
    return out;
  }

  void read_files(TomlTable& top) {
    const auto source = top.text("source");
    if (!source) top.fail("source", "is missing: the GGUF file that the release is made from");
    recipe_.source = existing(top, "source", *source);
    const auto output = top.text("output");
    if (!output || output->empty()) top.fail("output", "is missing: the folder of the release");
    recipe_.output = path_of(*output);
    recipe_.name = top.text("name").value_or("");
    check_name(top, "name", recipe_.name);
    recipe_.allow_requantize = top.boolean("allow_requantize").value_or(false);
  }

  // Becomes a part of a file's name.
  static void check_name(const TomlTable& table, std::string_view key, const std::string& name) {
    const bool odd = std::any_of(name.begin(), name.end(), [](unsigned char c) {
      return c == '/' || c == '\\' || c < 0x20 || c == 0x7f;
    });
    if (odd || name.starts_with('.') || name.size() > 100) {
      table.fail(key, quoted(name) + " cannot be part of a file's name");
    }
  }

  // ---- tables

  void read_card(TomlTable& table) {
    ReleaseCard& card = recipe_.card;
    const std::pair<const char*, std::string*> texts[] = {
        {"title", &card.title},           {"license", &card.license},
        {"base_model", &card.base_model}, {"pipeline_tag", &card.pipeline_tag},
        {"intro", &card.intro},           {"quantized_by", &card.quantized_by},
        {"repository", &card.repository}};
    for (const auto& [key, text] : texts) *text = table.text(key).value_or("");
    card.language = table.texts("language").value_or(std::vector<std::string>{});
    card.tags = table.texts("tags").value_or(std::vector<std::string>{});
    table.refuse_unknown();
  }

  static std::size_t size(TomlTable& table, const char* key, std::int64_t low, std::int64_t high,
                          std::size_t otherwise) {
    const auto value = table.integer(key, low, high);
    return value ? static_cast<std::size_t>(*value) : otherwise;
  }

  void read_calibration(TomlTable& table) {
    ReleaseCalibration& calibration = recipe_.calibration;
    calibration.texts = existing_files(table, "texts");
    calibration.n_ctx = size(table, "context", 8, kMostContext, calibration.n_ctx);
    calibration.max_chunks = size(table, "chunks", 0, kMostChunks, 0);
    calibration.max_tokens = size(table, "tokens", 0, kMostChunks, 0);
    if (const auto file = table.text("imatrix")) {
      calibration.imatrix = existing(table, "imatrix", *file);
    }
    table.refuse_unknown();
  }

  void read_evaluation(TomlTable& table) {
    const std::size_t n_ctx = size(table, "context", 8, kMostContext, 512);
    const std::size_t max_chunks = size(table, "chunks", 0, kMostChunks, 0);
    for (const std::string& file : existing_files(table, "texts")) {
      const std::string name = fs::path(file).stem().string();
      for (const ReleaseText& other : recipe_.texts) {
        if (other.name == name) table.fail("texts", "two texts are called " + quoted(name));
      }
      recipe_.texts.push_back({name, {file}, n_ctx, max_chunks});
    }
    for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
      recipe_.tasks.files[i] = existing_files(table, task_name(kCardTests[i]));
    }
    recipe_.tasks.n_tasks = size(table, "tasks", 0, kMostChunks, recipe_.tasks.n_tasks);
    recipe_.tasks.seed = static_cast<std::uint32_t>(
        size(table, "seed", 0, std::numeric_limits<std::uint32_t>::max(), recipe_.tasks.seed));
    table.refuse_unknown();
  }

  void read_speed(TomlTable& table) {
    recipe_.speed.measure = table.boolean("measure").value_or(true);
    recipe_.speed.n_repetitions = static_cast<int>(size(table, "repetitions", 1, 1000, 5));
    table.refuse_unknown();
  }

  // ---- variants

  void read_variants(TomlTable& top) {
    const bool calibrated = top.boolean("calibrated").value_or(false);
    for (const std::string& name : top.texts("recipes").value_or(std::vector<std::string>{})) {
      ReleaseVariant variant;
      variant.recipe = recipe_name(top, "recipes", name);
      variant.name = variant.recipe;
      variant.calibrated = calibrated;
      add(top, "recipes", std::move(variant));
    }
    for (TomlTable& table : top.tables("variant")) {
      ReleaseVariant variant = read_variant(table, calibrated);
      add(table, table.has("name") ? "name" : "recipe", std::move(variant));
    }
    if (recipe_.variants.empty()) {
      top.fail("recipes", "no variants: give recipes = [\"Q4_K_M\", ...] or tables [[variant]]");
    }
  }

  void add(const TomlTable& table, std::string_view key, ReleaseVariant variant) {
    const auto of_name = [&](const ReleaseVariant& other) { return other.name == variant.name; };
    if (std::any_of(recipe_.variants.begin(), recipe_.variants.end(), of_name)) {
      table.fail(key, fmt::format("two variants are called {}: give one another name",
                                  quoted(variant.name)));
    }
    check_variant(table, variant);
    recipe_.variants.push_back(std::move(variant));
  }

  void check_variant(const TomlTable& table, const ReleaseVariant& variant) const {
    const bool texts = !recipe_.calibration.texts.empty();
    if (variant.calibrated && !texts) {
      table.fail("calibrated", "needs texts of [calibration]");
    }
    if (variant.size && !texts) table.fail("size", "needs texts of [calibration]");
    if (variant.heal && !variant.prune_layers) table.fail("heal", "needs prune_layers");
    if (variant.heal && !texts) table.fail("heal", "needs texts of [calibration]");
  }

  static std::string recipe_name(const TomlTable& table, std::string_view key,
                                 const std::string& name) {
    const Recipe* const recipe = find_recipe(name);
    if (recipe == nullptr || recipe->copy) {
      table.fail(key, fmt::format("{} is no recipe; there are: {}", quoted(name), recipe_names()));
    }
    return std::string(recipe->name);
  }

  ReleaseVariant read_variant(TomlTable& table, bool calibrated) {
    ReleaseVariant variant;
    read_plan(table, variant);
    variant.prune_layers = table.number_list("prune_layers");
    variant.use_imatrix = table.boolean("imatrix").value_or(true);
    variant.calibrated = table.boolean("calibrated").value_or(calibrated);
    variant.heal = table.boolean("heal").value_or(false);
    read_naive(table, variant);
    variant.name = table.text("name").value_or(default_name(variant));
    if (variant.name.empty()) table.fail("name", "is missing");
    check_name(table, "name", variant.name);
    table.refuse_unknown();
    return variant;
  }

  static std::string default_name(const ReleaseVariant& variant) {
    if (!variant.recipe.empty()) return variant.recipe;
    if (variant.size) return fmt::format("{:.3g}GB", static_cast<double>(*variant.size) / 1e9);
    return fs::path(variant.plan_file).stem().string();
  }

  void read_plan(TomlTable& table, ReleaseVariant& variant) {
    if (const auto name = table.text("recipe"))
      variant.recipe = recipe_name(table, "recipe", *name);
    if (const auto file = table.text("plan")) variant.plan_file = existing(table, "plan", *file);
    if (const auto text = table.text("size")) variant.size = bytes_of(table, *text);
    const int n = !variant.recipe.empty() + !variant.plan_file.empty() + variant.size.has_value();
    if (n != 1) table.fail("recipe", "a variant has one of recipe, plan and size");
    for (const auto& rule : table.texts("rules").value_or(std::vector<std::string>{})) {
      check([&] { parse_type_rule(rule, "rules"); }, table, "rules");
      variant.rules.push_back({rule, false});
    }
    if (const auto file = table.text("rules_file")) {
      variant.rules.push_back({existing(table, "rules_file", *file), true});
    }
    variant.output_type = table.text("output_type").value_or("");
    variant.embedding_type = table.text("embedding_type").value_or("");
    variant.pure = table.boolean("pure").value_or(false);
    refuse_beside_plan(table, variant);
  }

  static void refuse_beside_plan(TomlTable& table, const ReleaseVariant& variant) {
    if (variant.plan_file.empty()) return;
    for (const char* key :
         {"rules", "rules_file", "output_type", "embedding_type", "pure", "prune_layers"}) {
      if (table.has(key)) table.fail(key, "the plan decides that: leave it out, or edit the plan");
    }
  }

  // What the options of `lathe quantize` refuse, with the line.
  template <typename Call>
  static void check(Call call, const TomlTable& table, std::string_view key) {
    try {
      call();
    } catch (const Error& error) {
      table.fail(key, error.what());
    }
  }

  void read_naive(TomlTable& table, ReleaseVariant& variant) {
    const std::string naive = table.text("naive").value_or("nearest");
    if (naive == "nearest") return;
    variant.naive = naive == "none" ? NaiveChoice::kNone : NaiveChoice::kRecipe;
    if (naive != "none") variant.naive_recipe = recipe_name(table, "naive", naive);
  }

  // "4.5GB", "812 MB": units of 10^9 and 10^6 bytes.
  static std::uint64_t bytes_of(const TomlTable& table, const std::string& text) {
    double number = 0.0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    std::string unit(end, last);
    std::erase(unit, ' ');
    const double scale = unit == "GB" ? 1e9 : unit == "MB" ? 1e6 : unit == "kB" ? 1e3 : 0.0;
    const double bytes = number * scale;
    if (error != std::errc{} || !(bytes >= 1.0) || !(bytes < 1e15)) {
      table.fail("size", "expected a size as \"4.5GB\" or \"812MB\", found " + quoted(text));
    }
    return static_cast<std::uint64_t>(std::llround(bytes));
  }

  std::string path_;
  TomlNode root_;
  fs::path folder_;
  ReleaseRecipe recipe_;
};

}  // namespace

bool ReleaseVariant::is_plain() const noexcept {
  return !recipe.empty() && rules.empty() && !prune_layers && output_type.empty() &&
         embedding_type.empty() && !pure && use_imatrix && !calibrated && !heal;
}

bool ReleaseRecipe::has_tasks() const noexcept {
  return std::any_of(tasks.files.begin(), tasks.files.end(),
                     [](const auto& files) { return !files.empty(); });
}

ReleaseRecipe read_release_recipe(const std::string& path) { return RecipeReader(path).read(); }

}  // namespace lathe
