#include "runtime/text/jinja/evaluator.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/text/jinja/builtins.h"
#include "runtime/text/jinja/from_json.h"
#include "runtime/text/jinja/loop.h"
#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"

namespace lathe::jinja {
namespace {

std::string describe(const Expression& e) {
  using Type = Expression::Type;
  switch (e.type) {
    case Type::kName:
      return fmt::format("the name '{}'", e.text);
    case Type::kAttribute:
      return fmt::format("the attribute '{}'", e.text);
    case Type::kItem:
      return "the item [...]";
    case Type::kSlice:
      return "the slice [:]";
    case Type::kCall: {
      const Expression& called = *e.parts[0];
      return called.text.empty() ? "a call" : fmt::format("the call {}()", called.text);
    }
    case Type::kFilter:
      return fmt::format("the filter '{}'", e.text);
    case Type::kTest:
      return fmt::format("the test '{}'", e.text);
    case Type::kArithmetic: {
      static constexpr std::string_view kNames[] = {"+", "-", "*", "/", "//", "%", "**"};
      return fmt::format("the operator {}", kNames[static_cast<std::size_t>(e.operation)]);
    }
    case Type::kComparison:
      return "a comparison";
    default:
      return "an expression";
  }
}

std::string_view describe(const Statement& s) {
  static constexpr std::string_view kNames[] = {
      "the text",         "{{ }}",       "{% if %}",      "{% for %}",    "{% set %}",
      "{% set %}",        "{% macro %}", "{% call %}",    "{% filter %}", "{% with %}",
      "{% generation %}", "{% break %}", "{% continue %}"};
  return kNames[static_cast<std::size_t>(s.type)];
}

}  // namespace

// Counts nesting while it lives.
class Evaluator::Deeper {
 public:
  explicit Deeper(Evaluator& evaluator) : evaluator_(evaluator) {
    if (evaluator_.depth_ >= evaluator_.heap_.limits().depth) {
      throw Fault("it calls itself, or is nested, too deeply");
    }
    ++evaluator_.depth_;
  }
  ~Deeper() { --evaluator_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  Evaluator& evaluator_;
};

std::string Evaluator::run(const Program& program, const nlohmann::ordered_json& context) {
  std::string text;
  out_ = &text;
  Scope& scope = new_scope(nullptr);
  const Value variables = value_of_json(heap_, context);
  for (const auto& [name, value] : variables.as_dict().entries) {
    set(scope, name.as_text(), value);
  }
  run_body(program.body, new_scope(&scope));
  return text;
}

std::string Evaluator::place() const {
  if (expression_ != nullptr) {
    return fmt::format("line {}, in {}", expression_->line, describe(*expression_));
  }
  if (statement_ == nullptr) return "the variables";
  return fmt::format("line {}, in {}", statement_->line, describe(*statement_));
}

Scope& Evaluator::new_scope(Scope* parent) { return *heap_.make<Scope>(parent, heap_.memory()); }

void Evaluator::set(Scope& scope, std::string_view name, const Value& value) {
  heap_.work(1 + scope.names.size() / 8);
  for (auto& entry : scope.names) {
    if (entry.first != name) continue;
    entry.second = value;
    return;
  }
  scope.names.emplace_back(name, value);
}

// ---- statements ----

void Evaluator::print(std::string_view text) {
  heap_.work_on_bytes(text.size());
  if (text.size() > heap_.limits().output_bytes - out_->size()) {
    throw Fault("the text grows too long");
  }
  *out_ += text;
}

Evaluator::Flow Evaluator::run_body(const Body& body, Scope& scope) {
  const Deeper deeper(*this);
  for (const Statement* statement : body) {
    heap_.work(1);
    statement_ = statement;
    expression_ = nullptr;
    const Flow flow = run_statement(*statement, scope);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::run_statement(const Statement& s, Scope& scope) {
  using Type = Statement::Type;
  switch (s.type) {
    case Type::kText:
      print(s.text);
      return Flow::kNext;
    case Type::kOutput:
      print(str_of(heap_, eval(*s.value, scope)));
      return Flow::kNext;
    case Type::kIf:
      return run_if(s, scope);
    case Type::kFor:
      run_for(s, scope, eval(*s.value, scope), 0);
      return Flow::kNext;
    case Type::kSet:
      assign(*s.target, eval(*s.value, scope), scope);
      return Flow::kNext;
    case Type::kSetBlock:
    case Type::kFilterBlock: {
      const Value text = text_of_body(s.body, new_scope(&scope));
      const Value value = s.value != nullptr ? filtered(*s.value, scope, &text) : text;
      if (s.type == Type::kSetBlock)
        assign(*s.target, value, scope);
      else
        print(str_of(heap_, value));
      return Flow::kNext;
    }
    case Type::kMacro:
      set(scope, s.text, macro_value(s, scope));
      return Flow::kNext;
    case Type::kCallBlock:
      run_call_block(s, scope);
      return Flow::kNext;
    case Type::kWith:
      run_with(s, scope);
      return Flow::kNext;
    case Type::kGroup:
      return run_body(s.body, scope);
    case Type::kBreak:
      return Flow::kBreak;
    case Type::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::run_if(const Statement& s, Scope& scope) {
  for (const Statement::Branch& branch : s.branches) {
    if (truth(eval(*branch.condition, scope))) return run_body(branch.body, scope);
  }
  return run_body(s.otherwise, scope);
}

// Those for which the condition of the loop holds.
std::span<const Value> Evaluator::wanted_items(const Statement& s, Scope& scope,
                                               const Value& sequence) {
  const std::span<const Value> all = items_of(heap_, sequence);
  if (s.condition == nullptr) return all;
  List* const wanted = heap_.new_list();
  for (const Value& item : all) {
    Scope& inner = new_scope(&scope);
    assign(*s.target, item, inner);
    if (truth(eval(*s.condition, inner))) wanted->items.push_back(item);
  }
  return wanted->items;
}

void Evaluator::run_for(const Statement& s, Scope& scope, const Value& sequence, int depth) {
  expression_ = s.value;
  Loop* const loop = heap_.make<Loop>(Loop{
      .items = wanted_items(s, scope, sequence), .depth = depth, .block = &s, .scope = &scope});
  for (loop->index = 0; loop->index < loop->items.size(); ++loop->index) {
    heap_.work(1);
    statement_ = &s;
    expression_ = nullptr;
    Scope& inner = new_scope(&scope);
    assign(*s.target, loop->items[loop->index], inner);
    set(inner, "loop", Value::loop(loop));
    if (run_body(s.body, inner) == Flow::kBreak) break;
  }
  if (loop->items.empty()) run_body(s.otherwise, new_scope(&scope));
}

void Evaluator::run_call_block(const Statement& s, Scope& scope) {
  const Value function = eval(*s.value->parts[0], scope);
  Arguments arguments = arguments_of(*s.value, scope);
  arguments.named.emplace_back("caller", macro_value(s, scope));
  print(str_of(heap_, call(function, arguments)));
}

void Evaluator::run_with(const Statement& s, Scope& scope) {
  Scope& inner = new_scope(&scope);
  for (const Statement::Assignment& a : s.assignments) {
    assign(*a.target, eval(*a.value, scope), inner);
  }
  run_body(s.body, inner);
}

Value Evaluator::text_of_body(const Body& body, Scope& scope) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  run_body(body, scope);
  out_ = outer;
  return heap_.text(text);
}

void Evaluator::assign(const Expression& target, const Value& value, Scope& scope) {
  if (target.type == Expression::Type::kName) {
    set(scope, target.text, value);
    return;
  }
  expression_ = &target;
  if (target.type == Expression::Type::kAttribute) {
    const Value owner = eval(*target.parts[0], scope);
    if (owner.kind() != Kind::kNamespace) {
      throw Fault("only attributes of a namespace can be set");
    }
    set_entry(heap_, owner.as_dict(), Value::text(target.text), value);
    return;
  }
  const std::span<const Value> items = items_of(heap_, value);
  if (items.size() != target.parts.size()) {
    throw Fault(fmt::format("{} values for {} names", items.size(), target.parts.size()));
  }
  for (std::size_t i = 0; i < items.size(); ++i) assign(*target.parts[i], items[i], scope);
}

// ---- expressions ----

Value Evaluator::eval(const Expression& e, Scope& scope) {
  const Deeper deeper(*this);
  heap_.work(1);
  const Expression* const outer = std::exchange(expression_, &e);
  const Value value = eval_inner(e, scope);
  expression_ = outer;
  return value;
}

Value Evaluator::eval_inner(const Expression& e, Scope& scope) {
  using Type = Expression::Type;
  const auto part = [&](std::size_t i) { return eval(*e.parts[i], scope); };
  switch (e.type) {
    case Type::kConstant:
      return e.value;
    case Type::kName:
      return value_of_name(e.text, scope);
    case Type::kTuple:
    case Type::kList: {
      List* const list = heap_.new_list();
      for (const Expression* item : e.parts) list->items.push_back(eval(*item, scope));
      return Value::list(list, e.type == Type::kList ? Kind::kList : Kind::kTuple);
    }
    case Type::kDict:
      return eval_dict(e, scope);
    case Type::kAttribute:
      return attribute(heap_, part(0), e.text);
    case Type::kItem: {
      const Value owner = part(0);
      return item(heap_, owner, part(1));
    }
    case Type::kSlice:
      return eval_slice(e, scope);
    case Type::kCall: {
      const Value function = part(0);
      return call(function, arguments_of(e, scope));
    }
    case Type::kFilter:
      return filtered(e, scope, nullptr);
    case Type::kTest: {
      const Value value = part(0);
      return Value::boolean(find_test(e.text)(*this, value, arguments_of(e, scope)));
    }
    case Type::kNot:
      return Value::boolean(!truth(part(0)));
    case Type::kNegative:
      return negated(part(0));
    case Type::kPositive:
      return negated(negated(part(0)));
    case Type::kArithmetic: {
      const Value a = part(0);
      return arithmetic(heap_, e.operation, a, part(1));
    }
    case Type::kComparison:
      return eval_comparison(e, scope);
    case Type::kAnd: {
      const Value a = part(0);
      return truth(a) ? part(1) : a;
    }
    case Type::kOr: {
      const Value a = part(0);
      return truth(a) ? a : part(1);
    }
    case Type::kConcat:
      return eval_concat(e, scope);
    case Type::kConditional:
      if (truth(part(1))) return part(0);
      if (e.parts[2] != nullptr) return part(2);
      return Value::undefined("an if without else, whose condition does not hold, has no value");
  }
  return {};
}

Value Evaluator::eval_dict(const Expression& e, Scope& scope) {
  Dict* const dict = heap_.new_dict();
  for (std::size_t i = 0; i < e.parts.size(); i += 2) {
    const Value key = eval(*e.parts[i], scope);
    set_entry(heap_, *dict, key, eval(*e.parts[i + 1], scope));
  }
  return Value::dict(dict);
}

Value Evaluator::eval_slice(const Expression& e, Scope& scope) {
  const auto part = [&](std::size_t i) {
    return e.parts[i] != nullptr ? eval(*e.parts[i], scope) : Value::none();
  };
  const Value value = part(0), begin = part(1), end = part(2);
  return slice(heap_, value, begin, end, part(3));
}

// a < b < c: each pair must hold; later parts are not looked at once one does not.
Value Evaluator::eval_comparison(const Expression& e, Scope& scope) {
  Value left = eval(*e.parts[0], scope);
  for (std::size_t i = 0; i < e.comparisons.size(); ++i) {
    const Value right = eval(*e.parts[i + 1], scope);
    if (!compare(heap_, e.comparisons[i], left, right)) return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

Value Evaluator::eval_concat(const Expression& e, Scope& scope) {
  std::string text;
  for (const Expression* part : e.parts) append_str(heap_, eval(*part, scope), text);
  return heap_.text(text);
}

Value Evaluator::filtered(const Expression& e, Scope& scope, const Value* block_text) {
  const Deeper deeper(*this);
  // The innermost filter of a block has no value of its own: the block's text is.
  const Value value = e.parts[0] == nullptr   ? *block_text
                      : block_text != nullptr ? filtered(*e.parts[0], scope, block_text)
                                              : eval(*e.parts[0], scope);
  const Arguments arguments = arguments_of(e, scope);
  expression_ = &e;
  return find_filter(e.text)(*this, value, arguments);
}

Value Evaluator::value_of_name(std::string_view name, Scope& scope) {
  for (const Scope* s = &scope; s != nullptr; s = s->parent) {
    heap_.work(s->names.size() / 8);
    for (const auto& entry : s->names) {
      if (entry.first == name) return entry.second;
    }
  }
  if (const Native native = find_function(name)) {
    return Value::function(heap_.make<Function>(Function{name, native}));
  }
  return Value::undefined(heap_.text(fmt::format("'{}' is undefined", name)).as_text());
}

Arguments Evaluator::arguments_of(const Expression& e, Scope& scope) {
  Arguments arguments;
  for (const Argument& argument : e.arguments) {
    const Value value = eval(*argument.value, scope);
    switch (argument.form) {
      case Argument::Form::kInOrder:
        arguments.positional.push_back(value);
        break;
      case Argument::Form::kNamed:
        arguments.named.emplace_back(argument.name, value);
        break;
      case Argument::Form::kList:
        for (const Value& item : items_of(heap_, value)) {
          heap_.work(1);
          arguments.positional.push_back(item);
        }
        break;
      case Argument::Form::kDict:
        if (!value.is_dict()) throw Fault("behind ** stands a dict");
        for (const auto& [key, item] : value.as_dict().entries) {
          if (!key.is_string()) throw Fault("the names of arguments are strings");
          heap_.work(1);
          arguments.named.emplace_back(key.as_text(), item);
        }
        break;
    }
  }
  return arguments;
}

Value Evaluator::call(const Value& function, const Arguments& arguments) {
  const Deeper deeper(*this);
  require_defined(function);
  if (function.kind() == Kind::kLoop) {
    Loop& loop = function.as_loop();
    if (!loop.block->recursive) throw Fault("the loop is not marked as recursive");
    const Value sequence = NamedArguments(arguments, {"iterable"}).require("iterable");
    std::string text;
    std::string* const outer = std::exchange(out_, &text);
    run_for(*loop.block, *loop.scope, sequence, loop.depth + 1);
    out_ = outer;
    return heap_.text(text);
  }
  if (function.kind() != Kind::kFunction) {
    throw Fault(fmt::format("a {} cannot be called", type_name(function)));
  }
  const Function& f = function.as_function();
  return f.macro != nullptr ? call_macro(f, arguments) : f.native(*this, f.self, arguments);
}

Value Evaluator::macro_value(const Statement& macro, Scope& scope) {
  return Value::function(
      heap_.make<Function>(Function{.name = macro.text, .macro = &macro, .scope = &scope}));
}

Value Evaluator::call_macro(const Function& function, const Arguments& arguments) {
  const Expression* const outer = expression_;
  const Statement* const outer_statement = statement_;
  Scope& scope = new_scope(function.scope);
  bind(*function.macro, arguments, scope);
  const Value text = text_of_body(function.macro->body, scope);
  expression_ = outer;
  statement_ = outer_statement;
  return text;
}

// Parameters, then what is left over: varargs, kwargs, caller.
void Evaluator::bind(const Statement& macro, const Arguments& arguments, Scope& scope) {
  const auto& parameters = macro.parameters;
  const auto& given = arguments.positional;
  Dict* const others = heap_.new_dict();
  std::vector<const Value*> named(parameters.size());
  for (const auto& [name, value] : arguments.named) {
    if (name == "caller" && macro.extras.caller) {
      set(scope, "caller", value);
      continue;
    }
    std::size_t i = 0;
    while (i < parameters.size() && parameters[i].name != name) ++i;
    heap_.work(1 + i / 8);
    if (i < parameters.size())
      named[i] = &value;
    else if (macro.extras.kwargs)
      set_entry(heap_, *others, Value::text(name), value);
    else
      throw Fault(fmt::format("the macro '{}' has no parameter '{}'", macro.text, name));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (i < given.size() && named[i] != nullptr) {
      throw Fault(fmt::format("the argument '{}' is given twice", parameter.name));
    }
    Value value = Value::undefined(
        heap_.text(fmt::format("parameter '{}' was not provided", parameter.name)).as_text());
    if (i < given.size())
      value = given[i];
    else if (named[i] != nullptr)
      value = *named[i];
    else if (parameter.otherwise != nullptr)
      value = eval(*parameter.otherwise, scope);
    set(scope, parameter.name, value);
  }
  if (given.size() > parameters.size() && !macro.extras.varargs) {
    throw Fault(fmt::format("the macro '{}' takes {} arguments at most, {} are given", macro.text,
                            parameters.size(), given.size()));
  }
  const std::size_t n_used = std::min(given.size(), parameters.size());
  set(scope, "varargs", heap_.list(std::span(given).subspan(n_used), Kind::kTuple));
  set(scope, "kwargs", Value::dict(others));
}

}  // namespace lathe::jinja
