#include "quant/imatrix/imatrix_origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "quant/imatrix/imatrix.h"
#include "quant/plan/model_header.h"
#include "quant/plan/pruned_layers.h"
#include "runtime/base/error.h"
#include "runtime/identity/fingerprint.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

constexpr std::string_view kName = "lathe.imatrix.model";
constexpr std::string_view kFingerprint = "lathe.imatrix.model_fingerprint";
constexpr std::string_view kWeights = "lathe.imatrix.model_weights";
constexpr std::string_view kLayers = "lathe.imatrix.model_layers";
constexpr std::string_view kPruned = "lathe.imatrix.model_pruned_layers";
constexpr std::size_t kMarkDigits = 16;
constexpr std::size_t kMaxLayers = 1U << 16;

// Hashes of one layer, made of lines that do not name its number.
class LayerMarker {
 public:
  void add(const TensorInfo& t, const std::string& data_hash, const std::string& vector_hash) {
    const std::string name = with_layer(t.name, 0);
    const std::string of = fmt::format("{} {}", name, format_name(t.format));
    weights_ += fmt::format("{} {} {}\n", of, fmt::join(t.dims, "x"), data_hash);
    known_ = known_ && !data_hash.empty();
    if (!vector_hash.empty()) kept_ += fmt::format("{} {}\n", of, vector_hash);
    if (t.rows() > 1) formats_ += of + "\n";
    floats_ = floats_ && format_info(t.format).group == 0;
  }
  LayerMark mark() const {
    return {known_ ? hash(weights_) : "", hash(kept_), floats_ ? hash(formats_) : ""};
  }

 private:
  static std::string hash(const std::string& text) {
    if (text.empty()) return {};
    return hash_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})
        .substr(0, kMarkDigits);
  }

  std::string weights_, kept_, formats_;
  bool known_ = true, floats_ = true;
};

std::string vector_hash(const TensorSource& model, const TensorInfo& t) {
  if (t.rows() > 1 || t.format != Format::F32) return {};
  std::vector<std::uint8_t> buffer(t.n_bytes);
  return hash_bytes(model.rows(t, 0, 1, buffer));
}

std::vector<std::string> split_mark(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ' ') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

ImatrixOrigin origin_of(const TensorSource& model, const ModelIdentity* identity) {
  ImatrixOrigin out;
  out.name = std::filesystem::path(model.path()).filename().string();
  if (identity != nullptr) {
    out.fingerprint = identity->fingerprint;
    out.weights = identity->weights;
  }
  out.pruned = pruned_layers(model.metadata());
  // By name: the order in which the file has its tensors does not count.
  std::map<int, std::map<std::string_view, const TensorInfo*>> layers;
  for (const TensorInfo& t : model.tensors()) {
    if (const int layer = layer_of_tensor(t.name); layer >= 0) layers[layer][t.name] = &t;
  }
  for (const auto& [layer, tensors] : layers) {
    if (layer >= static_cast<int>(kMaxLayers)) break;
    LayerMarker marker;
    for (const auto& [name, t] : tensors) {
      marker.add(*t, identity == nullptr ? "" : identity->tensors.at(t->name),
                 vector_hash(model, *t));
    }
    out.layers.resize(static_cast<std::size_t>(layer) + 1);
    out.layers.back() = marker.mark();
  }
  return out;
}

void put_origin(const ImatrixOrigin& origin, Metadata& metadata) {
  const auto put = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) metadata.set(key, Value::text(text));
  };
  put(kName, origin.name);
  put(kFingerprint, origin.fingerprint);
  put(kWeights, origin.weights);
  if (origin.known()) {
    StringList marks;
    for (const LayerMark& m : origin.layers) {
      marks.push_back(fmt::format("{} {} {}", m.weights, m.kept, m.formats));
    }
    metadata.set(kLayers, Value::strings(std::move(marks)));
  }
  if (!origin.pruned.empty()) {
    metadata.set(kPruned, Value::array<std::int32_t>(std::span(origin.pruned)));
  }
}

