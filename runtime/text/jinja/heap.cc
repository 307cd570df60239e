#include "runtime/text/jinja/heap.h"

#include <cstring>

namespace lathe::jinja {

void* Heap::Counted::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (bytes > left_) throw Fault("it takes too much memory");
  left_ -= bytes;
  return std::pmr::new_delete_resource()->allocate(bytes, alignment);
}

void Heap::Counted::do_deallocate(void* p, std::size_t bytes, std::size_t alignment) {
  std::pmr::new_delete_resource()->deallocate(p, bytes, alignment);
}

Value Heap::text(std::string_view s) {
  if (s.empty()) return Value::text({});
  work_on_bytes(s.size());
  char* const copy = static_cast<char*>(memory_.allocate(s.size(), 1));
  std::memcpy(copy, s.data(), s.size());
  return Value::text({copy, s.size()});
}

List* Heap::new_list(std::span<const Value> items) {
  work(1 + items.size());
  List* const list = make<List>(&memory_);
  list->items.assign(items.begin(), items.end());
  return list;
}

}  // namespace lathe::jinja
