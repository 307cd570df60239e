// Texts one after another, each through all layers: the order for models that fit in memory.
#pragma once

#include <memory>
#include <vector>

#include "runtime/forward/forward_runner.h"
#include "runtime/session.h"

namespace lathe {

class TextByText final : public ForwardRunner {
 public:
  TextByText(std::vector<RunModel> models, const KernelTable& kernels, ThreadPool& pool,
             const RunOptions& options);

  void run_part(std::span<const RunText> texts, const RunPart& part,
                const RunCallbacks& callbacks) override;

 private:
  void run_text(std::size_t index, RunText text, std::size_t first_item, const RunPart& part,
                const RunCallbacks& callbacks);
  void run_batch(Batch batch, std::size_t first_item, const RunPart& part);
  bool to_head(const RunPart& part) const;

  std::vector<std::unique_ptr<Session>> sessions_;  // one per model
  std::vector<MatrixView<const float>> logits_;
  std::size_t n_in_batch_ = 0;  // items of the batch that is being run
};

}  // namespace lathe
