// The `loop` of a for block.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "runtime/text/jinja/heap.h"
#include "runtime/text/jinja/runtime.h"
#include "runtime/text/jinja/value.h"

namespace lathe::jinja {

struct Loop {
  std::span<const Value> items;
  std::size_t index = 0;
  int depth = 0;         // of loops of the same block, by `loop(children)`
  Value last_changed{};  // what loop.changed() was given last; a tuple
  const Statement* block = nullptr;
  Scope* scope = nullptr;  // that the block stands in
};

Value loop_attribute(Heap& heap, const Value& loop, std::string_view name);

}  // namespace lathe::jinja
