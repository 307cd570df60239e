// What each layer does to the residual stream: which layers could be pruned.
//
//   block influence  BI_i = 1 - E[cos(x_i, x_i+1)]       ShortGPT, arXiv 2403.03853
//   LIM_i            = -E[cos(x_i, x_i+1)]               Dumitru et al., arXiv 2406.17415
//   angular distance d(l, n) = E[arccos(cos(x_l, x_l+n))] / pi   Gromov et al., arXiv 2403.17887
//
// x_i is the hidden state that enters layer i. The first two average over all tokens, the third
// over the last token of each chunk. Low values say "drop first"; divergence of the pruned model
// decides (lathe eval kld --skip-layers).
#pragma once

#include <functional>
#include <vector>

#include "quant/eval/text_chunks.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/observer.h"
#include "runtime/session.h"

namespace lathe {

// Collects while a session runs chunk after chunk, each from position 0.
class BlockInfluenceCollector : public Observer {
 public:
  BlockInfluenceCollector(std::size_t n_layer, std::size_t n_embd, ThreadPool& pool);

  void on_matmul_input(TensorId, MatrixView<const float>) noexcept override {}
  void on_hidden(int layer, MatrixView<const float> hidden) noexcept override;
  // After the last pass of a chunk.
  void end_chunk();

  struct Result {
    std::vector<double> influence;             // [n_layer]
    std::vector<double> lim;                   // [n_layer]
    std::vector<std::vector<double>> angular;  // [n - 1][l], for runs of n layers from l on
    std::size_t n_tokens = 0, n_chunks = 0;
  };
  Result result() const;
  bool finite() const noexcept { return finite_; }

 private:
  std::size_t n_layer_, n_embd_;
  ThreadPool& pool_;
  std::vector<float> before_;    // rows that entered the layer
  std::vector<double> cosines_;  // of the rows of a pass
  std::vector<double> sums_;     // [n_layer] of cosines
  std::vector<std::size_t> counts_;
  std::vector<float> last_;  // [n_layer + 1, n_embd] of the last token
  std::vector<std::vector<double>> angles_;
  std::size_t n_chunks_ = 0;
  bool finite_ = true;
};

// Called after each chunk, counted from 1; false stops.
using BlockProgress = std::function<bool(std::size_t n_chunks_done)>;

// Error (kFailed) when stopped, and when a hidden state is not finite.
BlockInfluenceCollector::Result measure_block_influence(Session& session, const TextChunks& text,
                                                        ThreadPool& pool,
                                                        const BlockProgress& progress = {});

// The layers in the order in which they would be dropped: lowest score first, ties by number.
std::vector<int> drop_order(const std::vector<double>& scores);

}  // namespace lathe
