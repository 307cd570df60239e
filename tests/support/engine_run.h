// Runs a model over a sequence in a test and gives back all logits.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "runtime/session.h"
#include "tests/support/kernel_cases.h"

namespace lathe::test {

using Rows = std::vector<std::vector<float>>;

struct RunOptions {
  std::string tier = "scalar";
  int n_threads = 1;
  std::size_t n_batch = 512;  // tokens in one decode()
  MatmulPath path = MatmulPath::kPanel;
  Format k_format = Format::F32, v_format = Format::F32;
  int first_pos = 0;
};

inline std::vector<int> some_tokens(std::size_t n, std::size_t n_vocab, unsigned seed = 7) {
  std::vector<int> tokens(n);
  for (int& t : tokens) {
    seed = seed * 1664525u + 1013904223u;
    t = static_cast<int>((seed >> 8) % n_vocab);
  }
  return tokens;
}

inline std::vector<BatchItem> items_of(const std::vector<int>& tokens, int first_pos = 0,
                                       SequenceMask sequences = 1) {
  std::vector<BatchItem> items;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    items.push_back({tokens[i], first_pos + static_cast<int>(i), sequences, true});
  }
  return items;
}

inline void append_logits(const Session& session, Rows& rows) {
  const MatrixView<const float> l = session.logits();
  for (std::size_t r = 0; r < l.rows; ++r) rows.emplace_back(l.row(r), l.row(r) + l.cols);
}

// A model with all that it needs to run.
class Engine {
 public:
  Engine(const TensorSource& file, const RunOptions& options, std::size_t n_ctx = 1024)
      : options_(options),
        kernels_(kernels_of(options.tier)),
        pool_(ThreadPoolOptions{options.n_threads, false, 50}),
        model_(load_model(file)) {
    SessionOptions s;
    s.n_ctx = n_ctx;
    s.n_batch = s.max_logits = options.n_batch;
    s.k_format = options.k_format;
    s.v_format = options.v_format;
    session_ = std::make_unique<Session>(*model_, kernels_, pool_, s);
  }

  Session& session() { return *session_; }
  const Model& model() { return *model_; }
  const KernelTable& kernels() { return kernels_; }
  ThreadPool& pool() { return pool_; }

  // All logits of the items, in batches of n_batch.
  Rows run(const std::vector<BatchItem>& items) {
    Rows rows;
    for (std::size_t i = 0; i < items.size(); i += options_.n_batch) {
      const std::size_t n = std::min(options_.n_batch, items.size() - i);
      if (!session_->decode({items.data() + i, n}, options_.path)) {
        throw std::runtime_error("no room in the cache");
      }
      append_logits(*session_, rows);
    }
    return rows;
  }

 private:
  RunOptions options_;
  KernelTable kernels_;
  ThreadPool pool_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Session> session_;
};

inline Rows run_model(const TensorSource& file, const std::vector<int>& tokens,
                      const RunOptions& options = {}) {
  Engine engine(file, options);
  return engine.run(items_of(tokens, options.first_pos));
}

// Largest difference as a share of the largest reference value.
template <typename A, typename B>
double worst_difference(const std::vector<std::vector<A>>& a,
                        const std::vector<std::vector<B>>& b) {
  double worst = 0, largest = 0;
  for (std::size_t r = 0; r < b.size(); ++r) {
    for (std::size_t c = 0; c < b[r].size(); ++c) {
      const double difference =
          std::abs(static_cast<double>(a[r][c]) - static_cast<double>(b[r][c]));
      worst = difference >= worst ? difference : worst;  // keeps a NaN out of std::max's order
      if (std::isnan(difference)) return difference;
      largest = std::max(largest, std::abs(static_cast<double>(b[r][c])));
    }
  }
  return worst / largest;
}

// Root mean square of the differences as a share of that of the reference.
template <typename A, typename B>
double rms_difference(const std::vector<std::vector<A>>& a, const std::vector<std::vector<B>>& b) {
  double difference = 0, reference = 0;
  for (std::size_t r = 0; r < b.size(); ++r) {
    for (std::size_t c = 0; c < b[r].size(); ++c) {
      const double y = static_cast<double>(b[r][c]), e = static_cast<double>(a[r][c]) - y;
      difference += e * e;
      reference += y * y;
    }
  }
  return std::sqrt(difference / reference);
}

}  // namespace lathe::test
