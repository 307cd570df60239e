#include "quant/stats/activation_stats.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quant/plan/model_header.h"
#include "quant/stats/cosine.h"

namespace lathe {
namespace {

// The item before "weight": "attn_k" of "blk.3.attn_k.weight".
std::string tensor_part(const std::string& name) {
  const std::size_t end = name.rfind(".weight");
  if (end == std::string::npos) return name;
  const std::size_t dot = name.rfind('.', end == 0 ? 0 : end - 1);
  return dot == std::string::npos || dot >= end ? name.substr(0, end)
                                                : name.substr(dot + 1, end - dot - 1);
}

// Mean squares by channel, all matrices that saw tokens one after another.
std::vector<double> values_of(const ImatrixEntry& entry) {
  std::vector<double> values;
  for (std::size_t mat = 0; mat < entry.n_mat(); ++mat) {
    if (!(entry.counts[mat] > 0.0f)) continue;
    for (std::size_t j = 0; j < entry.n_cols; ++j) {
      values.push_back(static_cast<double>(entry.sum2[mat * entry.n_cols + j]) / entry.counts[mat]);
    }
  }
  return values;
}

// Cosine of the raw sums; 0 where sizes differ or one is zero.
double cosine_of(const ImatrixEntry& a, const ImatrixEntry& b) {
  if (a.sum2.size() != b.sum2.size()) return 0.0;
  return dot_products(a.sum2.data(), b.sum2.data(), a.sum2.size()).cosine();
}

void add_moments(const std::vector<double>& values, ActivationStats& out) {
  const double n = static_cast<double>(values.size());
  double squares = 0.0;
  for (const double v : values) {
    out.sum += v;
    squares += v * v;
  }
  out.n = values.size();
  out.mean = out.sum / n;
  out.deviation = std::sqrt(std::max(0.0, squares / n - out.mean * out.mean));
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  out.min = *low;
  out.max = *high;
}

void add_shares(const std::vector<double>& values, double active_threshold, ActivationStats& out) {
  const double n = static_cast<double>(values.size());
  std::size_t inactive = 0, outlying = 0;
  for (const double v : values) {
    inactive += std::fabs(v) <= active_threshold ? 1 : 0;
    outlying += out.deviation > 0.0 && (v - out.mean) / out.deviation > 1.0 ? 1 : 0;
    if (out.sum > 0.0 && v > 0.0) out.entropy -= v / out.sum * std::log2(v / out.sum);
  }
  out.active = 1.0 - static_cast<double>(inactive) / n;
  out.zd = static_cast<double>(outlying) / n;
  out.normalized = n > 1.0 ? out.entropy / std::log2(n) : 0.0;
}

std::string name_in_layer(const std::string& name, int layer) {
  const std::size_t dot = name.find('.', 4);  // after "blk.N"
  return "blk." + std::to_string(layer) + name.substr(dot);
}

}  // namespace

std::vector<ActivationStats> activation_stats(const Imatrix& imatrix, double active_threshold) {
  std::vector<ActivationStats> all;
  for (const auto& [name, entry] : imatrix.entries) {
    const std::vector<double> values = values_of(entry);
    if (values.empty()) continue;
    ActivationStats stats;
    stats.name = name;
    stats.tensor = tensor_part(name);
    stats.layer = layer_of_tensor(name);
    add_moments(values, stats);
    add_shares(values, active_threshold, stats);
    if (stats.layer > 0) {
      const ImatrixEntry* before = imatrix.find(name_in_layer(name, stats.layer - 1));
      if (before != nullptr) stats.cosine = cosine_of(entry, *before);
    }
    all.push_back(std::move(stats));
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.tensor != b.tensor ? a.tensor < b.tensor : a.sum > b.sum;
  });
  return all;
}

std::vector<LayerActivationStats> layer_activation_stats(
    const std::vector<ActivationStats>& stats) {
  struct Sums {
    double n = 0, sum = 0, zd = 0, cosine = 0;
  };
  std::map<int, Sums> by_layer;
  for (const ActivationStats& s : stats) {
    Sums& sums = by_layer[s.layer];
    const double n = static_cast<double>(s.n);
    sums.n += n;
    sums.sum += n * s.sum;
    sums.zd += n * s.zd;
    sums.cosine += n * s.cosine;
  }
  std::vector<LayerActivationStats> out;
  for (const auto& [layer, sums] : by_layer) {
    out.push_back({layer, sums.sum / sums.n, sums.zd / sums.n, sums.cosine / sums.n});
  }
  return out;
}

}  // namespace lathe
