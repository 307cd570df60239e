#include "tools/jobs/release/read_variant.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>

#include "quant/plan/type_rule.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::int64_t kMostPruned = 10000;

// What the options of `lathe quantize` refuse, with the line.
template <typename Call>
void check(Call call, const TomlTable& table, std::string_view key) {
  try {
    call();
  } catch (const Error& error) {
    table.fail(key, error.what());
  }
}

// "4.5GB", "812 MB": units of 10^9 and 10^6 bytes.
std::uint64_t bytes_of(const TomlTable& table, const std::string& text) {
  double number = 0.0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  std::string unit(end, last);
  std::erase(unit, ' ');
  const double scale = unit == "GB" ? 1e9 : unit == "MB" ? 1e6 : unit == "kB" ? 1e3 : 0.0;
  const double bytes = number * scale;
  if (error != std::errc{} || !(bytes >= 1.0) || !(bytes < 1e15)) {
    table.fail("size",
               "expected a size as \"4.5GB\" or \"812MB\", or a recipe whose size it is, found " +
                   quoted(text));
  }
  return static_cast<std::uint64_t>(std::llround(bytes));
}

void read_size(TomlTable& table, ReleaseVariant& variant) {
  const auto text = table.text("size");
  if (!text) return;
  if (find_recipe(*text) != nullptr) {
    variant.size_of = recipe_name(table, "size", *text);
  } else {
    variant.size = bytes_of(table, *text);
  }
}

void refuse_beside_plan(TomlTable& table, const ReleaseVariant& variant) {
  if (variant.plan_file.empty()) return;
  for (const char* key :
       {"rules", "rules_file", "output_type", "embedding_type", "pure", "prune_layers", "prune"}) {
    if (table.has(key)) table.fail(key, "the plan decides that: leave it out, or edit the plan");
  }
}

void read_plan(TomlTable& table, const RecipePaths& paths, ReleaseVariant& variant) {
  if (const auto name = table.text("recipe")) variant.recipe = recipe_name(table, "recipe", *name);
  if (const auto file = table.text("plan")) {
    variant.plan_file = paths.existing(table, "plan", *file);
  }
  read_size(table, variant);
  const int n = !variant.recipe.empty() + !variant.plan_file.empty() + variant.is_sized();
  if (n != 1) table.fail("recipe", "a variant has one of recipe, plan and size");
  for (const auto& rule : table.texts("rules").value_or(std::vector<std::string>{})) {
    check([&] { parse_type_rule(rule, "rules"); }, table, "rules");
    variant.rules.push_back({rule, false});
  }
  if (const auto file = table.text("rules_file")) {
    variant.rules.push_back({paths.existing(table, "rules_file", *file), true});
  }
  variant.output_type = table.text("output_type").value_or("");
  variant.embedding_type = table.text("embedding_type").value_or("");
  variant.pure = table.boolean("pure").value_or(false);
  refuse_beside_plan(table, variant);
}

void read_pruning(TomlTable& table, ReleaseVariant& variant) {
  variant.prune_layers = table.number_list("prune_layers");
  variant.prune = static_cast<int>(size_at(table, "prune", 1, kMostPruned, 0));
  if (variant.prune > 0 && variant.prune_layers) {
    table.fail("prune", "chooses what prune_layers names: leave one of them out");
  }
  variant.heal = table.boolean("heal").value_or(false);
  if (variant.heal && !variant.prune_layers && variant.prune == 0) {
    table.fail("heal", "needs prune or prune_layers");
  }
}

void read_naive(TomlTable& table, ReleaseVariant& variant) {
  const std::string naive = table.text("naive").value_or("nearest");
  if (naive == "nearest") return;
  variant.naive = naive == "none" ? NaiveChoice::kNone : NaiveChoice::kRecipe;
  if (naive != "none") variant.naive_recipe = recipe_name(table, "naive", naive);
}

std::string default_name(const ReleaseVariant& variant) {
  if (!variant.recipe.empty()) return variant.recipe;
  if (!variant.size_of.empty()) return variant.size_of + "-planned";
  if (variant.size) return fmt::format("{:.3g}GB", static_cast<double>(*variant.size) / 1e9);
  return std::filesystem::path(variant.plan_file).stem().string();
}

}  // namespace

ReleaseVariant read_variant(TomlTable& table, const RecipePaths& paths, bool calibrated) {
  ReleaseVariant variant;
  read_plan(table, paths, variant);
  read_pruning(table, variant);
  variant.use_imatrix = table.boolean("imatrix").value_or(true);
  variant.calibrated = table.boolean("calibrated").value_or(calibrated);
  read_naive(table, variant);
  variant.name = table.text("name").value_or(default_name(variant));
  if (variant.name.empty()) table.fail("name", "is missing");
  check_name(table, "name", variant.name);
  table.refuse_unknown();
  return variant;
}

}  // namespace lathe