ImatrixOrigin read_origin(const Metadata& metadata) {
  ImatrixOrigin out;
  const auto text = [&](std::string_view key) {
    const Value* value = metadata.find(key);
    return std::string(value == nullptr ? "" : value->as_text().value_or(""));
  };
  out.name = text(kName);
  out.fingerprint = text(kFingerprint);
  out.weights = text(kWeights);
  const Value* marks = metadata.find(kLayers);
  const StringList* list = marks == nullptr ? nullptr : marks->as_strings();
  if (list == nullptr || list->size() > kMaxLayers) return out;
  for (const std::string_view line : *list) {
    const std::vector<std::string> parts = split_mark(line);
    if (parts.size() != 3) {
      out.layers.clear();
      return out;
    }
    out.layers.push_back({parts[0], parts[1], parts[2]});
  }
  const Value* pruned = metadata.find(kPruned);
  const auto numbers = pruned == nullptr ? std::nullopt : pruned->as_array<std::int32_t>();
  if (numbers) out.pruned.assign(numbers->begin(), numbers->end());
  return out;
}

// ---- matching

namespace {

using LayerMap = std::vector<int>;

LayerMap same_numbers(std::size_t n_from, std::size_t n_to) {
  LayerMap map(n_from, -1);
  std::iota(map.begin(), map.begin() + static_cast<std::ptrdiff_t>(std::min(n_from, n_to)), 0);
  return map;
}

LayerMap by_original_numbers(const ImatrixOrigin& from, const ImatrixOrigin& to) {
  LayerMap map;
  for (std::size_t l = 0; l < from.layers.size(); ++l) {
    const int original = original_layer(static_cast<int>(l), from.pruned);
    map.push_back(layer_after_pruning(original, to.pruned).value_or(-1));
  }
  return map;
}

// In order, each layer with the next one that has the same vectors.
LayerMap by_content(const ImatrixOrigin& from, const ImatrixOrigin& to) {
  LayerMap map(from.layers.size(), -1);
  std::size_t next = 0;
  for (std::size_t l = 0; l < from.layers.size(); ++l) {
    for (std::size_t k = next; k < to.layers.size(); ++k) {
      if (from.layers[l].kept != to.layers[k].kept) continue;
      map[l] = static_cast<int>(k);
      next = k + 1;
      break;
    }
  }
  return map;
}

// Whether no two layers have the same vectors.
bool told_apart(const ImatrixOrigin& model) {
  std::set<std::string_view> seen;
  return std::all_of(model.layers.begin(), model.layers.end(), [&](const LayerMark& m) {
    return !m.kept.empty() && seen.insert(m.kept).second;
  });
}

std::size_t n_found(const LayerMap& map) {
  return map.size() - static_cast<std::size_t>(std::count(map.begin(), map.end(), -1));
}

// What speaks against this map; empty when every layer that it maps is the same on both sides, and
// it maps `wanted` of them at least.
std::string objection(const ImatrixOrigin& from, const ImatrixOrigin& to, const LayerMap& map,
                      std::size_t wanted, bool* converted) {
  if (n_found(map) < wanted) {
    return fmt::format("it has {} layers and the model {}, and not all of either are in the other",
                       from.layers.size(), to.layers.size());
  }
  *converted = false;
  for (std::size_t l = 0; l < map.size(); ++l) {
    if (map[l] < 0) continue;
    const LayerMark &a = from.layers[l], &b = to.layers[static_cast<std::size_t>(map[l])];
    if (!a.weights.empty() && a.weights == b.weights) continue;
    if (a.kept.empty() || a.kept != b.kept) return fmt::format("layer {} is another one", l);
    const bool weights_known = !a.weights.empty() && !b.weights.empty();
    if (weights_known && !a.formats.empty() && a.formats == b.formats) {
      return fmt::format("layer {} has the same types and norms but other weights", l);
    }
    *converted = *converted || weights_known;
  }
  return {};
}

}  // namespace

