#include "quant/plan/recipe.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

using enum Format;
using enum TensorRole;
using enum LayerSet;
using enum ImatrixCondition;

constexpr RecipeRule kQ4_0Rules[] = {{kFfnDown, Q4_1, kFirstEighth, 0, kWith}};
constexpr RecipeRule kQ5_0Rules[] = {{kFfnDown, Q5_1, kFirstEighth, 0, kWith}};

constexpr RecipeRule kQ2_KRules[] = {
    {kAttnV, Q4_K, kAll, 4}, {kAttnV, Q3_K}, {kAttnOutput, Q3_K}, {kFfnDown, Q3_K}};
constexpr RecipeRule kQ2_K_SRules[] = {{kAttnV, Q4_K, kAll, 4}, {kFfnDown, Q4_K, kFirstEighth}};
constexpr RecipeRule kQ3_K_MRules[] = {{kAttnV, Q5_K, kFirstTwo},
                                       {kAttnV, Q4_K},
                                       {kAttnOutput, Q4_K},
                                       {kFfnDown, Q5_K, kFirstSixteenth},
                                       {kFfnDown, Q4_K}};
constexpr RecipeRule kQ3_K_LRules[] = {{kAttnV, Q5_K}, {kAttnOutput, Q5_K}, {kFfnDown, Q5_K}};
constexpr RecipeRule kQ4_K_SRules[] = {{kAttnV, Q5_K, kFirstFour}, {kFfnDown, Q5_K, kFirstEighth}};
constexpr RecipeRule kQx_K_MRules[] = {{kAttnV, Q6_K, kSensitive}, {kFfnDown, Q6_K, kSensitive}};

constexpr RecipeRule kIq4Rules[] = {{kAttnV, Q5_K, kAll, 4},
                                    {kFfnDown, Q5_K, kFirstEighth, 0, kWithout}};
constexpr RecipeRule kIq3_XXSRules[] = {{kAttnV, Q4_K, kAll, 4},
                                        {kAttnV, IQ3_XXS, kAll, 0, kWith},
                                        {kAttnV, IQ3_S, kAll, 0, kWithout},
                                        {kAttnK, IQ2_S},
                                        {kAttnQ, IQ2_S},
                                        {kAttnOutput, IQ3_S},
                                        {kFfnDown, Q4_K, kFirstEighth, 0, kWithout},
                                        {kFfnDown, Q3_K, kAll, 0, kWithout}};
constexpr RecipeRule kIq3_XSRules[] = {{kAttnV, Q4_K, kAll, 4},
                                       {kAttnK, IQ3_XXS},
                                       {kAttnQ, IQ3_XXS},
                                       {kFfnGate, IQ3_XXS, kMiddle},
                                       {kFfnUp, IQ3_XXS, kMiddle}};
constexpr RecipeRule kIq3_SRules[] = {{kAttnV, Q4_K, kAll, 4}};
constexpr RecipeRule kIq3_MRules[] = {
    {kAttnV, Q4_K}, {kAttnOutput, Q4_K}, {kFfnDown, Q4_K, kFirstEighth}};
constexpr RecipeRule kIq2LowRules[] = {
    {kAttnV, Q4_K, kAll, 4}, {kAttnV, Q2_K}, {kFfnDown, Q2_K, kFirstEighth}};
constexpr RecipeRule kIq1Rules[] = {{kAttnV, Q4_K, kAll, 4},
                                    {kAttnV, Q2_K},
                                    {kAttnOutput, IQ2_XXS},
                                    {kFfnDown, Q2_K, kFirstEighth}};
constexpr RecipeRule kIq2HighRules[] = {{kAttnV, Q4_K, kAll, 4},
                                        {kAttnV, IQ3_S},
                                        {kAttnOutput, IQ3_S},
                                        {kFfnDown, IQ3_S, kFirstEighth}};

