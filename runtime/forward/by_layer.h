// Layer by layer: a group of texts through layer 0, then all of them through layer 1, and so on.
// For models larger than memory: each layer's weights are touched once per group.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/arena.h"
#include "runtime/forward/forward_runner.h"
#include "runtime/forward/hidden_store.h"
#include "runtime/forward/weight_stream.h"

namespace lathe {

class LayerByLayer final : public ForwardRunner {
 public:
  LayerByLayer(std::vector<RunModel> models, const KernelTable& kernels, ThreadPool& pool,
               const RunOptions& options);
  ~LayerByLayer() override;

  void run_part(std::span<const RunText> texts, const RunPart& part,
                const RunCallbacks& callbacks) override;

  // Texts of the run that go through the layers together, from `first` on: as many as
  // options().group_items and hidden_bytes allow, at least one.
  std::size_t group_end(std::span<const RunText> texts, std::size_t first) const noexcept;

 private:
  struct Engine;  // what one model runs with
  struct Group;   // the texts that are on their way
  class Meter;    // share of the work that is done

  void run_group(Group& group, const RunPart& part, const RunCallbacks& callbacks, Meter& meter);
  void enter(Engine& engine, Group& group, const HiddenStore* from);
  void run_layers(Engine& engine, Group& group, Meter& meter);
  void keep_wanted(Engine& engine, Group& group);
  void run_layer(Engine& engine, Group& group, int layer, Meter& meter);
  void run_text(Engine& engine, const Group& group, std::size_t text, int layer);
  void run_heads(Group& group, const RunCallbacks& callbacks, Meter& meter);

  const KernelTable kernels_;
  ThreadPool& pool_;
  std::vector<std::unique_ptr<Engine>> engines_;  // one per model
};

}  // namespace lathe
