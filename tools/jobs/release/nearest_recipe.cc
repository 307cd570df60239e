#include "tools/jobs/release/nearest_recipe.h"

#include <cmath>
#include <limits>
#include <string_view>

namespace lathe {
namespace {

// What people publish, large to small.
struct UsualRecipe {
  std::string_view name;
  bool needs_imatrix = false;
};
constexpr UsualRecipe kUsualRecipes[] = {
    {"Q8_0"},          {"Q6_K"},         {"Q5_K_M"},      {"Q5_K_S"},      {"Q4_K_M"},
    {"Q4_K_S"},        {"IQ4_NL"},       {"IQ4_XS"},      {"Q3_K_L"},      {"Q3_K_M"},
    {"Q3_K_S"},        {"IQ3_M"},        {"IQ3_S"},       {"IQ3_XS"},      {"Q2_K"},
    {"IQ3_XXS", true}, {"Q2_K_S", true}, {"IQ2_M", true}, {"IQ2_S", true}, {"IQ2_XS", true},
    {"IQ2_XXS", true}, {"IQ1_M", true},  {"IQ1_S", true}};

}  // namespace

std::string nearest_recipe(std::uint64_t bytes, const std::string& own, bool has_imatrix,
                           const std::function<std::uint64_t(const std::string&)>& bytes_of) {
  const auto distance = [&](const std::string& recipe) {
    return std::abs(std::log(static_cast<double>(bytes_of(recipe)) / static_cast<double>(bytes)));
  };
  std::string nearest = own;
  double least = own.empty() ? std::numeric_limits<double>::infinity() : distance(own);
  for (const UsualRecipe& usual : kUsualRecipes) {
    if (usual.needs_imatrix && !has_imatrix) continue;
    const std::string name(usual.name);
    if (const double d = distance(name); d < least) {
      least = d;
      nearest = name;
    }
  }
  return nearest;
}

}  // namespace lathe
