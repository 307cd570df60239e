// Plans from JSON, trusting none of it, and their match with a model.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "quant/plan/plan_file.h"
#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/shape_text.h"

namespace lathe {
namespace {

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxLayers = 1U << 16;
constexpr int kMaxDepth = 8;

Format format_of(const JsonNode& node) {
  Format format;
  if (!format_from_name(node.text(), &format)) {
    node.fail(
        fmt::format("unknown type {}; there are: {}", quoted(node.text()), all_format_names()));
  }
  return format;
}

MetadataOverride override_of(const JsonNode& node) {
  node.check_keys({"key", "type", "value"});
  const std::string& key = node.at("key").text();
  const std::string& type = node.at("type").text();
  if (key.find('=') != key.npos) node.at("key").fail("a key has no '='");
  if (type.find(':') != type.npos) node.at("type").fail("unknown type " + quoted(type));
  const JsonNode value = node.at("value");
  const std::string text = type == "str"    ? value.text()
                           : type == "bool" ? (value.boolean() ? "true" : "false")
                                            : value.number();
  try {
    return parse_metadata_override(fmt::format("{}={}:{}", key, type, text));
  } catch (const Error& error) {
    node.fail(error.what());
  }
}

void read_shape(const JsonNode& node, TensorInfo& info) {
  const std::vector<JsonNode> dims = node.elements();
  if (dims.empty() || dims.size() > kGgufMaxDims) {
    node.fail(fmt::format("expected 1 to {} numbers, found {}", kGgufMaxDims, dims.size()));
  }
  info.n_dims = static_cast<std::uint32_t>(dims.size());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    info.dims[d] = dims[d].uint(std::numeric_limits<std::int64_t>::max());
    if (info.dims[d] == 0) dims[d].fail("a dimension of 0");
  }
  if (!checked_elements(info.dims)) node.fail("a tensor this large cannot be");
}

void check_target(const JsonNode& node, const PlannedTensor& t) {
  if (t.copied()) return;
  if (!is_quantizable(t.source)) {
    node.fail(fmt::format("{} always keeps its type, {}; found {}", quoted(t.source.name),
                          format_name(t.source.format), format_name(t.format)));
  }
  if (format_for_row(t.format, t.source.cols()) != t.format) {
    node.fail(fmt::format("{} does not fit rows of {}, which are no multiple of {}; what fits: {}",
                          format_name(t.format), t.source.cols(), format_info(t.format).block_elems,
                          format_names_for_row(t.source.cols())));
  }
}

PlannedTensor tensor_of(const JsonNode& node, const std::string& recipe) {
  node.check_keys({"name", "shape", "from", "to", "importance", "reason"});
  PlannedTensor t;
  t.source.name = node.at("name").text();
  read_shape(node.at("shape"), t.source);
  t.source.format = format_of(node.at("from"));
  t.format = format_of(node.at("to"));
  check_target(node.at("to"), t);
  const auto n_bytes = checked_bytes(t.format, t.source.n_elements());
  if (!n_bytes) node.at("shape").fail("a tensor this large cannot be");
  t.n_bytes = *n_bytes;
  if (const auto importance = node.find("importance")) t.use_importance = importance->boolean();
  if (const auto reason = node.find("reason")) t.reason = reason->text();
  t.needs_importance = layer_of_tensor(t.source.name) >= 0 && !t.copied() &&
                       format_needs_importance(t.format, recipe);
  return t;
}

std::vector<int> pruned_of(const JsonNode& node, int n_layer) {
  std::vector<int> layers;
  for (const JsonNode& element : node.elements()) {
    layers.push_back(static_cast<int>(element.uint(kMaxLayers)));
    if (layers.back() >= n_layer) element.fail(fmt::format("there are {} layers only", n_layer));
  }
  std::sort(layers.begin(), layers.end());
  if (std::adjacent_find(layers.begin(), layers.end()) != layers.end()) {
    node.fail("a layer stands twice");
  }
  if (!layers.empty() && static_cast<int>(layers.size()) == n_layer) {
    node.fail("all layers are pruned");
  }
  return layers;
}

void read_tensors(const JsonNode& node, Plan& plan) {
  std::set<std::string> names;
  for (const JsonNode& element : node.elements()) {
    PlannedTensor t = tensor_of(element, plan.recipe);
    if (!names.insert(t.source.name).second) {
      element.fail(fmt::format("tensor {} stands twice", quoted(t.source.name)));
    }
    auto name = name_after_pruning(t.source.name, plan.pruned_layers);
    if (!name) {
      element.fail(fmt::format("tensor {} is in a layer that is pruned", quoted(t.source.name)));
    }
    t.name = std::move(*name);
    plan.tensors.push_back(std::move(t));
  }
}

// The model's facts about one tensor in the place of the plan's, when they agree.
void take_source(const PlanFile& file, const TensorInfo& source, PlannedTensor& t) {
  const auto differ = [&](std::string_view what, const std::string& plan,
                          const std::string& model) {
    throw bad_input(file.origin,
                    fmt::format("made for another model: {} of {} is {} in the plan and {} in the "
                                "model",
                                what, source.name, plan, model));
  };
  if (source.n_dims != t.source.n_dims || source.dims != t.source.dims) {
    differ("the shape", shape_text(t.source), shape_text(source));
  }
  if (source.format != t.source.format) {
    differ("the type", std::string(format_name(t.source.format)),
           std::string(format_name(source.format)));
  }
  t.source = source;
  if (t.reason.empty()) t.reason = "plan";
}

void check_identity(const PlanFile& file, const ModelHeader& model) {
  const auto fail = [&](const std::string& what) {
    throw bad_input(file.origin, "made for another model: " + what);
  };
  if (file.architecture != model.architecture) {
    fail(fmt::format("the architecture is {} in the plan and {} in the model",
                     quoted(file.architecture), quoted(model.architecture)));
  }
  if (file.n_layer != model.n_layer) {
    fail(fmt::format("there are {} layers in the plan and {} in the model", file.n_layer,
                     model.n_layer));
  }
}

}  // namespace

