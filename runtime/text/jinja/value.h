// The values of a template: what Python's objects are to Jinja2.
//
// Values are small and copied freely. What they point at belongs to the Heap of one rendering and
// lives as long as that, so cycles and deep nesting cost nothing when it ends. Lists and dicts are
// never changed once they are made, as in Jinja2's immutable sandbox; only a namespace is.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe::jinja {

enum class Kind : std::uint8_t {
  kUndefined,  // a name or attribute that is not there; its text says which
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kGenerator,  // can be walked through once, always true, has no length
  kDict,
  kNamespace,
  kFunction,
  kLoop,
};

struct List;
struct Dict;
struct Function;
struct Loop;

class Value {
 public:
  Value() noexcept : Value(Kind::kUndefined) { text_ = {}; }
  static Value undefined(std::string_view why) noexcept { return {Kind::kUndefined, why}; }
  static Value none() noexcept { return Value(Kind::kNone); }
  static Value boolean(bool b) noexcept {
    Value v(Kind::kBool);
    v.int_ = b ? 1 : 0;
    return v;
  }
  static Value integer(std::int64_t i) noexcept {
    Value v(Kind::kInt);
    v.int_ = i;
    return v;
  }
  static Value real(double d) noexcept {
    Value v(Kind::kFloat);
    v.float_ = d;
    return v;
  }
  static Value text(std::string_view s) noexcept { return {Kind::kString, s}; }
  static Value list(List* l, Kind kind = Kind::kList) noexcept {
    Value v(kind);
    v.list_ = l;
    return v;
  }
  static Value dict(Dict* d, Kind kind = Kind::kDict) noexcept {
    Value v(kind);
    v.dict_ = d;
    return v;
  }
  static Value function(Function* f) noexcept {
    Value v(Kind::kFunction);
    v.function_ = f;
    return v;
  }
  static Value loop(Loop* l) noexcept {
    Value v(Kind::kLoop);
    v.loop_ = l;
    return v;
  }

  Kind kind() const noexcept { return kind_; }
  bool is_undefined() const noexcept { return kind_ == Kind::kUndefined; }
  bool is_none() const noexcept { return kind_ == Kind::kNone; }
  bool is_string() const noexcept { return kind_ == Kind::kString; }
  bool is_dict() const noexcept { return kind_ == Kind::kDict; }
  bool is_whole() const noexcept { return kind_ == Kind::kInt || kind_ == Kind::kBool; }
  bool is_number() const noexcept { return is_whole() || kind_ == Kind::kFloat; }
  bool is_sequence() const noexcept { return kind_ == Kind::kList || kind_ == Kind::kTuple; }

  // Each for the kinds that have it.
  std::int64_t as_int() const noexcept { return int_; }  // also of a bool
  double as_real() const noexcept {                      // of any number
    return kind_ == Kind::kFloat ? float_ : static_cast<double>(int_);
  }
  std::string_view as_text() const noexcept { return text_; }
  List& as_list() const noexcept { return *list_; }
  Dict& as_dict() const noexcept { return *dict_; }  // also of a namespace
  const Function& as_function() const noexcept { return *function_; }
  Loop& as_loop() const noexcept { return *loop_; }
  // Two values that are one object.
  bool is_same(const Value& other) const noexcept;

 private:
  explicit Value(Kind kind) noexcept : kind_(kind), int_(0) {}
  Value(Kind kind, std::string_view text) noexcept : kind_(kind), text_(text) {}

  Kind kind_;
  union {
    std::int64_t int_;
    double float_;
    std::string_view text_;
    List* list_;
    Dict* dict_;
    Function* function_;
    Loop* loop_;
  };
};

struct List {
  explicit List(std::pmr::memory_resource* memory) : items(memory) {}
  std::pmr::vector<Value> items;
  bool used = false;  // a generator that was walked through
};

// Entries in the order in which they came.
struct Dict {
  explicit Dict(std::pmr::memory_resource* memory) : entries(memory) {}
  std::pmr::vector<std::pair<Value, Value>> entries;
};

// What Jinja2's messages call the type: "str", "dict", "list".
std::string_view type_name(const Value& value) noexcept;

}  // namespace lathe::jinja
