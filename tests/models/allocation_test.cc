// Nothing is allocated in a forward pass: counted by the operators new of the whole program.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/engine_run.h"
#include "tests/support/tiny_model.h"

namespace {
std::atomic<std::size_t> g_n_allocations{0};

void* counted(std::size_t bytes) {
  ++g_n_allocations;
  if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  throw std::bad_alloc();
}
void* counted(std::size_t bytes, std::align_val_t alignment) {
  ++g_n_allocations;
  const auto a = static_cast<std::size_t>(alignment);
  if (void* p = std::aligned_alloc(a, (bytes + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t n) { return counted(n); }
void* operator new[](std::size_t n) { return counted(n); }
void* operator new(std::size_t n, std::align_val_t a) { return counted(n, a); }
void* operator new[](std::size_t n, std::align_val_t a) { return counted(n, a); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counted(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counted(n); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace lathe::test {
namespace {

std::size_t allocations_in(Session& session, const std::vector<BatchItem>& items, MatmulPath path) {
  const std::size_t before = g_n_allocations;
  EXPECT_TRUE(session.decode(items, path));
  return g_n_allocations - before;
}

TEST(ForwardPass, AllocatesNothing) {
  g_n_allocations = 0;
  ::operator delete(::operator new(1));  // unlike `delete new`, never optimized away
  EXPECT_GT(g_n_allocations, 0u);        // it does count
  for (const char* architecture : {"llama", "mistral3", "olmo2"}) {
    for (const Format format : {Format::F32, Format::BF16, Format::Q8_0, Format::Q4_K}) {
      TinyModel m;
      m.architecture = architecture;
      m.format = format;
      m.n_embd = 256;
      m.n_ff = 512;
      m.head_dim = 64;
      if (m.architecture == "olmo2") m.keys.set("olmo2.attention.sliding_window", Value::u32(30));
      const GgufFile file = tiny_model(m);
      for (const std::string& tier : supported_tiers()) {
        RunOptions o;
        o.tier = tier;
        o.n_threads = 3;
        o.n_batch = 300;
        Engine engine(file, o);
        std::vector<BatchItem> items = items_of(some_tokens(300, m.n_vocab));
        SCOPED_TRACE(std::string(architecture) + " " + std::string(format_name(format)) + " " +
                     tier);
        EXPECT_EQ(allocations_in(engine.session(), items, MatmulPath::kPanel), 0u);
        items = items_of(some_tokens(1, m.n_vocab), 300);
        EXPECT_EQ(allocations_in(engine.session(), items, MatmulPath::kMatvec), 0u);
        items = items_of(some_tokens(4, m.n_vocab), 301, 1);
        items.push_back({3, 0, sequence_bit(5), true});
        EXPECT_EQ(allocations_in(engine.session(), items, MatmulPath::kMatvec), 0u);
      }
    }
  }
}

}  // namespace
}  // namespace lathe::test
