#include "runtime/ops/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace lathe {
namespace {

// Queries of one KV head that go through the keys together.
constexpr std::size_t kQueriesPerBlock = 64;
// With few tasks for many threads (generation), the pieces of a query are spread over threads; only
// for this many items at most, which bounds the memory for partial results.
constexpr std::size_t kMaxSpreadItems = 4;
constexpr std::size_t kMinTasksPerThread = 2;

std::size_t items_per_block(const AttentionShape& s) noexcept {
  return std::max<std::size_t>(1, kQueriesPerBlock / s.group());
}
std::size_t max_queries(const AttentionShape& s) noexcept { return items_per_block(s) * s.group(); }

std::size_t pieces(std::size_t n_keys) noexcept {
  return (n_keys + kAttentionPiece - 1) / kAttentionPiece;
}

// Items that go through one list of keys together.
struct Block {
  std::size_t first_item, n_items;
  std::size_t first_cell;  // of AttentionPlan::cells: the list that the items see
  std::size_t n_hidden;    // entries at its head that the window hides from all of them
  std::size_t n_keys;      // entries up to the last that one of them sees

  std::size_t first_piece() const noexcept { return n_hidden / kAttentionPiece; }
  std::size_t end_piece() const noexcept { return pieces(n_keys); }
  std::size_t n_pieces() const noexcept { return end_piece() - first_piece(); }
};

// What is known of n queries after some keys: a softmax that is not yet normalised.
struct Partial {
  float* max;  // [n]
  float* sum;  // [n]
  float* out;  // [n, head_dim]

  static Partial take(Arena& arena, std::size_t n, std::size_t head_dim) noexcept {
    float* const max = arena.take<float>(n);
    float* const sum = arena.take<float>(n);
    return {max, sum, arena.take<float>(n * head_dim)};
  }
  Partial at(std::size_t i, std::size_t head_dim) const noexcept {
    return {max + i, sum + i, out + i * head_dim};
  }
};

// Adds what `later` knows to `sofar`. One function for all ways through the keys: same bits.
[[gnu::noinline]] void merge(const Partial& sofar, const Partial& later, std::size_t n,
                             std::size_t head_dim) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    if (later.sum[i] == 0.0f) continue;  // saw no key
    const float max = std::max(sofar.max[i], later.max[i]);
    const float a = std::exp(sofar.max[i] - max), b = std::exp(later.max[i] - max);
    sofar.max[i] = max;
    sofar.sum[i] = sofar.sum[i] * a + later.sum[i] * b;
    float* const x = sofar.out + i * head_dim;
    const float* const y = later.out + i * head_dim;
    for (std::size_t d = 0; d < head_dim; ++d) x[d] = x[d] * a + y[d] * b;
  }
}

struct ThreadScratch {
  float* q;                 // [max_queries, head_dim]
  std::int32_t* n_visible;  // [max_queries]
  Partial sofar, piece;     // [max_queries]
  void* kernel;

  static ThreadScratch take(Arena& arena, const KernelTable& kernels,
                            const AttentionShape& s) noexcept {
    const std::size_t n = max_queries(s);
    ThreadScratch t;
    t.q = arena.take<float>(n * s.head_dim);
    t.n_visible = arena.take<std::int32_t>(n);
    t.sofar = Partial::take(arena, n, s.head_dim);
    t.piece = Partial::take(arena, n, s.head_dim);
    t.kernel = arena.take<std::uint8_t>(kernels.attend_scratch_bytes(n, s.head_dim));
    return t;
  }
};

// One call of attend() as its tasks see it.
class Attention {
 public:
  Attention(ExecContext& ctx, const AttentionShape& shape, const PassView& pass, int layer,
            KvCache& cache, MatrixView<const float> q, MatrixView<float> out) noexcept
      : ctx_(ctx),
        shape_(shape),
        pass_(pass),
        layer_(static_cast<std::size_t>(layer)),
        cache_(cache),
        q_(q),
        out_(out) {}

  void plan_blocks(std::size_t window) noexcept;
  void run() noexcept;

 private:
  void add_block(const AttentionRun& run, std::size_t first, std::size_t n) noexcept;
  std::size_t out_of_window(const AttentionRun& run, std::size_t item,
                            std::size_t window) const noexcept;
  void take_thread_scratch() noexcept;
  void run_whole() noexcept;
  void run_spread() noexcept;
  void gather_queries(const Block& block, std::size_t head, float* q) const noexcept;
  void attend_piece(const Block& block, std::size_t head, std::size_t piece, ThreadScratch& scratch,
                    const Partial& result) const noexcept;
  void attend_keys(std::size_t first_cell, std::size_t n_keys, std::size_t head, const float* q,
                   std::size_t n_q, const ThreadScratch& scratch,
                   const Partial& result) const noexcept;
  void write_result(const Block& block, std::size_t head, const Partial& result) const noexcept;

