// The pool against plain counting: every index once, on the right thread, after any kind of pause.
#include "runtime/machine/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

namespace lathe {
namespace {

using Range = std::pair<std::size_t, std::size_t>;

// Ranges handed out by for_ranges, in order of their begin.
std::vector<Range> ranges_of(ThreadPool& pool, std::size_t n, std::size_t grain) {
  std::mutex mutex;
  std::set<Range> seen;
  pool.for_ranges(n, grain, [&](std::size_t begin, std::size_t end) {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(seen.insert({begin, end}).second);
  });
  return {seen.begin(), seen.end()};
}

TEST(ThreadPool, RunCallsEveryThreadOnce) {
  for (const int n : {1, 2, 3, 7}) {
    ThreadPool pool({.n_threads = n});
    ASSERT_EQ(pool.size(), n);
    std::vector<int> calls(static_cast<std::size_t>(n), 0);
    for (int round = 0; round < 200; ++round) {
      pool.run([&](int t) noexcept { ++calls[static_cast<std::size_t>(t)]; });
    }
    EXPECT_EQ(calls, std::vector<int>(static_cast<std::size_t>(n), 200));
  }
}

TEST(ThreadPool, CallerIsWorkerZero) {
  ThreadPool pool({.n_threads = 3});
  std::vector<std::thread::id> ids(3);
  pool.run([&](int t) noexcept { ids[static_cast<std::size_t>(t)] = std::this_thread::get_id(); });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_NE(ids[1], ids[0]);
  EXPECT_NE(ids[2], ids[0]);
  EXPECT_NE(ids[2], ids[1]);
}

TEST(ThreadPool, RangesCoverEverythingOnceInGrains) {
  for (const int n_threads : {1, 2, 3, 5}) {
    ThreadPool pool({.n_threads = n_threads});
    for (const std::size_t n : {0, 1, 15, 16, 17, 100, 1000}) {
      for (const std::size_t grain : {1, 16, 64}) {
        const std::vector<Range> ranges = ranges_of(pool, n, grain);
        EXPECT_LE(ranges.size(), static_cast<std::size_t>(n_threads));
        std::size_t next = 0;
        for (const auto& [begin, end] : ranges) {
          EXPECT_EQ(begin, next);
          EXPECT_EQ(begin % grain, 0u);
          EXPECT_LT(begin, end);
          EXPECT_TRUE(end % grain == 0 || end == n);
          next = end;
        }
        EXPECT_EQ(next, n);
      }
    }
  }
}

TEST(ThreadPool, RangesAreEven) {
  ThreadPool pool({.n_threads = 3});
  EXPECT_EQ(ranges_of(pool, 100, 10), (std::vector<Range>{{0, 30}, {30, 60}, {60, 100}}));
}

TEST(ThreadPool, ForEachDrawsEveryIndexOnce) {
  for (const int n_threads : {1, 2, 4}) {
    ThreadPool pool({.n_threads = n_threads});
    for (const std::size_t n : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> calls(n);
      pool.for_each(n, [&](std::size_t i, int thread) noexcept {
        EXPECT_TRUE(thread >= 0 && thread < n_threads);
        calls[i].fetch_add(1, std::memory_order_relaxed);
      });
      for (const auto& c : calls) EXPECT_EQ(c.load(), 1);
    }
  }
}

TEST(ThreadPool, SharesPlainMemoryBetweenJobs) {
  ThreadPool pool({.n_threads = 2});
  std::vector<long> sums(2, 0);
  long total = 0;
  for (long round = 0; round < 2000; ++round) {
    pool.run([&](int t) noexcept { sums[static_cast<std::size_t>(t)] = round + t; });
    total += sums[0] + sums[1];
  }
  EXPECT_EQ(total, 2000L * 1999L + 2000L);
}

// Threads that have gone to sleep, and a caller that sleeps while a worker is slow.
TEST(ThreadPool, WakesSleepers) {
  ThreadPool pool({.n_threads = 3, .spin_us = 0});
  std::atomic<int> calls{0};
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.run([&](int t) noexcept {
      if (t == round % 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      calls.fetch_add(1);
    });
  }
  EXPECT_EQ(calls.load(), 60);
}

TEST(ThreadPool, NeverSpinningLosesNoWakeUp) {
  ThreadPool pool({.n_threads = 2, .spin_us = 0});
  std::atomic<int> calls{0};
  for (int round = 0; round < 5000; ++round) pool.run([&](int) noexcept { calls.fetch_add(1); });
  EXPECT_EQ(calls.load(), 10000);
}

TEST(ThreadPool, ManyMoreThreadsThanCpus) {
  ThreadPool pool({.n_threads = 32});
  std::atomic<int> calls{0};
  for (int round = 0; round < 50; ++round) pool.run([&](int) noexcept { calls.fetch_add(1); });
  EXPECT_EQ(calls.load(), 32 * 50);
}

TEST(ThreadPool, SeveralPoolsLiveSideBySide) {
  auto first = std::make_unique<ThreadPool>(ThreadPoolOptions{.n_threads = 2});
  ThreadPool second({.n_threads = 2});
  std::atomic<int> calls{0};
  const auto count = [&](int) noexcept { calls.fetch_add(1); };
  for (int round = 0; round < 100; ++round) {
    first->run(count);
    second.run(count);
  }
  first.reset();
  second.run(count);
  EXPECT_EQ(calls.load(), 402);
}

TEST(ThreadPool, RefusesAbsurdSizes) {
  EXPECT_THROW(ThreadPool({.n_threads = -1}), Error);
  EXPECT_THROW(ThreadPool({.n_threads = 1 << 20}), Error);
}

TEST(ThreadPool, DefaultHasAtLeastOneThread) {
  ThreadPool pool;
  EXPECT_GE(pool.size(), 1);
}

}  // namespace
}  // namespace lathe
