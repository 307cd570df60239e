// Keys (after RoPE) and values of past tokens, per layer, in cells that sequences can share.
//
// A cell holds one position of one or more sequences, for all layers. Which cells a query sees, and
// in which order, is worked out once per pass (AttentionPlan) and is the same for all layers.
//
// Memory is laid out [layer][KV head][cell][head_dim]: attention walks the cells of one head, which
// lie side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
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

// The formats that keys and values can be kept in, and their names as a list: "f32, f16, ...".
std::span<const Format> cache_formats() noexcept;
std::string cache_format_names();

class KvCache {
 public:
  struct Shape {
    std::size_t n_layer, n_head_kv, head_dim, n_cells;
    Format k_format, v_format;
  };
  // Error (kUsage) for a shape that no cache can have: zero sizes, a format without an encoder, a
  // head_dim that is not whole blocks, more bytes than can be addressed.
  explicit KvCache(const Shape& shape);

  const Shape& shape() const noexcept { return shape_; }
  std::size_t bytes() const noexcept { return k_.size() + v_.size(); }

  // The keys (values) of one head in one layer: cell c is at c * k_stride() bytes. A cache may have
  // fewer layers than the model, where layers run one after the other and only the last is needed.
  std::uint8_t* k_head(std::size_t layer, std::size_t head) noexcept {
    return reinterpret_cast<std::uint8_t*>(k_.data()) +
           (layer % shape_.n_layer * shape_.n_head_kv + head) * shape_.n_cells * k_stride_;
  }
  std::uint8_t* v_head(std::size_t layer, std::size_t head) noexcept {
    return reinterpret_cast<std::uint8_t*>(v_.data()) +
           (layer % shape_.n_layer * shape_.n_head_kv + head) * shape_.n_cells * v_stride_;
  }
  std::size_t k_stride() const noexcept { return k_stride_; }
  std::size_t v_stride() const noexcept { return v_stride_; }

  std::size_t n_used() const noexcept { return n_used_; }
  std::int32_t position(std::int32_t cell) const noexcept {
    return pos_[static_cast<std::size_t>(cell)];
  }
  // Highest position of a sequence plus one; 0 for an empty one.
  std::int32_t n_past(int seq) const noexcept { return n_past_[static_cast<std::size_t>(seq)]; }

  // Gives each item a free cell (written to `cells`) and plans who sees what: the cells, old and of
  // this batch, that belong to all of the item's sequences, up to its own position. Positions must
  // rise along each sequence (Session checks). False, and nothing changed, when there is no room.
  // Never allocates for up to the n_items it was reserved for. The plan holds until the next
  // place() or find().
  void reserve(std::size_t n_items);
  bool place(Batch items, std::span<std::int32_t> cells, AttentionPlan* plan) noexcept;
  // The cells that the items were given by place(), and the same plan, for another part of the
  // pass. False when the cache does not hold every one of them.
  bool find(Batch items, std::span<std::int32_t> cells, AttentionPlan* plan) noexcept;

  // The cells of positions 0 .. n-1 of a sequence, which holds them, in that order.
  std::vector<std::int32_t> cells_of(int seq, std::size_t n) const;
  // Gives cells 0 .. n-1 of an empty cache to positions 0 .. n-1 of a sequence; the caller writes
  // their keys and values. False, and nothing changed, where it is not empty or too small.
  bool take_first(int seq, std::size_t n) noexcept;

  void truncate(int seq, std::int32_t pos) noexcept;
  void share_prefix(int from, int to, std::int32_t pos) noexcept;
  void clear() noexcept;

 private:
  struct CellList {  // in list_
    SequenceMask mask;
    std::int32_t first = 0, n = 0;
    bool in_order = true;
  };

  CellList& list_of(SequenceMask mask) noexcept;
  std::int32_t* begin_of(const CellList& list) noexcept;
  void append(CellList& list, std::size_t cell) noexcept;
  void fill_lists() noexcept;
  AttentionPlan plan_of(Batch items) noexcept;
  void forget(SequenceMask mask, std::int32_t pos) noexcept;
  void recount(int seq) noexcept;

  Shape shape_;
  std::size_t k_stride_ = 0, v_stride_ = 0;
  AlignedBuffer k_, v_;
  std::vector<std::int32_t> pos_;        // [n_cells], -1: free
  std::vector<SequenceMask> sequences_;  // [n_cells]
  std::vector<std::int32_t> n_past_;     // [kMaxSequences]
  std::size_t n_used_ = 0;
  std::size_t n_touched_ = 0;  // cells from here on have never been used since the last clear()

  // Storage of the plan, for the n_items reserved.
  std::vector<AttentionRun> runs_;
  std::vector<CellList> lists_;
  std::vector<std::int32_t> visible_;
  AlignedBuffer list_;  // at most one list of n_cells per item; touched as far as it is used
};

}  // namespace lathe
