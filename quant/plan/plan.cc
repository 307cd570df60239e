#include "quant/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/tensor_role.h"

namespace lathe {
namespace {

constexpr int kLargeModelLayers = 80;

struct Choice {
  Format format;
  std::string reason;
};

std::string name_of(Format format) { return std::string(format_name(format)); }

bool is_head(const ModelHeader& model, TensorRole role) noexcept {
  return role == TensorRole::kOutput || (role == TensorRole::kTokenEmbd && model.tied_output);
}

bool fits(std::uint64_t n_cols, Format format) noexcept {
  return n_cols % format_info(format).block_elems == 0;
}

std::string reason_of(const Recipe& recipe, const RecipeRule& rule) {
  std::string reason =
      fmt::format("{}: {} of {}", recipe.name, role_name(rule.role), layer_set_text(rule.layers));
  if (rule.min_gqa > 0) reason += fmt::format(", {} or more queries a KV head", rule.min_gqa);
  if (rule.imatrix == ImatrixCondition::kWith) reason += ", with imatrix";
  if (rule.imatrix == ImatrixCondition::kWithout) reason += ", without imatrix";
  return reason;
}

Choice layer_choice(const ModelHeader& model, const PlanRequest& request, TensorRole role,
                    int layer) {
  const Recipe& recipe = *request.recipe;
  if (role == TensorRole::kAttnQkv) role = TensorRole::kAttnV;  // as sensitive as its V part
  const auto holds = [&](const RecipeRule& rule) {
    if (rule.role != role || !layer_in_set(rule.layers, layer, model.n_layer)) return false;
    if (rule.imatrix == ImatrixCondition::kWith && !request.imatrix) return false;
    if (rule.imatrix == ImatrixCondition::kWithout && request.imatrix) return false;
    return model.n_head / model.n_head_kv >= rule.min_gqa;
  };
  Choice choice{recipe.base, fmt::format("{}: base", recipe.name)};
  const auto rule = std::find_if(recipe.rules.begin(), recipe.rules.end(), holds);
  if (rule != recipe.rules.end()) choice = {rule->format, reason_of(recipe, *rule)};

  const bool large = model.n_layer == kLargeModelLayers && model.n_head != model.n_head_kv;
  const bool low = choice.format == Format::Q3_K || choice.format == Format::Q4_K;
  if (role == TensorRole::kAttnV && recipe.promote_large_attn_v && large && low) {
    choice = {Format::Q5_K, fmt::format("{}: attn_v of {} layers with grouped queries", recipe.name,
                                        kLargeModelLayers)};
  }
  return choice;
}

Choice head_choice(const Recipe& recipe, const TensorInfo& tensor) {
  if (!fits(tensor.cols(), recipe.base)) {
    return {Format::Q8_0, fmt::format("{}: output head, rows of {} do not fit {}", recipe.name,
                                      tensor.cols(), name_of(recipe.base))};
  }
  return {recipe.output, fmt::format("{}: output head", recipe.name)};
}

Choice choose(const ModelHeader& model, const PlanRequest& request, const TensorInfo& tensor) {
  const Recipe& recipe = *request.recipe;
  if (!is_quantizable(tensor)) return {tensor.format, "kept: norm, bias or small"};
  const auto id = parse_tensor_name(tensor.name);
  const bool embedding = id && id->role == TensorRole::kTokenEmbd;
  const bool head = id && is_head(model, id->role);
  if (embedding && request.embedding_format) {
    return {*request.embedding_format, "--token-embedding-type"};
  }
  if (head && request.output_format) return {*request.output_format, "--output-tensor-type"};
  if (!recipe.mixed || request.pure) {
    return {recipe.base, fmt::format("{}: base{}", recipe.name, request.pure ? ", --pure" : "")};
  }
  if (head) return head_choice(recipe, tensor);
  if (embedding) return {recipe.embedding, fmt::format("{}: embedding", recipe.name)};
  if (id && id->layer >= 0) return layer_choice(model, request, id->role, id->layer);
  return {recipe.base, fmt::format("{}: base", recipe.name)};
}

bool format_needs_importance(Format format, const Recipe& recipe) noexcept {
  switch (format) {
    case Format::IQ1_S:
    case Format::IQ1_M:
    case Format::IQ2_XXS:
    case Format::IQ2_XS:
    case Format::IQ2_S:
    case Format::IQ3_XXS:
      return true;
    case Format::Q2_K:
      return recipe.name == "Q2_K_S";
    default:
      return false;
  }
}

PlannedTensor plan_tensor(const ModelHeader& model, const PlanRequest& request,
                          const TensorInfo& tensor) {
  Choice choice = choose(model, request, tensor);
  PlannedTensor out;
  out.source = tensor;
  out.name = tensor.name;
  out.format = format_for_row(choice.format, tensor.cols());
  out.fallback = out.format != choice.format;
  if (out.fallback) {
    choice.reason +=
        fmt::format("; {} does not fit rows of {}", name_of(choice.format), tensor.cols());
  }
  out.reason = std::move(choice.reason);
  out.n_bytes = *checked_bytes(out.format, tensor.n_elements());
  const bool in_layer = layer_of_tensor(tensor.name) >= 0;
  out.needs_importance =
      in_layer && !out.copied() && format_needs_importance(out.format, *request.recipe);
  return out;
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

Format format_for_row(Format format, std::uint64_t n_cols) noexcept {
  if (fits(n_cols, format)) return format;
  format = fallback_of(format);
  return fits(n_cols, format) ? format : Format::F16;
}

bool is_quantizable(const TensorInfo& tensor) noexcept {
  const std::string_view name = tensor.name;
  return tensor.rows() > 1 && name.ends_with("weight") &&
         name.find("_norm.weight") == std::string_view::npos &&
         name.find("ffn_gate_inp.weight") == std::string_view::npos;
}

Plan make_plan(const ModelHeader& model, const PlanRequest& request) {
  Plan plan;
  plan.recipe = request.recipe->name;
  plan.file_type = request.recipe->file_type;
  plan.imatrix = request.imatrix;
  plan.tensors.reserve(model.tensors.size());
  for (const TensorInfo& tensor : model.tensors) {
    plan.tensors.push_back(plan_tensor(model, request, tensor));
  }
  return plan;
}

std::uint64_t Plan::n_elements() const noexcept {
  std::uint64_t sum = 0;
  for (const PlannedTensor& t : tensors) sum += t.source.n_elements();
  return sum;
}

std::uint64_t Plan::source_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const PlannedTensor& t : tensors) sum += t.source.n_bytes;
  return sum;
}

std::uint64_t Plan::bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const PlannedTensor& t : tensors) sum += t.n_bytes;
  return sum;
}

double Plan::bits_per_weight() const noexcept {
  const std::uint64_t n = n_elements();
  return n == 0 ? 0.0 : 8.0 * static_cast<double>(bytes()) / static_cast<double>(n);
}

}  // namespace lathe
