// Walks the tree of a template and makes its text.
#pragma once

#include <ctime>
#include <deque>
#include <memory_resource>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/text/jinja/heap.h"
#include "runtime/text/jinja/runtime.h"
#include "runtime/text/jinja/syntax.h"

namespace lathe::jinja {

// Names that were set in one block. A for, a macro, a with have their own; an if has not.
struct Scope {
  Scope(Scope* outer, std::pmr::memory_resource* memory) : parent(outer), names(memory) {}
  Scope* parent;
  std::pmr::vector<std::pair<std::string_view, Value>> names;
};

class Evaluator : public Runtime {
 public:
  Evaluator(const Limits& limits, std::time_t now) : heap_(limits), now_(now) {}

  // Fault for what goes wrong; place() then says where.
  std::string run(const Program& program, const nlohmann::ordered_json& context);
  // "line 3, in the filter 'join'".
  std::string place() const;

  Heap& heap() noexcept override { return heap_; }
  std::time_t now() const noexcept override { return now_; }
  Value call(const Value& function, const Arguments& arguments) override;

 private:
  enum class Flow { kNext, kBreak, kContinue };
  class Deeper;

  // ---- statements ----
  Flow run_body(const Body& body, Scope& scope);
  Flow run_statement(const Statement& s, Scope& scope);
  Flow run_if(const Statement& s, Scope& scope);
  void run_for(const Statement& s, Scope& scope, const Value& sequence, int depth);
  void run_call_block(const Statement& s, Scope& scope);
  void run_with(const Statement& s, Scope& scope);
  std::span<const Value> wanted_items(const Statement& s, Scope& scope, const Value& sequence);
  void assign(const Expression& target, const Value& value, Scope& scope);
  void print(std::string_view text);
  Value text_of_body(const Body& body, Scope& scope);

  // ---- expressions ----
  Value eval(const Expression& e, Scope& scope);
  Value eval_inner(const Expression& e, Scope& scope);
  Value eval_dict(const Expression& e, Scope& scope);
  Value eval_slice(const Expression& e, Scope& scope);
  Value eval_comparison(const Expression& e, Scope& scope);
  Value eval_concat(const Expression& e, Scope& scope);
  Value filtered(const Expression& e, Scope& scope, const Value* block_text);
  Value value_of_name(std::string_view name, Scope& scope);
  Arguments arguments_of(const Expression& e, Scope& scope);
  Value call_macro(const Function& function, const Arguments& arguments);
  void bind(const Statement& macro, const Arguments& arguments, Scope& scope);

  Scope& new_scope(Scope* parent);
  void set(Scope& scope, std::string_view name, const Value& value);
  Value macro_value(const Statement& macro, Scope& scope);

  Heap heap_;
  const std::time_t now_;
  std::string* out_ = nullptr;
  int depth_ = 0;
  const Expression* expression_ = nullptr;  // the innermost expression,
  const Statement* statement_ = nullptr;    // and block
};

}  // namespace lathe::jinja
