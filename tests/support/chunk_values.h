// Real values of chunks (tests/data/chunk-values.csv), and samples like them whose truth is known.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace lathe::test {

struct ChunkValues {
  std::vector<double> nll, nll_base, kld;  // [n_chunks], in the order of the text

  std::vector<double> nll_difference() const;
};

// `text`: "books" (161 chunks) or "wiki" (867).
ChunkValues chunk_values(const std::string& text);

double mean_of(const std::vector<double>& values);

// Draws from `values`, with replacement: independent ones, or a text whose neighbouring chunks
// correlate (values of an autoregressive normal process, mapped onto the quantiles of `values`).
class ChunkSampler {
 public:
  ChunkSampler(std::vector<double> values, double correlation, unsigned seed);
  std::vector<double> draw(std::size_t n);

 private:
  std::vector<double> sorted_;
  double correlation_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
};

}  // namespace lathe::test
