// Matrix products by panels: pack a group of panels once, use it for every token.
//
// Two levels of blocking keep the inner kernel fed from cache: a group of packed panels stays in
// the thread's share of L2 while blocks of converted tokens pass by, each block being read by all
// panels of the group before the next one comes.
#include <algorithm>
#include <numeric>

#include "runtime/ops/matmul_detail.h"

namespace lathe::matmul_detail {
namespace {

constexpr std::size_t kGroupBytes = 1024 * 1024;      // packed panels of one group
constexpr std::size_t kTokenBlockBytes = 256 * 1024;  // converted tokens of one block
constexpr std::size_t kGroupsPerThread = 4;           // at least, where there are enough panels
constexpr std::size_t kMaxGroupRows = 128;
constexpr std::size_t kMinTokenBlock = 24;  // whole tiles of 4, 6, 8 or 12 tokens

std::size_t token_block(const Job& job) noexcept {
  const std::size_t n = kTokenBlockBytes / std::max<std::size_t>(job.input.stride, 1);
  return std::max(kMinTokenBlock, n / kMinTokenBlock * kMinTokenBlock);
}

// Rows of a group: whole panels (of both weights, when two go together) that fit the budget, and
// few enough that every thread gets several groups.
std::size_t group_rows(const Job& job, std::size_t unit, std::size_t budget,
                       int n_threads) noexcept {
  const std::size_t unit_bytes =
      unit / job.kernels->panel_rows * job.kernels->panel_bytes(job.weight.cols);
  const std::size_t n_units = (job.weight.rows + unit - 1) / unit;
  const std::size_t fair = n_units / (kGroupsPerThread * static_cast<std::size_t>(n_threads));
  const std::size_t by_size = std::min(budget / unit_bytes, kMaxGroupRows / unit);
  return unit * std::max<std::size_t>(1, std::min(by_size, fair));
}

// Bytes of packed panels for `rows` rows.
std::size_t packed_bytes(const Job& job, std::size_t rows) noexcept {
  const std::size_t panels = (rows + job.kernels->panel_rows - 1) / job.kernels->panel_rows;
  return panels * job.kernels->panel_bytes(job.weight.cols);
}

void pack_rows(const Job& job, std::size_t first, std::size_t n, std::uint8_t* panels) noexcept {
  const MatmulKernels& k = *job.kernels;
  const std::size_t stride = job.weight.row_stride();
  for (std::size_t r = 0; r < n; r += k.panel_rows) {
    k.pack(job.weight.data + (first + r) * stride, stride, std::min(k.panel_rows, n - r),
           job.weight.cols, panels);
    panels += k.panel_bytes(job.weight.cols);
  }
}

// Packed rows times tokens t0 .. t0 + n_tokens; out points at the first of them.
void multiply_packed(const Job& job, const std::uint8_t* panels, std::size_t n_rows, std::size_t t0,
                     std::size_t n_tokens, float* out, std::size_t out_stride) noexcept {
  const MatmulKernels& k = *job.kernels;
  for (std::size_t r = 0; r < n_rows; r += k.panel_rows) {
    k.multiply(panels, std::min(k.panel_rows, n_rows - r), job.weight.cols, job.input.row(t0),
               job.input.stride, n_tokens, out + r, out_stride);
    panels += k.panel_bytes(job.weight.cols);
  }
}

void add_bias_rows(const Job& job, std::size_t first, std::size_t n_rows, std::size_t n_tokens,
                   float* out, std::size_t out_stride) noexcept {
  if (job.bias == nullptr) return;
  for (std::size_t t = 0; t < n_tokens; ++t) add_bias(job, first, n_rows, out + t * out_stride);
}

void multiply_group(const Job& job, std::size_t first, std::size_t n_rows,
                    std::uint8_t* panels) noexcept {
  pack_rows(job, first, n_rows, panels);
  const std::size_t block = token_block(job);
  for (std::size_t t0 = 0; t0 < job.input.n_items; t0 += block) {
    const std::size_t n = std::min(block, job.input.n_items - t0);
    float* const out = job.out.row(t0) + first;
    multiply_packed(job, panels, n_rows, t0, n, out, job.out.stride);
    add_bias_rows(job, first, n_rows, n, out, job.out.stride);
  }
}

// Scratch of one thread.
struct ThreadScratch {
  std::uint8_t* base;
  std::size_t bytes;  // each

