#include "tools/jobs/prune_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "quant/eval/divergence.h"
#include "quant/plan/layer_list.h"
#include "runtime/base/error.h"
#include "tools/jobs/calibration_chunks.h"

namespace lathe {
namespace {

constexpr std::size_t kModelsAtOnce = 16;  // beside the whole one

class Choosing {
 public:
  Choosing(const std::string& model, const PruneRequest& request, const std::string& isa,
           const Notes& notes, const JobProgress& progress)
      : request_(request),
        progress_(progress),
        engine_{.model = model, .n_threads = request.n_threads},
        open_(engine_, isa) {
    TextOrigin origin;
    const TextChunks text = open_text(open_.file, {.files = request.texts}, engine_, &origin);
    text_.emplace(spread_chunks(text, request.max_chunks));
    for (const std::string& warning : origin.warnings) notes.warn(warning);
  }

  PruneChoice run() {
    const int n_layer = static_cast<int>(open_.model->traits().n_layer);
    PruneChoice out;
    out.choice = choose_layers(n_layer, request_.n_layers, [&](std::span<const LayerSet> sets) {
      ++step_;
      std::vector<LayerTrial> trials;
      for (std::size_t at = 0; at < sets.size(); at += kModelsAtOnce) {
        const auto some = sets.subspan(at, std::min(kModelsAtOnce, sets.size() - at));
        measure(some, static_cast<double>(at) / static_cast<double>(sets.size()),
                static_cast<double>(some.size()) / static_cast<double>(sets.size()), trials);
      }
      return trials;
    });
    out.ppl = ppl_;
    out.n_scored = text_->n_chunks() * text_->n_scored();
    return out;
  }

 private:
  using LayerSet = std::vector<int>;

  // `begin`, `share`: of the trials of this step.
  void measure(std::span<const LayerSet> sets, double begin, double share,
               std::vector<LayerTrial>& out) {
    std::vector<RunModel> models{{*open_.model, open_.file.files(), {}, "the model"}};
    for (const LayerSet& set : sets) {
      models.push_back({*open_.model, open_.file.files(), set,
                        fmt::format("the model without {}", layer_list_text(set))});
    }
    const auto runner = open_runner(std::move(models), engine_, request_.order, open_.kernels,
                                    open_.pool, text_->n_ctx());
    ChunkRecords records;
    const std::string step = request_.n_layers == 1 ? "each layer left out"
                                                    : fmt::format("step {} of the search", step_);
    measure_divergence({*runner, open_.kernels, open_.pool}, *text_, records,
                       [&](const ChunkRecords&, double fraction, std::string_view) {
                         return progress_(begin + share * fraction, step);
                       });
    for (std::size_t m = 0; m < sets.size(); ++m) {
      DivergenceMeter meter;
      for (const auto& record : records) add_chunk(record, m, sets.size(), meter);
      const DivergenceResult figures = meter.summary(false);
      ppl_ = figures.ppl_base;
      out.push_back({sets[m], figures.kld, figures.ppl});
    }
  }

  const PruneRequest& request_;
  const JobProgress& progress_;
  const EngineOptions engine_;
  OpenModel open_;
  std::optional<TextChunks> text_;
  Estimate ppl_;
  int step_ = 0;
};

}  // namespace

PruneChoice choose_pruned(const std::string& model, const PruneRequest& request,
                          const std::string& isa, const Notes& notes, const JobProgress& progress) {
  return Choosing(model, request, isa, notes, progress).run();
}

}  // namespace lathe