  ExecContext& ctx_;
  const AttentionShape& shape_;
  const PassView& pass_;
  std::size_t layer_;
  KvCache& cache_;
  MatrixView<const float> q_;
  MatrixView<float> out_;

  std::int32_t* n_hidden_ = nullptr;  // [n_items] entries at the head of the list, by the window
  Block* blocks_ = nullptr;           // [n_blocks_]
  std::size_t n_blocks_ = 0;
  ThreadScratch* threads_ = nullptr;  // [pool size]
};

void Attention::add_block(const AttentionRun& run, std::size_t first, std::size_t n) noexcept {
  std::int32_t most = 0, hidden = std::numeric_limits<std::int32_t>::max();
  for (std::size_t i = first; i < first + n; ++i) {
    most = std::max(most, pass_.attention.n_visible[i]);
    hidden = std::min(hidden, n_hidden_[i]);
  }
  blocks_[n_blocks_++] = {first, n, static_cast<std::size_t>(run.first_cell),
                          static_cast<std::size_t>(hidden), static_cast<std::size_t>(most)};
}

// Entries at the head of the run's list that lie before the item's window.
std::size_t Attention::out_of_window(const AttentionRun& run, std::size_t item,
                                     std::size_t window) const noexcept {
  const std::int64_t first_seen =
      std::int64_t{pass_.items[item].pos} - static_cast<std::int64_t>(window) + 1;
  const std::int32_t* const list = pass_.attention.cells.data() + run.first_cell;
  const std::int32_t* const seen =
      std::partition_point(list, list + pass_.attention.n_visible[item],
                           [&](std::int32_t cell) { return cache_.position(cell) < first_seen; });
  return static_cast<std::size_t>(seen - list);
}

void Attention::plan_blocks(std::size_t window) noexcept {
  blocks_ = ctx_.scratch.take<Block>(pass_.items.size());
  n_hidden_ = ctx_.scratch.take<std::int32_t>(pass_.items.size());
  for (const AttentionRun& run : pass_.attention.runs) {
    const auto end = static_cast<std::size_t>(run.first_item + run.n_items);
    for (auto i = static_cast<std::size_t>(run.first_item); i < end; ++i) {
      n_hidden_[i] = window == 0 ? 0 : static_cast<std::int32_t>(out_of_window(run, i, window));
    }
    for (auto i = static_cast<std::size_t>(run.first_item); i < end;) {
      const std::size_t n = std::min(items_per_block(shape_), end - i);
      add_block(run, i, n);
      i += n;
    }
  }
}

void Attention::take_thread_scratch() noexcept {
  const auto n_threads = static_cast<std::size_t>(ctx_.pool.size());
  threads_ = ctx_.scratch.take<ThreadScratch>(n_threads);
  for (std::size_t t = 0; t < n_threads; ++t) {
    threads_[t] = ThreadScratch::take(ctx_.scratch, ctx_.kernels, shape_);
  }
}

void Attention::gather_queries(const Block& block, std::size_t head, float* q) const noexcept {
  const std::size_t width = shape_.group() * shape_.head_dim;
  for (std::size_t i = 0; i < block.n_items; ++i) {
    std::memcpy(q + i * width, q_.row(block.first_item + i) + head * width, width * sizeof(float));
  }
}

// The keys [first_cell, + n_keys) of the plan's cells, at most a piece, for n_q queries of one KV
// head, whose numbers of visible keys are in scratch.n_visible.
void Attention::attend_keys(std::size_t first_cell, std::size_t n_keys, std::size_t head,
                            const float* q, std::size_t n_q, const ThreadScratch& scratch,
                            const Partial& result) const noexcept {
  AttendArgs args = {};
  args.q = q;
  args.q_stride = shape_.head_dim;
  args.n_q = n_q;
  args.n_visible = scratch.n_visible;
  args.cells = pass_.attention.cells.data() + first_cell;
  args.n_keys = n_keys;
  args.k = cache_.k_head(layer_, head);
  args.v = cache_.v_head(layer_, head);
  args.k_stride = cache_.k_stride();
  args.v_stride = cache_.v_stride();
  args.k_format = cache_.shape().k_format;
  args.v_format = cache_.shape().v_format;
  args.head_dim = shape_.head_dim;
  args.max = result.max;
  args.sum = result.sum;
  args.out = result.out;
  args.out_stride = shape_.head_dim;
  args.scratch = scratch.kernel;
  ctx_.kernels.attend(args);
}

