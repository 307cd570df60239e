#include "quant/costs/cost_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>

#include "quant/plan/plan.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/shape_text.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr int kMaxDepth = 8;
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 53;

// Kinds of activations that are rounded; kF32 is not.
constexpr std::pair<const char*, ActKind> kKinds[] = {
    {"bf16", ActKind::kBF16}, {"q8x32", ActKind::kQ8x32}, {"q8x256", ActKind::kQ8x256}};

// ---- to JSON

Json tensor_json(const TensorCosts& t) {
  Json activations = Json::object(), costs = Json::object();
  for (const auto& [name, kind] : kKinds) {
    activations[name] = t.activations[static_cast<std::size_t>(kind)];
  }
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    if (t.weights[f]) costs[std::string(kFormatInfo[f].name)] = *t.weights[f];
  }
  return {{"name", t.name},
          {"shape", std::span(t.source.dims.data(), t.source.n_dims)},
          {"from", format_name(t.source.format)},
          {"activations", std::move(activations)},
          {"costs", std::move(costs)}};
}

Json head_json(const CostFile& c) {
  Json texts = Json::array();
  for (const CostFile::Text& text : c.texts) {
    texts.push_back({{"file", text.file}, {"sha256", text.sha256}, {"n_tokens", text.n_tokens}});
  }
  return {{"lathe_costs", kVersion},
          {"lathe", c.lathe},
          {"encoders", c.encoders},
          {"encoder_version", c.encoder_version},
          {"importance", c.importance},
          {"model",
           {{"file", c.model_file},
            {"fingerprint", c.fingerprint},
            {"weights", c.weights},
            {"architecture", c.architecture},
            {"n_layer", c.n_layer}}},
          {"gradients", {{"file", c.gradient_file}, {"fingerprint", c.gradient_fingerprint}}},
          {"texts", std::move(texts)},
          {"n_ctx", c.n_ctx},
          {"n_tokens", c.n_tokens},
          {"n_scored", c.n_scored},
          {"rows", c.n_rows},
          {"seed", c.seed},
          {"tier", c.tier},
          {"layers", c.layers}};
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// ---- from JSON

double cost_of(const JsonNode& node) {
  const double value = std::strtod(node.number().c_str(), nullptr);
  if (!std::isfinite(value) || value < 0.0) {
    node.fail("a cost is a number from 0 on, found " + node.number());
  }
  return value;
}

std::size_t size_of(const JsonNode& node) {
  return static_cast<std::size_t>(node.uint(kMaxNumber));
}

void read_shape(const JsonNode& node, TensorInfo& info) {
  const std::vector<JsonNode> dims = node.elements();
  if (dims.empty() || dims.size() > kGgufMaxDims) {
    node.fail(fmt::format("expected 1 to {} numbers, found {}", kGgufMaxDims, dims.size()));
  }
  info.n_dims = static_cast<std::uint32_t>(dims.size());
  for (std::size_t d = 0; d < dims.size(); ++d) info.dims[d] = dims[d].uint(kMaxNumber);
}

Format format_of(const JsonNode& node, const std::string& name) {
  Format format;
  if (!format_from_name(name, &format)) node.fail("unknown type " + quoted(name));
  return format;
}

TensorCosts tensor_of(const JsonNode& node) {
  node.check_keys({"name", "shape", "from", "activations", "costs"});
  TensorCosts t;
  t.name = t.source.name = node.at("name").text();
  read_shape(node.at("shape"), t.source);
  t.source.format = format_of(node.at("from"), node.at("from").text());
  const JsonNode activations = node.at("activations");
  activations.check_keys({"bf16", "q8x32", "q8x256"});
  for (const auto& [name, kind] : kKinds) {
    t.activations[static_cast<std::size_t>(kind)] = cost_of(activations.at(name));
  }
  const JsonNode costs = node.at("costs");
  for (const std::string& name : costs.keys()) {
    t.weights[index_of(format_of(costs, name))] = cost_of(costs.at(name.c_str()));
  }
  return t;
}

void read_model(const JsonNode& node, CostFile& c) {
  node.check_keys({"file", "fingerprint", "weights", "architecture", "n_layer"});
  c.model_file = node.at("file").text();
  c.fingerprint = node.at("fingerprint").text();
  c.weights = node.at("weights").text();
  c.architecture = node.at("architecture").text();
  c.n_layer = static_cast<int>(node.at("n_layer").uint(1U << 16));
}

void read_measurement(const JsonNode& root, CostFile& c) {
  for (const JsonNode& text : root.at("texts").elements()) {
    text.check_keys({"file", "sha256", "n_tokens"});
    c.texts.push_back(
        {text.at("file").text(), text.at("sha256").text(), size_of(text.at("n_tokens"))});
  }
  c.n_ctx = size_of(root.at("n_ctx"));
  c.n_tokens = size_of(root.at("n_tokens"));
  c.n_scored = size_of(root.at("n_scored"));
  c.n_rows = size_of(root.at("rows"));
  c.seed = root.at("seed").uint(kMaxNumber);
  c.tier = root.at("tier").text();
  for (const JsonNode& layer : root.at("layers").elements()) c.layers.push_back(cost_of(layer));
  if (!c.layers.empty() && c.layers.size() != static_cast<std::size_t>(c.n_layer)) {
    root.at("layers").fail(fmt::format("{} costs for {} layers", c.layers.size(), c.n_layer));
  }
}

void check_tensor(const CostFile& costs, const TensorInfo& tensor) {
  const auto fail = [&](const std::string& what) {
    throw bad_input(costs.origin, "costs of another model: " + what);
  };
  const TensorCosts* of = costs.find(tensor.name);
  if (of == nullptr) fail("tensor " + quoted(tensor.name) + " of the model is not among them");
  if (of->source.n_dims != tensor.n_dims || of->source.dims != tensor.dims) {
    fail(fmt::format("the shape of {} is {} there and {} in the model", tensor.name,
                     shape_text(of->source), shape_text(tensor)));
  }
  if (of->source.format != tensor.format) {
    fail(fmt::format("the type of {} is {} there and {} in the model", tensor.name,
                     format_name(of->source.format), format_name(tensor.format)));
  }
}

}  // namespace