// name, file_type, base, output, embedding, mixed, rules, promote_large_attn_v
constexpr Recipe kRecipes[] = {
    {"F32", 0, F32, F32, F32, false},
    {"F16", 1, F16, F16, F16, false},
    {"BF16", 32, BF16, BF16, BF16, false},
    {"Q8_0", 7, Q8_0, Q8_0, Q8_0},
    {"Q6_K", 18, Q6_K, Q6_K, Q6_K},
    {"Q5_K_M", 17, Q5_K, Q6_K, Q5_K, true, kQx_K_MRules},
    {"Q5_K_S", 16, Q5_K, Q6_K, Q5_K},
    {"Q5_1", 9, Q5_1, Q6_K, Q5_1},
    {"Q5_0", 8, Q5_0, Q6_K, Q5_0, true, kQ5_0Rules},
    {"Q4_K_M", 15, Q4_K, Q6_K, Q4_K, true, kQx_K_MRules},
    {"Q4_K_S", 14, Q4_K, Q6_K, Q4_K, true, kQ4_K_SRules},
    {"Q4_1", 3, Q4_1, Q6_K, Q4_1},
    {"Q4_0", 2, Q4_0, Q6_K, Q4_0, true, kQ4_0Rules},
    {"IQ4_NL", 25, IQ4_NL, Q6_K, IQ4_NL, true, kIq4Rules},
    {"IQ4_XS", 30, IQ4_XS, Q6_K, IQ4_XS, true, kIq4Rules},
    {"Q3_K_L", 13, Q3_K, Q6_K, Q3_K, true, kQ3_K_LRules},
    {"Q3_K_M", 12, Q3_K, Q6_K, Q3_K, true, kQ3_K_MRules},
    {"Q3_K_S", 11, Q3_K, Q6_K, Q3_K},
    {"IQ3_M", 27, IQ3_S, Q6_K, IQ3_S, true, kIq3_MRules},
    {"IQ3_S", 26, IQ3_S, Q6_K, IQ3_S, true, kIq3_SRules},
    {"IQ3_XS", 22, IQ3_S, Q6_K, IQ3_S, true, kIq3_XSRules},
    {"IQ3_XXS", 23, IQ3_XXS, Q5_K, IQ3_S, true, kIq3_XXSRules},
    {"Q2_K", 10, Q2_K, Q6_K, Q2_K, true, kQ2_KRules},
    {"Q2_K_S", 21, Q2_K, Q6_K, Q2_K, true, kQ2_K_SRules},
    {"IQ2_M", 29, IQ2_S, Q5_K, IQ3_S, true, kIq2HighRules, false},
    {"IQ2_S", 28, IQ2_XS, Q5_K, IQ3_S, true, kIq2HighRules, false},
    {"IQ2_XS", 20, IQ2_XS, Q5_K, Q2_K, true, kIq2LowRules, false},
    {"IQ2_XXS", 19, IQ2_XXS, Q5_K, Q2_K, true, kIq2LowRules, false},
    {"IQ1_M", 31, IQ1_M, Q5_K, Q2_K, true, kIq1Rules, false},
    {"IQ1_S", 24, IQ1_S, Q5_K, Q2_K, true, kIq1Rules, false},
    {"TQ2_0", 37, TQ2_0, Q6_K, Q4_K},
    {"TQ1_0", 36, TQ1_0, Q6_K, Q4_K},
};

// For merging split files, for pruning or new metadata alone. Its base is never looked at.
constexpr Recipe kCopy = {.name = "COPY",
                          .file_type = 0,
                          .base = F32,
                          .output = F32,
                          .embedding = F32,
                          .mixed = false,
                          .copy = true};

struct Alias {
  std::string_view name, recipe;
};
constexpr Alias kAliases[] = {{"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}};

const Recipe* recipe_numbered(std::string_view text) noexcept {
  std::uint32_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last) return nullptr;
  const auto at = std::find_if(std::begin(kRecipes), std::end(kRecipes),
                               [&](const Recipe& r) { return r.file_type == number; });
  return at == std::end(kRecipes) ? nullptr : at;
}

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

bool layer_in_set(LayerSet set, int i, int n) noexcept {
  switch (set) {
    case kAll:
      return true;
    case kFirstTwo:
      return i < 2;
    case kFirstFour:
      return i < 4;
    case kFirstSixteenth:
      return i < n / 16;
    case kFirstEighth:
      return i < n / 8;
    case kMiddle:
      return i >= n / 8 && i < 7 * n / 8;
    case kSensitive:
      return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
  }
  return false;
}

std::string_view layer_set_text(LayerSet set) noexcept {
  switch (set) {
    case kAll:
      return "all layers";
    case kFirstTwo:
      return "the first two layers";
    case kFirstFour:
      return "the first four layers";
    case kFirstSixteenth:
      return "the first sixteenth of the layers";
    case kFirstEighth:
      return "the first eighth of the layers";
    case kMiddle:
      return "the middle layers";
    case kSensitive:
      return "the outer eighths and every third layer";
  }
  return "";
}

std::span<const Recipe> all_recipes() noexcept { return kRecipes; }

bool is_recipe_number(std::string_view name) noexcept {
  return !name.empty() && name.find_first_not_of("0123456789") == name.npos;
}

const Recipe* find_recipe(std::string_view name) noexcept {
  if (same_name(name, kCopy.name)) return &kCopy;
  if (is_recipe_number(name)) return recipe_numbered(name);
  for (const Alias& alias : kAliases) {
    if (same_name(name, alias.name)) name = alias.recipe;
  }
  for (const Recipe& recipe : kRecipes) {
    if (same_name(name, recipe.name)) return &recipe;
  }
  return nullptr;
}

const Recipe& require_recipe(std::string_view name) {
  const Recipe* recipe = find_recipe(name);
  if (recipe != nullptr) return *recipe;
  throw usage_error("unknown recipe " + quoted(name) + "; there are: " + recipe_names());
}

std::string recipe_names() {
  std::string names;
  for (const Recipe& recipe : kRecipes) names += std::string(recipe.name) + " ";
  return names + std::string(kCopy.name);
}

}  // namespace lathe
