// After the first call a sampler allocates nothing: counted by the operators new of this program.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <random>
#include <vector>

#include "runtime/text/sampler.h"

namespace {

std::atomic<std::size_t> g_n_allocations{0};

void* counted(std::size_t bytes) {
  ++g_n_allocations;
  if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t n) { return counted(n); }
void* operator new[](std::size_t n) { return counted(n); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  ++g_n_allocations;
  return std::malloc(n == 0 ? 1 : n);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace lathe {
namespace {

void expect_no_allocations(const SamplerParams& params) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<std::vector<float>> rows(8, std::vector<float>(3000));
  for (auto& row : rows) {
    for (float& x : row) x = normal(random);
  }
  Sampler sampler(params);
  for (Token t = 0; t < 80; ++t) sampler.accept(t);  // the window is full
  sampler.sample(rows[0]);
  const std::size_t before = g_n_allocations;
  for (const auto& row : rows) sampler.accept(sampler.sample(row));
  EXPECT_EQ(g_n_allocations - before, 0u);
}

TEST(SamplerAllocation, NoneAfterTheFirstCall) {
  SamplerParams params;
  params.repeat_penalty = 1.1f;
  expect_no_allocations(params);
  params.top_k = 0;
  params.typical_p = 0.9f;
  expect_no_allocations(params);
  params.top_k = 2000;
  expect_no_allocations(params);
  params.mirostat = 2;
  expect_no_allocations(params);
  params.temperature = 0;
  expect_no_allocations(params);
}

}  // namespace
}  // namespace lathe
