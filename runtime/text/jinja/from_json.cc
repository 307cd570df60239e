#include "runtime/text/jinja/from_json.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace lathe::jinja {

Value value_of_json(Heap& heap, const nlohmann::ordered_json& json, int depth) {
  using Type = nlohmann::ordered_json::value_t;
  if (depth > kMaxDepthOfData) throw Fault("the data are nested too deeply");
  heap.work(1);
  switch (json.type()) {
    case Type::boolean:
      return Value::boolean(json.get<bool>());
    case Type::number_integer:
      return Value::integer(json.get<std::int64_t>());
    case Type::number_unsigned: {
      const auto n = json.get<std::uint64_t>();
      if (n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw Fault("a whole number beyond 64 bits");
      }
      return Value::integer(static_cast<std::int64_t>(n));
    }
    case Type::number_float:
      return Value::real(json.get<double>());
    case Type::string:
      return heap.text(json.get_ref<const std::string&>());
    case Type::array: {
      List* const list = heap.new_list();
      for (const auto& item : json) list->items.push_back(value_of_json(heap, item, depth + 1));
      return Value::list(list);
    }
    case Type::object: {
      Dict* const dict = heap.new_dict();
      for (const auto& [key, value] : json.items()) {
        dict->entries.emplace_back(heap.text(key), value_of_json(heap, value, depth + 1));
      }
      return Value::dict(dict);
    }
    default:
      return Value::none();
  }
}

}  // namespace lathe::jinja