// One piece of keys for the block's queries of one KV head; queries are in scratch.q. Where a
// window begins within the piece, its query goes alone through what it sees of the piece.
void Attention::attend_piece(const Block& block, std::size_t head, std::size_t piece,
                             ThreadScratch& scratch, const Partial& result) const noexcept {
  const std::size_t group = shape_.group(), first = piece * kAttentionPiece;
  const std::size_t n_keys = std::min(kAttentionPiece, block.n_keys - first);
  const auto visible_from = [&](std::size_t i, std::size_t from) noexcept {
    const std::int64_t seen = std::int64_t{pass_.attention.n_visible[block.first_item + i]} -
                              static_cast<std::int64_t>(from);
    const auto left = static_cast<std::int64_t>(first + n_keys - from);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(seen, 0, left));
  };
  const auto hidden = [&](std::size_t i) noexcept {
    return static_cast<std::size_t>(n_hidden_[block.first_item + i]);
  };
  for (std::size_t i = 0; i < block.n_items; ++i) {
    std::fill_n(scratch.n_visible + i * group, group,
                hidden(i) <= first ? visible_from(i, first) : 0);
  }
  if (block.n_items > 1 || hidden(0) <= first) {
    attend_keys(block.first_cell + first, n_keys, head, scratch.q, block.n_items * group, scratch,
                result);
  }
  for (std::size_t i = 0; i < block.n_items; ++i) {
    const std::size_t from = hidden(i), query = i * group;
    if (from <= first || from >= first + n_keys) continue;
    std::fill_n(scratch.n_visible, group, visible_from(i, from));
    attend_keys(block.first_cell + from, first + n_keys - from, head,
                scratch.q + query * shape_.head_dim, group, scratch,
                result.at(query, shape_.head_dim));
  }
}

void Attention::write_result(const Block& block, std::size_t head,
                             const Partial& result) const noexcept {
  const std::size_t n_heads = shape_.group();
  for (std::size_t i = 0; i < block.n_items; ++i) {
    float* const out = out_.row(block.first_item + i) + head * n_heads * shape_.head_dim;
    for (std::size_t h = 0; h < n_heads; ++h) {
      const std::size_t query = i * n_heads + h;
      const float factor = 1.0f / result.sum[query];
      const float* const x = result.out + query * shape_.head_dim;
      for (std::size_t d = 0; d < shape_.head_dim; ++d)
        out[h * shape_.head_dim + d] = x[d] * factor;
    }
  }
}

// A task is a block and a KV head with all of its pieces. The last blocks see most keys: first.
void Attention::run_whole() noexcept {
  ctx_.pool.for_each(n_blocks_ * shape_.n_head_kv, [&](std::size_t task, int thread) noexcept {
    const Block& block = blocks_[n_blocks_ - 1 - task / shape_.n_head_kv];
    const std::size_t head = task % shape_.n_head_kv;
    ThreadScratch& scratch = threads_[thread];
    gather_queries(block, head, scratch.q);
    attend_piece(block, head, block.first_piece(), scratch, scratch.sofar);
    for (std::size_t piece = block.first_piece() + 1; piece < block.end_piece(); ++piece) {
      attend_piece(block, head, piece, scratch, scratch.piece);
      merge(scratch.sofar, scratch.piece, block.n_items * shape_.group(), shape_.head_dim);
    }
    write_result(block, head, scratch.sofar);
  });
}

// A task is one piece; partial results are merged when all are there.
void Attention::run_spread() noexcept {
  std::size_t most = 0;
  for (std::size_t b = 0; b < n_blocks_; ++b) most = std::max(most, blocks_[b].n_pieces());
  // Room for all queries and pieces: [piece][KV head][item][head of the group].
  const std::size_t n_items = pass_.items.size(), group = shape_.group();
  const std::size_t per_head = n_items * group, per_piece = per_head * shape_.n_head_kv;
  const Partial all = Partial::take(ctx_.scratch, most * per_piece, shape_.head_dim);
  const auto slot = [&](const Block& block, std::size_t head, std::size_t piece) noexcept {
    return all.at(piece * per_piece + head * per_head + block.first_item * group, shape_.head_dim);
  };
  const std::size_t n_pairs = n_blocks_ * shape_.n_head_kv;
  ctx_.pool.for_each(n_pairs * most, [&](std::size_t task, int thread) noexcept {
    const std::size_t pair = task % n_pairs, piece = task / n_pairs;
    const Block& block = blocks_[pair / shape_.n_head_kv];
    const std::size_t head = pair % shape_.n_head_kv;
    if (piece >= block.n_pieces()) return;
    ThreadScratch& scratch = threads_[thread];
    gather_queries(block, head, scratch.q);
    attend_piece(block, head, block.first_piece() + piece, scratch, slot(block, head, piece));
  });
  ctx_.pool.for_each(n_pairs, [&](std::size_t pair, int) noexcept {
    const Block& block = blocks_[pair / shape_.n_head_kv];
    const std::size_t head = pair % shape_.n_head_kv;
    const Partial sofar = slot(block, head, 0);
    for (std::size_t piece = 1; piece < block.n_pieces(); ++piece) {
      merge(sofar, slot(block, head, piece), block.n_items * group, shape_.head_dim);
    }
    write_result(block, head, sofar);
  });
}

