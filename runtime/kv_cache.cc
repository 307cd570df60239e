#include "runtime/kv_cache.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr Format kCacheFormats[] = {Format::F32,  Format::F16,  Format::BF16,
                                    Format::Q8_0, Format::Q5_1, Format::Q5_0,
                                    Format::Q4_1, Format::Q4_0, Format::IQ4_NL};

bool can_be_cached(Format f) noexcept {
  return std::find(std::begin(kCacheFormats), std::end(kCacheFormats), f) !=
         std::end(kCacheFormats);
}

// Bytes of one cell of one head.
std::size_t cell_bytes(Format f, std::size_t head_dim) {
  if (!can_be_cached(f)) {
    throw usage_error("no KV cache of format " + std::string(format_name(f)) + "; there are " +
                      cache_format_names());
  }
  const std::size_t block = format_info(f).block_elems;
  if (head_dim % block != 0) {
    throw usage_error("a " + std::string(format_name(f)) +
                      " KV cache needs a head size in blocks of " + std::to_string(block) +
                      ", this model's is " + std::to_string(head_dim));
  }
  return row_bytes(f, head_dim);
}

std::size_t checked_product(std::initializer_list<std::size_t> factors) {
  std::size_t product = 1;
  for (const std::size_t f : factors) {
    if (__builtin_mul_overflow(product, f, &product) ||
        product > std::numeric_limits<std::size_t>::max() / 4) {
      throw usage_error("the KV cache would be larger than memory can be");
    }
  }
  return product;
}

}  // namespace

std::span<const Format> cache_formats() noexcept { return kCacheFormats; }

std::string cache_format_names() {
  std::string names;
  for (const Format f : kCacheFormats) {
    names += (names.empty() ? "" : ", ") + std::string(format_name(f));
  }
  return names;
}

KvCache::KvCache(const Shape& shape) : shape_(shape), n_past_(kMaxSequences, 0) {
  if (shape.n_cells == 0 || shape.n_layer == 0 || shape.n_head_kv == 0 || shape.head_dim == 0) {
    throw usage_error("a KV cache needs at least one cell, layer, head and element");
  }
  if (shape.n_cells > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw usage_error("a context of " + std::to_string(shape.n_cells) + " tokens is too long");
  }
  k_stride_ = cell_bytes(shape.k_format, shape.head_dim);
  v_stride_ = cell_bytes(shape.v_format, shape.head_dim);
  const std::size_t rows = checked_product({shape.n_layer, shape.n_head_kv, shape.n_cells});
  k_ = AlignedBuffer(checked_product({rows, k_stride_}));
  v_ = AlignedBuffer(checked_product({rows, v_stride_}));
  pos_.assign(shape.n_cells, -1);
  sequences_.assign(shape.n_cells, 0);
}

void KvCache::reserve(std::size_t n_items) {
  runs_.reserve(n_items);
  lists_.reserve(n_items);
  visible_.reserve(n_items);
  list_ = AlignedBuffer(checked_product({n_items, shape_.n_cells, sizeof(std::int32_t)}));
}

// The list of a mask; an empty one on first request.
KvCache::CellList& KvCache::list_of(SequenceMask mask) noexcept {
  for (CellList& list : lists_) {
    if (list.mask == mask) return list;
  }
  lists_.push_back({.mask = mask});
  return lists_.back();
}

std::int32_t* KvCache::begin_of(const CellList& list) noexcept {
  return list_.as<std::int32_t>().data() + list.first;
}

void KvCache::append(CellList& list, std::size_t cell) noexcept {
  std::int32_t* const end = begin_of(list) + list.n;
  list.in_order = list.in_order && (list.n == 0 || position(end[-1]) < pos_[cell]);
  *end = static_cast<std::int32_t>(cell);
  ++list.n;
}

// Each list gets the cells that belong to every sequence of its mask, in order of position: one
// pass over the cells for all lists of a single sequence, whose number does not matter then.
void KvCache::fill_lists() noexcept {
  std::array<CellList*, kMaxSequences> of_sequence{};
  SequenceMask single = 0;
  bool any_several = false;
  for (std::size_t i = 0; i < lists_.size(); ++i) {
    CellList& list = lists_[i];
    list.first = static_cast<std::int32_t>(i * n_touched_);
    if (std::has_single_bit(list.mask)) {
      of_sequence[static_cast<std::size_t>(std::countr_zero(list.mask))] = &list;
      single |= list.mask;
    } else {
      any_several = true;
    }
  }
  for (std::size_t c = 0; c < n_touched_; ++c) {
    for (SequenceMask m = sequences_[c] & single; m != 0; m &= m - 1) {
      append(*of_sequence[static_cast<std::size_t>(std::countr_zero(m))], c);
    }
    if (!any_several) continue;
    for (CellList& list : lists_) {
      const bool belongs = (sequences_[c] & list.mask) == list.mask;
      if (belongs && !std::has_single_bit(list.mask)) append(list, c);
    }
  }
  for (const CellList& list : lists_) {
    if (list.in_order) continue;
    std::sort(begin_of(list), begin_of(list) + list.n,
              [this](std::int32_t a, std::int32_t b) { return position(a) < position(b); });
  }
}