PlanFile parse_plan(std::string_view text, const std::string& where) {
  const nlohmann::json json = parse_strict_json(text, where, kMaxDepth);
  const JsonNode root(json, where);
  if (!json.is_object() || !json.contains("lathe_plan")) {
    root.fail("no plan: expected an object with the key \"lathe_plan\"");
  }
  const JsonNode version = root.at("lathe_plan");
  if (version.number() != std::to_string(kVersion)) {
    version.fail(fmt::format("a plan of version {}; this lathe knows version {}",
                             printable(version.number()), kVersion));
  }
  root.check_keys({"lathe_plan", "model", "recipe", "file_type", "imatrix", "pruned_layers",
                   "decisions_sha256", "metadata", "tensors"});
  PlanFile file;
  file.origin = where;
  const JsonNode model = root.at("model");
  model.check_keys({"architecture", "n_layer"});
  file.architecture = model.at("architecture").text();
  file.n_layer = static_cast<int>(model.at("n_layer").uint(kMaxLayers));
  Plan& plan = file.plan;
  plan.origin = where;
  plan.recipe = "plan";
  if (const auto recipe = root.find("recipe")) plan.recipe = recipe->text();
  plan.file_type = static_cast<std::uint32_t>(
      root.at("file_type").uint(std::numeric_limits<std::uint32_t>::max()));
  if (const auto imatrix = root.find("imatrix")) plan.imatrix = imatrix->boolean();
  if (const auto pruned = root.find("pruned_layers")) {
    plan.pruned_layers = pruned_of(*pruned, file.n_layer);
  }
  if (const auto metadata = root.find("metadata")) {
    for (const JsonNode& element : metadata->elements())
      plan.overrides.push_back(override_of(element));
  }
  if (const auto hash = root.find("decisions_sha256")) file.decisions_sha256 = hash->text();
  read_tensors(root.at("tensors"), plan);
  return file;
}

PlanFile read_plan(const std::string& path) {
  const MappedFile file(path);
  return parse_plan({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                    path);
}

Plan plan_for_model(const PlanFile& file, const ModelHeader& model) {
  check_identity(file, model);
  std::map<std::string_view, const PlannedTensor*> planned;
  for (const PlannedTensor& t : file.plan.tensors) planned[t.source.name] = &t;
  Plan plan = file.plan;
  plan.tensors.clear();
  for (const TensorInfo& tensor : model.tensors) {
    if (!name_after_pruning(tensor.name, plan.pruned_layers)) continue;
    const auto it = planned.find(tensor.name);
    if (it == planned.end()) {
      throw bad_input(file.origin, fmt::format("made for another model: tensor {} of the model is "
                                               "not in the plan",
                                               quoted(tensor.name)));
    }
    plan.tensors.push_back(*it->second);
    take_source(file, tensor, plan.tensors.back());
    planned.erase(it);
  }
  if (!planned.empty()) {
    throw bad_input(file.origin, fmt::format("made for another model: tensor {} of the plan is not "
                                             "in the model",
                                             quoted(planned.begin()->first)));
  }
  plan.edited = decisions_sha256(plan) != file.decisions_sha256;
  return plan;
}

}  // namespace lathe
