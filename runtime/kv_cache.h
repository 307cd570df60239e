// Keys (after RoPE) and values of past tokens, per layer, in cells that sequences can share.
//
// A cell holds one position of one or more sequences, for all layers. Which cells a query sees, and
// in which order, is worked out once per pass (AttentionPlan) and is the same for all layers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/formats/format.h"
#include "runtime/base/aligned_buffer.h"
#include "runtime/batch.h"

namespace lathe {

// The visible keys of a pass. Items are grouped into runs that see the same ordered list of cells:
// item i of the batch sees the first n_visible[i] entries of its run's list. Lists are in order of
// position, so that results do not depend on where cells lie.
struct AttentionRun {
  std::int32_t first_item, n_items;  // a contiguous range of the batch
  std::int32_t first_cell, n_cells;  // its list in AttentionPlan::cells
};
struct AttentionPlan {
  std::span<const AttentionRun> runs;
  std::span<const std::int32_t> cells;
  std::span<const std::int32_t> n_visible;  // [n_items]
};

class KvCache {
 public:
  struct Shape {
    std::size_t n_layer, n_head_kv, head_dim, n_cells;
    Format k_format, v_format;
  };
  explicit KvCache(const Shape& shape);

  const Shape& shape() const noexcept { return shape_; }
  std::size_t bytes() const noexcept;

  // Key (value) row of one cell in one layer: n_head_kv heads of head_dim elements.
  std::uint8_t* k_row(int layer, std::size_t cell) noexcept;
  std::uint8_t* v_row(int layer, std::size_t cell) noexcept;
  std::size_t k_stride() const noexcept { return k_stride_; }
  std::size_t v_stride() const noexcept { return v_stride_; }

  std::size_t n_used() const noexcept;
  // Highest position of a sequence plus one; 0 for an empty one.
  std::int32_t n_past(int seq) const noexcept;

  // Gives each item a free cell (written to `cells`) and plans who sees what. False, and nothing
  // changed, when there is no room. Never allocates for up to the n_items it was reserved for.
  void reserve(std::size_t n_items);
  bool place(Batch items, std::span<std::int32_t> cells, AttentionPlan* plan) noexcept;

  void truncate(int seq, std::int32_t pos) noexcept;
  void share_prefix(int from, int to, std::int32_t pos) noexcept;
  void clear() noexcept;

 private:
  Shape shape_;
  std::size_t k_stride_ = 0, v_stride_ = 0;
  AlignedBuffer k_, v_;
  std::vector<std::int32_t> pos_;             // [n_cells], -1: free
  std::vector<SequenceMask> sequences_;       // [n_cells]
  std::vector<AttentionRun> runs_;
  std::vector<std::int32_t> list_, visible_;  // storage of the plan
};

}  // namespace lathe
