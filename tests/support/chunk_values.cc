#include "tests/support/chunk_values.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/source_path.h"

namespace lathe::test {

std::vector<double> ChunkValues::nll_difference() const {
  std::vector<double> out(nll.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = nll[i] - nll_base[i];
  return out;
}

ChunkValues chunk_values(const std::string& text) {
  std::ifstream file(source_path("tests/data/chunk-values.csv"));
  ChunkValues out;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(text + ',', 0) != 0) continue;
    std::istringstream fields(line.substr(text.size() + 1));
    char comma = 0;
    double nll = 0.0, nll_base = 0.0, kld = 0.0;
    fields >> nll >> comma >> nll_base >> comma >> kld;
    out.nll.push_back(nll);
    out.nll_base.push_back(nll_base);
    out.kld.push_back(kld);
  }
  if (out.nll.empty()) throw std::runtime_error("tests/data/chunk-values.csv: no " + text);
  return out;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

ChunkSampler::ChunkSampler(std::vector<double> values, double correlation, unsigned seed)
    : sorted_(std::move(values)), correlation_(correlation), random_(seed) {
  std::sort(sorted_.begin(), sorted_.end());
}

std::vector<double> ChunkSampler::draw(std::size_t n) {
  std::vector<double> out(n);
  double z = normal_(random_);
  for (double& v : out) {
    const double share = 0.5 * std::erfc(-z / std::sqrt(2.0));
    const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted_.size()));
    v = sorted_[std::min(at, sorted_.size() - 1)];
    z = correlation_ * z + std::sqrt(1.0 - correlation_ * correlation_) * normal_(random_);
  }
  return out;
}

}  // namespace lathe::test