ModelMatch match_models(const ImatrixOrigin& from, const ImatrixOrigin& to) {
  const LayerMap same = same_numbers(from.layers.size(), to.layers.size());
  if (!from.weights.empty() && from.weights == to.weights) return {same, false, {}};
  ModelMatch best;
  const bool one_original =
      from.layers.size() + from.pruned.size() == to.layers.size() + to.pruned.size();
  const auto accepts = [&](const LayerMap& map, std::size_t wanted) {
    bool converted = false;
    std::string what = objection(from, to, map, wanted, &converted);
    if (what.empty() || best.layers.empty()) best = {map, converted, what};
    return what.empty();
  };
  const std::size_t n_less = std::min(from.layers.size(), to.layers.size());
  if (one_original && accepts(by_original_numbers(from, to), 1)) return best;
  if (from.layers.size() == to.layers.size() && accepts(same, n_less)) return best;
  if (told_apart(from) && told_apart(to) && accepts(by_content(from, to), n_less)) return best;
  if (best.layers.empty()) accepts(same, n_less + 1);
  return best;
}

namespace {

// Of a matrix that does not say what it was collected from: only its names can be compared.
ModelMatch match_names(const Imatrix& imatrix, const ImatrixOrigin& model) {
  std::set<int> layers;
  for (const auto& [name, entry] : imatrix.entries) {
    if (const int layer = layer_of_tensor(name); layer >= 0) layers.insert(layer);
  }
  if (layers.empty()) return {};
  const auto n = static_cast<std::size_t>(*layers.rbegin()) + 1;
  const std::size_t n_model = model.layers.size();
  const ModelMatch same{same_numbers(n, n_model), false, {}};
  const bool gaps = layers.size() != n;
  if (!gaps && n == n_model) return same;
  if (!gaps && n == n_model + model.pruned.size()) {
    ImatrixOrigin original;
    original.layers.resize(n);
    return {by_original_numbers(original, model), false, {}};
  }
  return {same.layers, false,
          fmt::format("it has entries of {} layers{}, the model has {}", layers.size(),
                      gaps ? fmt::format(" (up to number {})", n - 1) : "", n_model)};
}

void renumber(Imatrix& imatrix, const LayerMap& map) {
  std::map<std::string, ImatrixEntry, std::less<>> entries;
  for (auto& [name, entry] : imatrix.entries) {
    const int layer = layer_of_tensor(name);
    if (layer < 0) {
      entries.emplace(name, std::move(entry));
    } else if (static_cast<std::size_t>(layer) < map.size() &&
               map[static_cast<std::size_t>(layer)] >= 0) {
      entries.emplace(with_layer(name, map[static_cast<std::size_t>(layer)]), std::move(entry));
    }
  }
  imatrix.entries = std::move(entries);
}

}  // namespace

std::vector<std::string> fit_imatrix(Imatrix& imatrix, const ImatrixOrigin& model,
                                     bool allow_foreign) {
  const ModelMatch match =
      imatrix.model.known() ? match_models(imatrix.model, model) : match_names(imatrix, model);
  std::vector<std::string> notes;
  if (!match.obstacle.empty()) {
    const std::string what = fmt::format(
        "{} does not belong to {}: {}{}", imatrix.origin, model.name, match.obstacle,
        imatrix.model.name.empty() ? "" : fmt::format(" (collected from {})", imatrix.model.name));
    if (!allow_foreign) {
      throw usage_error(what + "; --allow-foreign-imatrix uses it all the same");
    }
    notes.push_back(what + "; used all the same");
  }
  if (match.converted) {
    notes.push_back(fmt::format(
        "{} was collected from {}, which has the same norms and other types: taken for the same "
        "checkpoint",
        imatrix.origin, imatrix.model.name));
  }
  if (match.layers != same_numbers(match.layers.size(), match.layers.size())) {
    notes.push_back(
        fmt::format("{}: {} of its {} layers are in {}, under the numbers they have there",
                    imatrix.origin, n_found(match.layers), match.layers.size(), model.name));
    renumber(imatrix, match.layers);
  }
  return notes;
}

}  // namespace lathe