  std::uint8_t* of(int thread) const noexcept {
    return base + static_cast<std::size_t>(thread) * bytes;
  }
};

ThreadScratch take_scratch(ExecContext& ctx, std::size_t bytes) noexcept {
  const std::size_t each = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  return {ctx.scratch.take<std::uint8_t>(each * static_cast<std::size_t>(ctx.pool.size())), each};
}

}  // namespace

void multiply_panels(ExecContext& ctx, std::span<const Job> jobs) noexcept {
  struct Part {
    std::size_t rows, first_group;
  };
  std::array<Part, kMaxProducts> parts = {};
  std::size_t n_groups = 0, scratch_bytes = 0;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const std::size_t rows =
        group_rows(jobs[j], jobs[j].kernels->panel_rows, kGroupBytes, ctx.pool.size());
    parts[j] = {rows, n_groups};
    n_groups += (jobs[j].weight.rows + rows - 1) / rows;
    scratch_bytes = std::max(scratch_bytes, packed_bytes(jobs[j], rows));
  }
  const ThreadScratch scratch = take_scratch(ctx, scratch_bytes);
  ctx.pool.for_each(n_groups, [&](std::size_t group, int thread) noexcept {
    std::size_t j = jobs.size() - 1;
    while (group < parts[j].first_group) --j;
    const std::size_t first = (group - parts[j].first_group) * parts[j].rows;
    const std::size_t n_rows = std::min(parts[j].rows, jobs[j].weight.rows - first);
    multiply_group(jobs[j], first, n_rows, scratch.of(thread));
  });
}

void multiply_panels_gated(ExecContext& ctx, const Job& gate, const Job& up) noexcept {
  const std::size_t unit = std::lcm(gate.kernels->panel_rows, up.kernels->panel_rows);
  const int n_threads = ctx.pool.size();
  const std::size_t rows = std::min(group_rows(gate, unit, kGroupBytes / 2, n_threads),
                                    group_rows(up, unit, kGroupBytes / 2, n_threads));
  const std::size_t n_items = gate.input.n_items;
  const std::size_t block = std::min({token_block(gate), token_block(up), n_items});
  const std::size_t gate_bytes = packed_bytes(gate, rows), up_bytes = packed_bytes(up, rows);
  const ThreadScratch scratch =
      take_scratch(ctx, gate_bytes + up_bytes + block * rows * sizeof(float));
  const std::size_t n_groups = (gate.weight.rows + rows - 1) / rows;
  ctx.pool.for_each(n_groups, [&](std::size_t group, int thread) noexcept {
    std::uint8_t* const gate_panels = scratch.of(thread);
    std::uint8_t* const up_panels = gate_panels + gate_bytes;
    float* const temp = reinterpret_cast<float*>(up_panels + up_bytes);  // [block, rows]
    const std::size_t first = group * rows;
    const std::size_t n_rows = std::min(rows, gate.weight.rows - first);
    pack_rows(gate, first, n_rows, gate_panels);
    pack_rows(up, first, n_rows, up_panels);
    for (std::size_t t0 = 0; t0 < n_items; t0 += block) {
      const std::size_t n = std::min(block, n_items - t0);
      float* const out = gate.out.row(t0) + first;
      multiply_packed(gate, gate_panels, n_rows, t0, n, out, gate.out.stride);
      multiply_packed(up, up_panels, n_rows, t0, n, temp, rows);
      add_bias_rows(gate, first, n_rows, n, out, gate.out.stride);
      add_bias_rows(up, first, n_rows, n, temp, rows);
      for (std::size_t t = 0; t < n; ++t) {
        float* const y = out + t * gate.out.stride;
        ctx.kernels.silu_mul(y, temp + t * rows, n_rows, y);
      }
    }
  });
}

std::size_t panel_scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                std::size_t n_in) noexcept {
  std::size_t unit = 1;  // rows of the largest unit that two formats can share
  for (std::size_t f = 0; f < kFormatCount; ++f)
    unit = std::lcm(unit, kernels.matmul[f].panel_rows);
  std::size_t unit_bytes = 0;
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    if (n_in % kFormatInfo[f].block_elems != 0) continue;
    const MatmulKernels& k = kernels.matmul[f];
    unit_bytes = std::max(unit_bytes, unit / k.panel_rows * k.panel_bytes(n_in));
  }
  std::size_t stride = n_in * sizeof(float);
  for (std::size_t k = 0; k < kActKindCount; ++k) {
    stride = std::min(stride, act_layout(static_cast<ActKind>(k), n_in).row_bytes);
  }
  const std::size_t block = std::min(
      n_items, std::max(kMinTokenBlock, kTokenBlockBytes / std::max<std::size_t>(stride, 1)));
  // Two weights side by side, each a full group or one unit; then the tile of
  // multiply_panels_gated.
  const std::size_t panels = 2 * std::max(kGroupBytes, unit_bytes);
  const std::size_t tile = block * std::max(kMaxGroupRows, unit) * sizeof(float);
  return static_cast<std::size_t>(n_threads) * (panels + tile + kCacheLine);
}

}  // namespace lathe::matmul_detail
