#include "quant/plan/recipe_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/tensor_role.h"

namespace lathe {
namespace {

constexpr int kLargeModelLayers = 80;

bool fits(std::uint64_t n_cols, Format format) noexcept {
  return n_cols % format_info(format).block_elems == 0;
}

// 0 for layers without KV heads.
int queries_per_kv_head(const RecipeShape& shape) noexcept {
  return shape.n_head_kv == 0 ? 0 : shape.n_head / shape.n_head_kv;
}

std::string reason_of(const Recipe& recipe, const RecipeRule& rule) {
  std::string reason =
      fmt::format("{}: {} of {}", recipe.name, role_name(rule.role), layer_set_text(rule.layers));
  if (rule.min_gqa > 0) reason += fmt::format(", {} or more queries a KV head", rule.min_gqa);
  if (rule.imatrix == ImatrixCondition::kWith) reason += ", with imatrix";
  if (rule.imatrix == ImatrixCondition::kWithout) reason += ", without imatrix";
  return reason;
}

FormatChoice layer_choice(const Recipe& recipe, const RecipeShape& shape, TensorRole role,
                          int layer) {
  if (role == TensorRole::kAttnQkv) role = TensorRole::kAttnV;  // as sensitive as its V part
  const auto holds = [&](const RecipeRule& rule) {
    if (rule.role != role || !layer_in_set(rule.layers, layer, shape.n_layer)) return false;
    if (rule.imatrix == ImatrixCondition::kWith && !shape.imatrix) return false;
    if (rule.imatrix == ImatrixCondition::kWithout && shape.imatrix) return false;
    return queries_per_kv_head(shape) >= rule.min_gqa;
  };
  FormatChoice choice{recipe.base, fmt::format("{}: base", recipe.name)};
  const auto rule = std::find_if(recipe.rules.begin(), recipe.rules.end(), holds);
  if (rule != recipe.rules.end()) choice = {rule->format, reason_of(recipe, *rule)};

  const bool large = shape.n_layer == kLargeModelLayers && shape.n_head != shape.n_head_kv;
  const bool low = choice.format == Format::Q3_K || choice.format == Format::Q4_K;
  if (role == TensorRole::kAttnV && recipe.promote_large_attn_v && large && low) {
    choice = {Format::Q5_K, fmt::format("{}: attn_v of {} layers with grouped queries", recipe.name,
                                        kLargeModelLayers)};
  }
  return choice;
}

FormatChoice head_choice(const Recipe& recipe, std::uint64_t n_cols) {
  if (!fits(n_cols, recipe.base)) {
    return {Format::Q8_0, fmt::format("{}: output head, rows of {} do not fit {}", recipe.name,
                                      n_cols, format_name(recipe.base))};
  }
  return {recipe.output, fmt::format("{}: output head", recipe.name)};
}

Format fallback_of(Format format) noexcept {
  switch (format) {
    case Format::IQ1_S:
    case Format::IQ1_M:
    case Format::IQ2_XXS:
    case Format::IQ2_XS:
    case Format::IQ2_S:
    case Format::IQ3_XXS:
    case Format::IQ3_S:
    case Format::IQ4_XS:
      return Format::IQ4_NL;
    case Format::Q2_K:
    case Format::Q3_K:
    case Format::TQ1_0:
    case Format::TQ2_0:
    case Format::Q2_0:
      return Format::Q4_0;
    case Format::Q4_K:
      return Format::Q5_0;
    case Format::Q5_K:
      return Format::Q5_1;
    case Format::Q6_K:
      return Format::Q8_0;
    default:
      return Format::F16;
  }
}

}  // namespace

FormatChoice recipe_choice(const Recipe& recipe, const RecipeShape& shape, std::string_view tensor,
                           std::uint64_t n_cols) {
  const FormatChoice base{recipe.base, fmt::format("{}: base", recipe.name)};
  const auto id = parse_tensor_name(tensor);
  if (!recipe.mixed || !id) return base;
  if (id->role == TensorRole::kOutput) return head_choice(recipe, n_cols);
  if (id->role == TensorRole::kTokenEmbd) {
    if (shape.tied_output) return head_choice(recipe, n_cols);
    return {recipe.embedding, fmt::format("{}: embedding", recipe.name)};
  }
  return id->layer >= 0 ? layer_choice(recipe, shape, id->role, id->layer) : base;
}

bool format_needs_importance(Format format, std::string_view recipe) noexcept {
  switch (format) {
    case Format::IQ1_S:
    case Format::IQ1_M:
    case Format::IQ2_XXS:
    case Format::IQ2_XS:
    case Format::IQ2_S:
    case Format::IQ3_XXS:
      return true;
    case Format::Q2_K:
      return recipe == "Q2_K_S";
    default:
      return false;
  }
}

Format format_for_row(Format format, std::uint64_t n_cols) noexcept {
  if (fits(n_cols, format)) return format;
  format = fallback_of(format);
  return fits(n_cols, format) ? format : Format::F16;
}

}  // namespace lathe
