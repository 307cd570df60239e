// Memory and work of one rendering, counted against the limits.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory_resource>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/text/jinja/limits.h"
#include "runtime/text/jinja/value.h"

namespace lathe::jinja {

class Heap {
 public:
  explicit Heap(const Limits& limits) : limits_(limits), upstream_(limits), memory_(&upstream_) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Fault when the rendering has done more than it may.
  void work(std::size_t steps) {
    if (steps > limits_.steps - n_steps_) throw Fault("it takes too many steps");
    n_steps_ += steps;
  }
  // Before so many bytes of text are made or looked through.
  void work_on_bytes(std::size_t bytes) {
    if (bytes > limits_.memory_bytes) throw Fault("it takes too much memory");
    work(1 + bytes / 16);
  }
  const Limits& limits() const noexcept { return limits_; }

  Value text(std::string_view s);  // a copy
  List* new_list(std::span<const Value> items = {});
  Value list(std::span<const Value> items, Kind kind = Kind::kList) {
    return Value::list(new_list(items), kind);
  }
  Value tuple(std::initializer_list<Value> items) {
    return list({items.begin(), items.size()}, Kind::kTuple);
  }
  Dict* new_dict() { return make<Dict>(&memory_); }

  // Lives as long as the heap; its destructor is never called.
  template <typename T, typename... Args>
  T* make(Args&&... args) {
    return new (memory_.allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  std::pmr::memory_resource* memory() noexcept { return &memory_; }

 private:
  class Counted : public std::pmr::memory_resource {
   public:
    explicit Counted(const Limits& limits) : left_(limits.memory_bytes) {}

   private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override;
    void do_deallocate(void* p, std::size_t bytes, std::size_t alignment) override;
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
      return this == &other;
    }
    std::size_t left_;
  };

  const Limits limits_;
  std::size_t n_steps_ = 0;
  Counted upstream_;
  std::pmr::monotonic_buffer_resource memory_;
};

}  // namespace lathe::jinja
