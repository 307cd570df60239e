#include "tests/gguf/allocation_watch.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> g_largest{0};

void* watched(std::size_t size) noexcept {
  if (size > g_largest.load(std::memory_order_relaxed)) g_largest.store(size);
  return std::malloc(std::max<std::size_t>(size, 1));
}

void* watched_or_throw(std::size_t size) {
  if (void* p = watched(size)) return p;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return watched_or_throw(size); }
void* operator new[](std::size_t size) { return watched_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return watched(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return watched(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace lathe {

void reset_largest_allocation() noexcept { g_largest.store(0); }
std::size_t largest_allocation() noexcept { return g_largest.load(); }

}  // namespace lathe