const TensorCosts* CostFile::find(std::string_view tensor) const noexcept {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const TensorCosts& t) { return t.name == tensor; });
  return found == tensors.end() ? nullptr : &*found;
}

std::string costs_json(const CostFile& costs) {
  std::string out = "{";
  const Json head = head_json(costs);
  for (const auto& [key, value] : head.items()) {
    out += "\n " + dumped(key) + ": " + dumped(value) + ",";
  }
  out += "\n \"tensors\": [";
  for (std::size_t i = 0; i < costs.tensors.size(); ++i) {
    out += (i == 0 ? "\n  " : ",\n  ") + dumped(tensor_json(costs.tensors[i]));
  }
  return out + "\n ]}\n";
}

void write_costs(const CostFile& costs, const OutputTarget& target) {
  write_text(target, costs_json(costs));
}

CostFile parse_costs(std::string_view text, const std::string& where) {
  const nlohmann::json json = parse_strict_json(text, where, kMaxDepth);
  const JsonNode root(json, where);
  if (!json.is_object() || !json.contains("lathe_costs")) {
    root.fail("no costs: expected an object with the key \"lathe_costs\" (lathe measure)");
  }
  if (root.at("lathe_costs").number() != std::to_string(kVersion)) {
    root.at("lathe_costs").fail("costs of another version; this lathe knows version 1");
  }
  root.check_keys({"lathe_costs", "lathe", "encoders", "encoder_version", "importance", "model",
                   "gradients", "texts", "n_ctx", "n_tokens", "n_scored", "rows", "seed", "tier",
                   "layers", "tensors"});
  CostFile c;
  c.origin = where;
  c.lathe = root.at("lathe").text();
  c.encoders = root.at("encoders").text();
  c.encoder_version = static_cast<std::uint32_t>(root.at("encoder_version").uint(1U << 30));
  c.importance = root.at("importance").boolean();
  read_model(root.at("model"), c);
  const JsonNode gradients = root.at("gradients");
  gradients.check_keys({"file", "fingerprint"});
  c.gradient_file = gradients.at("file").text();
  c.gradient_fingerprint = gradients.at("fingerprint").text();
  read_measurement(root, c);
  std::set<std::string> names;
  for (const JsonNode& element : root.at("tensors").elements()) {
    c.tensors.push_back(tensor_of(element));
    if (!names.insert(c.tensors.back().name).second) {
      element.fail(fmt::format("tensor {} stands twice", quoted(c.tensors.back().name)));
    }
  }
  return c;
}

CostFile read_costs(const std::string& path) {
  const MappedFile file(path);
  return parse_costs({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                     path);
}

void check_costs(const CostFile& costs, const ModelHeader& model, const std::string& weights) {
  const auto fail = [&](const std::string& what) {
    throw bad_input(costs.origin, "costs of another model: " + what);
  };
  if (costs.architecture != model.architecture) {
    fail(fmt::format("the architecture is {} there and {} in the model", quoted(costs.architecture),
                     quoted(model.architecture)));
  }
  if (costs.n_layer != model.n_layer) {
    fail(
        fmt::format("there are {} layers there and {} in the model", costs.n_layer, model.n_layer));
  }
  for (const TensorInfo& tensor : model.tensors) {
    if (is_quantizable(tensor)) check_tensor(costs, tensor);
  }
  if (!weights.empty() && weights != costs.weights) {
    fail("the weights are others, though their names and shapes are the same");
  }
}

}  // namespace lathe