bool KvCache::place(Batch items, std::span<std::int32_t> cells, AttentionPlan* plan) noexcept {
  if (items.size() > shape_.n_cells - n_used_) return false;
  std::size_t free = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    while (pos_[free] >= 0) ++free;
    pos_[free] = items[i].pos;
    sequences_[free] = items[i].sequences;
    cells[i] = static_cast<std::int32_t>(free);
    for (SequenceMask m = items[i].sequences; m != 0; m &= m - 1) {
      std::int32_t& past = n_past_[static_cast<std::size_t>(std::countr_zero(m))];
      past = std::max(past, items[i].pos + 1);
    }
    n_touched_ = std::max(n_touched_, free + 1);
  }
  n_used_ += items.size();
  *plan = plan_of(items);
  return true;
}

bool KvCache::find(Batch items, std::span<std::int32_t> cells, AttentionPlan* plan) noexcept {
  for (const BatchItem& item : items) {
    if (item.sequences == 0) return false;
  }
  *plan = plan_of(items);
  std::size_t i = 0;
  for (const AttentionRun& run : plan->runs) {
    for (std::int32_t n = 0; n < run.n_items; ++n, ++i) {
      const std::int32_t n_visible = plan->n_visible[i];
      if (n_visible == 0) return false;
      cells[i] = plan->cells[static_cast<std::size_t>(run.first_cell + n_visible - 1)];
      if (position(cells[i]) != items[i].pos) return false;
    }
  }
  return true;
}

// Who sees what, of the cells as they are now.
AttentionPlan KvCache::plan_of(Batch items) noexcept {
  runs_.clear();
  lists_.clear();
  visible_.clear();
  for (const BatchItem& item : items) list_of(item.sequences);
  fill_lists();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const CellList& list = list_of(items[i].sequences);
    if (i == 0 || items[i].sequences != items[i - 1].sequences) {
      runs_.push_back({static_cast<std::int32_t>(i), 0, list.first, list.n});
    }
    ++runs_.back().n_items;
    const std::int32_t* const first = begin_of(list);
    const std::int32_t* last = std::upper_bound(
        first, first + list.n, items[i].pos,
        [this](std::int32_t pos, std::int32_t cell) { return pos < position(cell); });
    visible_.push_back(static_cast<std::int32_t>(last - first));
  }
  return {runs_, {list_.as<std::int32_t>().data(), lists_.size() * n_touched_}, visible_};
}

// Takes the mask's sequences off every cell at `pos` or later.
void KvCache::forget(SequenceMask mask, std::int32_t pos) noexcept {
  for (std::size_t c = 0; c < n_touched_; ++c) {
    if (pos_[c] < pos || (sequences_[c] & mask) == 0) continue;
    sequences_[c] &= ~mask;
    if (sequences_[c] != 0) continue;
    pos_[c] = -1;
    --n_used_;
  }
  while (n_touched_ > 0 && pos_[n_touched_ - 1] < 0) --n_touched_;
}

void KvCache::recount(int seq) noexcept {
  std::int32_t past = 0;
  for (std::size_t c = 0; c < n_touched_; ++c) {
    if ((sequences_[c] & sequence_bit(seq)) != 0) past = std::max(past, pos_[c] + 1);
  }
  n_past_[static_cast<std::size_t>(seq)] = past;
}

std::vector<std::int32_t> KvCache::cells_of(int seq, std::size_t n) const {
  std::vector<std::int32_t> cells(n, -1);
  for (std::size_t c = 0; c < n_touched_; ++c) {
    const bool is_of = pos_[c] >= 0 && (sequences_[c] & sequence_bit(seq)) != 0;
    if (!is_of || static_cast<std::size_t>(pos_[c]) >= n) continue;
    cells[static_cast<std::size_t>(pos_[c])] = static_cast<std::int32_t>(c);
  }
  return cells;
}

bool KvCache::take_first(int seq, std::size_t n) noexcept {
  if (n_used_ > 0 || n > shape_.n_cells) return false;
  for (std::size_t c = 0; c < n; ++c) {
    pos_[c] = static_cast<std::int32_t>(c);
    sequences_[c] = sequence_bit(seq);
  }
  n_used_ = n_touched_ = n;
  n_past_[static_cast<std::size_t>(seq)] = static_cast<std::int32_t>(n);
  return true;
}

void KvCache::truncate(int seq, std::int32_t pos) noexcept {
  forget(sequence_bit(seq), std::max(pos, 0));
  recount(seq);
}

void KvCache::share_prefix(int from, int to, std::int32_t pos) noexcept {
  if (from == to) return;
  truncate(to, 0);
  for (std::size_t c = 0; c < n_touched_; ++c) {
    if (pos_[c] >= 0 && pos_[c] < pos && (sequences_[c] & sequence_bit(from)) != 0) {
      sequences_[c] |= sequence_bit(to);
    }
  }
  recount(to);
}

void KvCache::clear() noexcept {
  std::fill_n(pos_.begin(), n_touched_, -1);
  std::fill_n(sequences_.begin(), n_touched_, SequenceMask{0});
  std::fill(n_past_.begin(), n_past_.end(), 0);
  n_used_ = 0;
  n_touched_ = 0;
}

}  // namespace lathe
