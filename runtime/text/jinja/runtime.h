// What functions, filters and tests see of a running template.
#pragma once

#include <ctime>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/text/jinja/heap.h"
#include "runtime/text/jinja/value.h"

namespace lathe::jinja {

struct Arguments {
  std::vector<Value> positional{};
  std::vector<std::pair<std::string_view, Value>> named{};
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual Heap& heap() noexcept = 0;
  virtual Value call(const Value& function, const Arguments& arguments) = 0;
  virtual std::time_t now() const noexcept = 0;
};

// `self` is what a method belongs to, or what a function was made with.
using Native = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

struct Statement;
struct Scope;

struct Function {
  std::string_view name;
  Native native = nullptr;
  Value self{};
  const Statement* macro = nullptr;  // or a macro (or the body of a call block), and where
  Scope* scope = nullptr;            // it was defined
};

// Arguments by name: those given in order get `names` in order. Fault for too many, unknown ones,
// or one given twice.
class NamedArguments {
 public:
  NamedArguments(const Arguments& given, std::initializer_list<std::string_view> names);

  const Value* find(std::string_view name) const noexcept;  // null where it was not given
  Value get(std::string_view name, const Value& otherwise) const;
  Value require(std::string_view name) const;
  // Fault where it is of another type.
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  std::string_view text(std::string_view name, std::string_view otherwise) const;
  bool flag(std::string_view name, bool otherwise) const;  // by its truth

 private:
  std::vector<std::pair<std::string_view, Value>> values_;
};

}  // namespace lathe::jinja
