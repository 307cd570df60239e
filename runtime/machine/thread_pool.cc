#include "runtime/machine/thread_pool.h"

#include <sched.h>

#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/machine/affinity.h"
#include "runtime/machine/placement.h"

namespace lathe {
namespace {

constexpr int kMaxThreads = 4096;
// Spinning goes on this long before a waiting thread starts to offer its core to others.
constexpr std::chrono::microseconds kPoliteAfter{50};

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(const ThreadPoolOptions& options) : spin_us_(options.spin_us) {
  if (options.n_threads < 0 || options.n_threads > kMaxThreads) {
    throw usage_error("number of threads must be 0 to " + std::to_string(kMaxThreads) + ", not " +
                      std::to_string(options.n_threads));
  }
  const Topology topology = options.topology != nullptr ? *options.topology : read_topology();
  size_ = options.n_threads == 0 ? default_thread_count(topology) : options.n_threads;
  ThreadPlacement placement = place_threads(topology, size_);
  crowded_ = placement.crowded;
  if (options.pin && topology.is_this_machine) {
    memory_policy_.emplace(placement.memory);  // before the workers start: they inherit it
  } else {
    for (std::vector<int>& cpus : placement.cpus) cpus.clear();
  }
  start(placement.cpus);
}

void ThreadPool::start(const std::vector<std::vector<int>>& cpus) {
  workers_.reserve(cpus.size() - 1);
  try {
    for (std::size_t t = 1; t < cpus.size(); ++t) {
      workers_.emplace_back([this, t, own = cpus[t]] {
        bind_this_thread(own);
        work(static_cast<int>(t));
      });
    }
  } catch (const std::system_error& e) {
    stop();
    throw failed("cannot start thread " + std::to_string(workers_.size() + 1) + " of " +
                 std::to_string(size_) + ": " + e.what());
  }
  std::vector<int> before = thread_cpus();
  if (bind_this_thread(cpus[0])) callers_cpus_ = std::move(before);
}

ThreadPool::~ThreadPool() {
  stop();
  bind_this_thread(callers_cpus_);
}

void ThreadPool::stop() noexcept {
  stopping_ = true;
  wake_workers();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::dispatch(Job job, void* context) noexcept {
  if (size_ == 1) {
    job(context, 0);
    return;
  }
  job_ = job;
  context_ = context;
  pending_.store(static_cast<std::uint32_t>(size_ - 1), std::memory_order_relaxed);
  wake_workers();
  job(context, 0);
  wait_for_workers();
}

// Sleepers are counted before they look at the epoch a last time, and looked for after it has
// moved; both in the one total order of seq_cst. So either side sees the other, and no wake-up is
// lost. The same holds for caller_sleeps_ and pending_.
void ThreadPool::wake_workers() noexcept {
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) epoch_.notify_all();
}

void ThreadPool::work(int thread) noexcept {
  for (std::uint32_t seen = 0;; ++seen) {
    wait_for_epoch_after(seen);
    if (stopping_) return;
    job_(context_, thread);
    if (pending_.fetch_sub(1, std::memory_order_seq_cst) == 1 &&
        caller_sleeps_.load(std::memory_order_seq_cst)) {
      pending_.notify_one();
    }
  }
}

void ThreadPool::wait_for_epoch_after(std::uint32_t seen) noexcept {
  if (spin_until([&] { return epoch_.load(std::memory_order_acquire) != seen; })) return;
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (epoch_.load(std::memory_order_seq_cst) == seen) epoch_.wait(seen);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadPool::wait_for_workers() noexcept {
  if (spin_until([&] { return pending_.load(std::memory_order_acquire) == 0; })) return;
  caller_sleeps_.store(true, std::memory_order_seq_cst);
  for (std::uint32_t left = pending_.load(std::memory_order_seq_cst); left != 0;
       left = pending_.load(std::memory_order_seq_cst)) {
    pending_.wait(left);
  }
  caller_sleeps_.store(false, std::memory_order_relaxed);
}

// False when the time is up.
template <class Done>
bool ThreadPool::spin_until(Done done) const noexcept {
  using Clock = std::chrono::steady_clock;
  constexpr int kChecksPerClock = 16;  // reading the clock costs as much as a few checks
  const Clock::time_point start = Clock::now();
  const std::chrono::microseconds limit{spin_us_};
  for (;;) {
    for (int i = 0; i < kChecksPerClock; ++i) {
      if (done()) return true;
      relax();
    }
    const Clock::duration spent = Clock::now() - start;
    if (spent > limit) return done();
    if (crowded_ || spent > kPoliteAfter) ::sched_yield();
  }
}

}  // namespace lathe