void Attention::run() noexcept {
  take_thread_scratch();
  bool several_pieces = false;
  for (std::size_t b = 0; b < n_blocks_; ++b) several_pieces |= blocks_[b].n_pieces() > 1;
  const std::size_t wanted = kMinTasksPerThread * static_cast<std::size_t>(ctx_.pool.size());
  const bool spread = several_pieces && pass_.items.size() <= kMaxSpreadItems &&
                      n_blocks_ * shape_.n_head_kv < wanted;
  if (spread) {
    run_spread();
  } else {
    run_whole();
  }
}

}  // namespace

float QueryTemperature::at(std::int32_t pos) const noexcept {
  if (beta == 0.0) return 1.0f;
  return static_cast<float>(
      1.0 + beta * std::log(std::floor(static_cast<double>(pos) / n_original) + 1.0));
}

void store_kv(ExecContext& ctx, const AttentionShape& shape, const RopeTable& rope,
              const QueryTemperature& temperature, const PassView& pass, int layer, KvCache& cache,
              MatrixView<float> q, MatrixView<float> k, MatrixView<const float> v) noexcept {
  if (ctx.idle()) return;
  const Arena::Scope scope(ctx.scratch);
  const std::size_t half = shape.head_dim / 2;
  float* const angles = ctx.scratch.take<float>(pass.items.size() * shape.head_dim);
  const EncodeFn encode_k = ctx.kernels.encode[index_of(cache.shape().k_format)];
  const EncodeFn encode_v = ctx.kernels.encode[index_of(cache.shape().v_format)];
  const float q_scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  ctx.pool.for_ranges(pass.items.size(), 1, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t i = begin; i < end; ++i) {
      float* const cos = angles + i * shape.head_dim;
      float* const sin = cos + half;
      const std::int32_t pos = pass.items[i].pos;
      rope.angles(pos, cos, sin);
      ctx.kernels.rope(q.row(i), shape.n_head, shape.head_dim, cos, sin, rope.pairing());
      ctx.kernels.rope(k.row(i), shape.n_head_kv, shape.head_dim, cos, sin, rope.pairing());
      ctx.kernels.scale(q.row(i), q_scale * temperature.at(pos), shape.n_head * shape.head_dim);
      const auto cell = static_cast<std::size_t>(pass.cells[i]);
      for (std::size_t h = 0; h < shape.n_head_kv; ++h) {
        const auto l = static_cast<std::size_t>(layer);
        encode_k(k.row(i) + h * shape.head_dim, shape.head_dim,
                 cache.k_head(l, h) + cell * cache.k_stride());
        encode_v(v.row(i) + h * shape.head_dim, shape.head_dim,
                 cache.v_head(l, h) + cell * cache.v_stride());
      }
    }
  });
}

void attend(ExecContext& ctx, const AttentionShape& shape, const PassView& pass, int layer,
            KvCache& cache, MatrixView<const float> q, std::size_t window,
            MatrixView<float> out) noexcept {
  if (ctx.idle()) return;
  const Arena::Scope scope(ctx.scratch);
  Attention attention(ctx, shape, pass, layer, cache, q, out);
  attention.plan_blocks(window);
  attention.run();
}

std::size_t attention_scratch_bytes(const KernelTable& kernels, int n_threads,
                                    const AttentionShape& shape, std::size_t n_items,
                                    std::size_t n_cells) noexcept {
  const auto threads = static_cast<std::size_t>(n_threads);
  Arena measure;
  measure.take<Block>(n_items);
  measure.take<std::int32_t>(n_items);
  measure.take<ThreadScratch>(threads);
  for (std::size_t t = 0; t < threads; ++t) ThreadScratch::take(measure, kernels, shape);
  const std::size_t spread = std::min(n_items, kMaxSpreadItems) * shape.n_head * pieces(n_cells);
  Partial::take(measure, spread, shape.head_dim);
  return std::max(measure.used(), n_items * shape.head_dim * sizeof(float) + kCacheLine);
}

}  // namespace lathe
