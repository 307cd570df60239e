#include "tools/jobs/model_type.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "quant/plan/recipe.h"

namespace lathe {
namespace {

// The format that holds most of the weights.
std::string_view largest_format(const Model& model) {
  std::array<std::size_t, kFormatCount> bytes = {};
  for (std::size_t r = 0; r < kTensorRoleCount; ++r) {
    const TensorRole role = static_cast<TensorRole>(r);
    const int n_layer = role_is_per_layer(role) ? static_cast<int>(model.traits().n_layer) : 0;
    for (int layer = role_is_per_layer(role) ? 0 : -1; layer < n_layer; ++layer) {
      const WeightView& weight = model.weights().get(role, layer);
      if (weight) bytes[index_of(weight.format)] += weight.bytes();
    }
  }
  return kFormatInfo[std::max_element(bytes.begin(), bytes.end()) - bytes.begin()].name;
}

std::string_view recipe_or_format(const Model& model, const Metadata& metadata) {
  const std::optional<std::uint64_t> file_type = metadata.uint("general.file_type");
  for (const Recipe& recipe : all_recipes()) {
    if (file_type && recipe.file_type == *file_type) return recipe.name;
  }
  return largest_format(model);
}

}  // namespace

std::string model_type(const Model& model, const Metadata& metadata) {
  const double params = static_cast<double>(model.traits().n_params);
  return fmt::format(
      "{} {} {}", model.traits().architecture,
      params >= 1e9 ? fmt::format("{:.2f} B", params / 1e9) : fmt::format("{:.2f} M", params / 1e6),
      recipe_or_format(model, metadata));
}

}  // namespace lathe
