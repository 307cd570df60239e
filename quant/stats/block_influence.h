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
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "quant/eval/eval_context.h"
#include "quant/eval/text_chunks.h"
#include "runtime/observer.h"

namespace lathe {

// Collects while a run goes over texts, in either order (runtime/forward/forward_runner.h).
class BlockInfluenceCollector : public Observer {
 public:
  BlockInfluenceCollector(std::size_t n_layer, std::size_t n_embd, ThreadPool& pool);

  void on_matmul_input(TensorId, MatrixView<const float>) noexcept override {}
  void on_text(std::size_t text) noexcept override;
  void on_layer_input(int layer, MatrixView<const float> hidden) noexcept override;
  void on_layer_output(int layer, MatrixView<const float> hidden) noexcept override;
  // Texts [0, n) are complete.
  void finish_texts(std::size_t n);

  struct Result {
    std::vector<double> influence;             // [n_layer]
    std::vector<double> lim;                   // [n_layer]
    std::vector<std::vector<double>> angular;  // [n - 1][l], for runs of n layers from l on
    std::size_t n_tokens = 0, n_chunks = 0;
  };
  Result result() const;
  // The first text with a hidden state that was not finite.
  const std::optional<std::size_t>& first_bad() const noexcept { return first_bad_; }

 private:
  // [n_layer + 1, n_embd] of the last token of a text that is on its way.
  using LastStates = std::vector<float>;
  float* last_state(int boundary) noexcept;
  void add_angles(const LastStates& last);

  std::size_t n_layer_, n_embd_;
  ThreadPool& pool_;
  std::size_t text_ = 0;
  std::vector<float> before_;    // rows that entered the layer
  std::vector<double> cosines_;  // of the rows of a pass
  std::vector<double> sums_;     // [n_layer] of cosines
  std::vector<std::size_t> counts_;
  std::map<std::size_t, LastStates> last_;  // by text
  std::vector<std::vector<double>> angles_;
  std::size_t n_chunks_ = 0;
  std::optional<std::size_t> first_bad_;
};

// Called often, with the share of the work that is done and what is being done; false stops.
using BlockProgress = std::function<bool(double fraction, std::string_view step)>;

// With the first model of the context. Error (kFailed) when stopped, and when a hidden state is not
// finite.
BlockInfluenceCollector::Result measure_block_influence(const EvalContext& context,
                                                        const TextChunks& text,
                                                        const BlockProgress& progress = {});

// The layers in the order in which they would be dropped: lowest score first, ties by number.
std::vector<int> drop_order(const std::vector<double>& scores);

}  // namespace lathe
