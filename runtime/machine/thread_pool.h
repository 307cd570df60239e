// A fixed set of threads that work on one job at a time: fork, work, join, in about a microsecond.
//
// A forward pass forks and joins hundreds of times per token, so a job is a function pointer and a
// context pointer (nothing is allocated, nothing throws), and threads spin for a moment between
// jobs before they sleep in the kernel: hot while a model runs, no cost at all while a session
// idles. The calling thread is worker 0. Waiting threads hand their core over (yield) early when
// there are more threads than CPUs, and late otherwise.
//
// One thread at a time may call run() and its kin; calls do not nest. Functions given to the pool
// must not throw. No globals, no thread_local: a process may own any number of pools.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "runtime/base/aligned_buffer.h"
#include "runtime/machine/numa.h"
#include "runtime/machine/topology.h"

namespace lathe {

struct ThreadPoolOptions {
  int n_threads = 0;  // 0: one per physical core (performance cores only where there are two kinds)
  bool pin = true;    // bind threads to cores; ignored when there are more threads than CPUs
  int spin_us = 500;  // how long a thread spins for the next job before it sleeps
  const Topology* topology = nullptr;  // null: looked up; used only while the pool is made
};

class ThreadPool {
 public:
  // Error (kUsage) for a negative or absurd number of threads, (kFailed) when the system refuses to
  // start one. With `pin`, the calling thread is bound too, and prefers (or interleaves) memory as
  // place_threads() says, until the pool is destroyed; threads that it starts meanwhile inherit
  // that.
  explicit ThreadPool(const ThreadPoolOptions& options = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const noexcept { return size_; }

  // Runs f(thread_index) on every thread and waits for all of them.
  template <class F>
  void run(F&& f) noexcept {
    using Function = std::remove_reference_t<F>;
    dispatch([](void* context, int thread) noexcept { (*static_cast<Function*>(context))(thread); },
             const_cast<void*>(static_cast<const void*>(std::addressof(f))));
  }

  // One contiguous range of 0..n per thread: f(begin, end). Bounds are multiples of `grain` (>= 1),
  // the last range takes the rest; a thread without work is not called.
  template <class F>
  void for_ranges(std::size_t n, std::size_t grain, F&& f) noexcept {
    const std::size_t n_grains = (n + grain - 1) / grain;
    const std::size_t n_threads = static_cast<std::size_t>(size_);
    if (n_grains <= 1) {
      if (n > 0) f(std::size_t{0}, n);
      return;
    }
    run([&](int thread) noexcept {
      const std::size_t t = static_cast<std::size_t>(thread);
      const std::size_t begin = n_grains * t / n_threads * grain;
      const std::size_t end = std::min(n, n_grains * (t + 1) / n_threads * grain);
      if (begin < end) f(begin, end);
    });
  }

  // Threads draw the next of the indices 0..n-1 until none is left: f(index, thread_index).
  template <class F>
  void for_each(std::size_t n, F&& f) noexcept {
    if (n <= 1 || size_ == 1) {
      for (std::size_t i = 0; i < n; ++i) f(i, 0);
      return;
    }
    next_index_.store(0, std::memory_order_relaxed);
    run([&](int thread) noexcept {
      std::size_t i = next_index_.fetch_add(1, std::memory_order_relaxed);
      for (; i < n; i = next_index_.fetch_add(1, std::memory_order_relaxed)) f(i, thread);
    });
  }

 private:
  using Job = void (*)(void* context, int thread) noexcept;

  void start(const std::vector<std::vector<int>>& cpus);
  void dispatch(Job job, void* context) noexcept;
  void work(int thread) noexcept;
  void wait_for_epoch_after(std::uint32_t seen) noexcept;
  void wait_for_workers() noexcept;
  void wake_workers() noexcept;
  void stop() noexcept;
  template <class Done>
  bool spin_until(Done done) const noexcept;

  int size_ = 1;
  int spin_us_ = 0;
  bool crowded_ = false;           // more threads than CPUs: yield at once instead of spinning
  std::vector<int> callers_cpus_;  // to give back; empty: the caller was not bound
  std::optional<ScopedMemoryPolicy> memory_policy_;
  std::vector<std::thread> workers_;

  // Written by the caller before epoch_ moves, read by workers after.
  Job job_ = nullptr;
  void* context_ = nullptr;
  bool stopping_ = false;

  alignas(kCacheLine) std::atomic<std::uint32_t> epoch_{0};     // number of jobs handed out
  alignas(kCacheLine) std::atomic<std::uint32_t> pending_{0};   // workers still at the job
  alignas(kCacheLine) std::atomic<std::uint32_t> sleepers_{0};  // workers that need a wake-up call
  std::atomic<bool> caller_sleeps_{false};
  alignas(kCacheLine) std::atomic<std::size_t> next_index_{0};  // for_each
};

}  // namespace lathe
