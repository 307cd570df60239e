// Matrix products by rows, straight from the blocks: the way of generation, bound by memory. The
// bits of a token's results are those that it has alone, for any number of tokens at once.
//
// The rows of all weights of a call lie one after another in an imagined column, which is cut by
// bytes into one contiguous range per thread: memory is read in long stretches and threads meet
// once.
#include <algorithm>

#include "runtime/ops/matmul_detail.h"

namespace lathe::matmul_detail {
namespace {

constexpr std::size_t kRowGrain = 16;            // a thread's range starts at a multiple of this
constexpr std::size_t kReuseBytes = 128 * 1024;  // rows that blocks of tokens share while in cache
constexpr std::size_t kStreamBytes = 16 * 1024;  // rows of one call for a single block of tokens
constexpr std::size_t kAheadBytes = 64 * 1024;   // how far ahead addresses are translated
constexpr std::size_t kPageBytes = 4096;

struct Range {
  std::size_t begin, end;
};

// Rows of a weight whose bytes begin within share `thread` of `n_threads`. `offset` is where the
// weight starts in the column of all weights, `total` the length of the column.
Range rows_of_thread(const WeightView& w, std::size_t offset, std::size_t total, std::size_t thread,
                     std::size_t n_threads) noexcept {
  const std::size_t grain_bytes = w.row_stride() * kRowGrain;
  const auto row_at = [&](std::size_t byte) noexcept {
    const std::size_t inside = byte > offset ? byte - offset : 0;
    return std::min(w.rows, (inside + grain_bytes - 1) / grain_bytes * kRowGrain);
  };
  return {row_at(total / n_threads * thread),
          thread + 1 == n_threads ? w.rows : row_at(total / n_threads * (thread + 1))};
}

// Walks ahead of a stream of weights, one prefetch a page, so that the translation of its address
// is there when the stream arrives. Weights lie in 4 KB pages of the page cache, and neither the
// hardware's prefetchers nor a kernel's own hide the walk of a page table (measured with one core
// on a virtual machine: 15 GB/s without, 18 with, the same as from huge pages). Addresses past the
// end of the weight do no harm: a prefetch never faults.
class PageWalker {
 public:
  // Up to kAheadBytes behind `n_bytes` from `p`, as far as it has not been there.
  void advance(const std::uint8_t* p, std::size_t n_bytes) noexcept {
    const auto from = reinterpret_cast<std::uintptr_t>(p);
    const std::uintptr_t to = from + n_bytes + kAheadBytes;
    for (at_ = std::max(at_, from); at_ < to; at_ += kPageBytes) {
      __builtin_prefetch(reinterpret_cast<const void*>(at_), 0, 2);
    }
  }

 private:
  std::uintptr_t at_ = 0;
};

// n_rows rows times tokens t0 .. t0 + n_tokens.
void multiply_few(const Job& job, std::size_t first, std::size_t n_rows, std::size_t t0,
                  std::size_t n_tokens, float* y, std::size_t y_stride) noexcept {
  const std::size_t stride = job.weight.row_stride();
  job.kernels->matvec(job.weight.data + first * stride, stride, n_rows, job.weight.cols,
                      job.input.row(t0), job.input.stride, n_tokens, y, y_stride);
  for (std::size_t t = 0; t < n_tokens; ++t) add_bias(job, first, n_rows, y + t * y_stride);
}

// With several blocks of tokens, few enough rows at a time that they stay in cache for all of them;
// with one, few enough that the page walker keeps its distance.
std::size_t rows_at_once(const Job& job) noexcept {
  const std::size_t bytes = job.input.n_items <= kRowTokens ? kStreamBytes : kReuseBytes;
  return std::max<std::size_t>(1, bytes / job.weight.row_stride() / kRowGrain) * kRowGrain;
}

// Calls f(first token, tokens) for each block of n tokens.
template <class F>
void for_token_blocks(std::size_t n, F f) noexcept {
  for (std::size_t t = 0; t < n; t += kRowTokens) f(t, std::min(kRowTokens, n - t));
}

}  // namespace

void multiply_rows(ExecContext& ctx, std::span<const Job> jobs) noexcept {
  std::size_t total = 0;
  for (const Job& job : jobs) total += job.weight.bytes();
  const auto n_threads = static_cast<std::size_t>(ctx.pool.size());
  ctx.pool.run([&](int thread) noexcept {
    std::size_t offset = 0;
    for (const Job& job : jobs) {
      const Range range =
          rows_of_thread(job.weight, offset, total, static_cast<std::size_t>(thread), n_threads);
      offset += job.weight.bytes();
      const std::size_t step = rows_at_once(job), stride = job.weight.row_stride();
      PageWalker pages;
      for (std::size_t r = range.begin; r < range.end; r += step) {
        const std::size_t n = std::min(step, range.end - r);
        pages.advance(job.weight.data + r * stride, n * stride);
        for_token_blocks(job.input.n_items, [&](std::size_t t0, std::size_t n_tokens) noexcept {
          multiply_few(job, r, n, t0, n_tokens, job.out.row(t0) + r, job.out.stride);
        });
      }
    }
  });
}

void multiply_rows_gated(ExecContext& ctx, const Job& gate, const Job& up,
                         MatrixView<float> temp) noexcept {
  const std::size_t step = rows_at_once(gate);
  const std::size_t gate_stride = gate.weight.row_stride(), up_stride = up.weight.row_stride();
  const auto range = [&](std::size_t begin, std::size_t end) noexcept {
    PageWalker gate_pages, up_pages;
    for (std::size_t r = begin; r < end; r += step) {
      const std::size_t n = std::min(step, end - r);
      gate_pages.advance(gate.weight.data + r * gate_stride, n * gate_stride);
      up_pages.advance(up.weight.data + r * up_stride, n * up_stride);
      for_token_blocks(gate.input.n_items, [&](std::size_t t0, std::size_t n_tokens) noexcept {
        multiply_few(gate, r, n, t0, n_tokens, gate.out.row(t0) + r, gate.out.stride);
        multiply_few(up, r, n, t0, n_tokens, temp.data + r, temp.stride);
        for (std::size_t t = 0; t < n_tokens; ++t) {
          float* const y = gate.out.row(t0 + t) + r;
          ctx.kernels.silu_mul(y, temp.row(t) + r, n, y);
        }
      });
    }
  };
  ctx.pool.for_ranges(gate.weight.rows, kRowGrain, range);
}

}  // namespace lathe::matmul_detail
