// The tree of a template. Nodes are owned by the Program and never change after parsing.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/value.h"

namespace lathe::jinja {

struct Expression;

// An argument of a call: f(a, name=a, *a, **a).
struct Argument {
  enum class Form : std::uint8_t { kInOrder, kNamed, kList, kDict };
  Form form = Form::kInOrder;
  std::string name{};
  const Expression* value = nullptr;
};

struct Expression {
  enum class Type : std::uint8_t {
    kConstant,     // value, or text
    kName,         // text
    kTuple,        // parts
    kList,         // parts
    kDict,         // parts: key, value, key, value
    kAttribute,    // parts[0].text
    kItem,         // parts[0][parts[1]]
    kSlice,        // parts[0][parts[1]:parts[2]:parts[3]], each of the last three may be null
    kCall,         // parts[0](arguments)
    kFilter,       // parts[0]|text(arguments); null: the text of a block
    kTest,         // parts[0] is text(arguments)
    kNot,          // parts[0]
    kNegative,     // parts[0]
    kPositive,     // parts[0]
    kArithmetic,   // parts[0] operation parts[1]
    kComparison,   // parts[0] comparisons[0] parts[1] comparisons[1] parts[2] ...
    kAnd,          // parts[0], parts[1]
    kOr,           // parts[0], parts[1]
    kConcat,       // parts
    kConditional,  // parts[0] if parts[1] else parts[2], which may be null
  };

  Type type;
  int line;
  std::string text{};
  Value value{};
  std::vector<const Expression*> parts{};
  std::vector<Argument> arguments{};
  std::vector<Comparison> comparisons{};
  Operator operation = Operator::kAdd;
};

struct Statement;
using Body = std::vector<const Statement*>;

struct Parameter {
  std::string name;
  const Expression* otherwise;  // null: none
};

// What a macro takes beside its parameters: only what its body names.
struct MacroExtras {
  bool varargs = false, kwargs = false, caller = false;

  void note(const std::string& name) {
    varargs = varargs || name == "varargs";
    kwargs = kwargs || name == "kwargs";
    caller = caller || name == "caller";
  }
};

struct Statement {
  enum class Type : std::uint8_t {
    kText,         // text
    kOutput,       // value
    kIf,           // branches, else body
    kFor,          // target in value if condition; body, else otherwise
    kSet,          // target = value
    kSetBlock,     // target = the text of the body, through the filter `value` where there is one
    kMacro,        // text(parameters): body
    kCallBlock,    // value is the call, with the body as its caller(parameters)
    kFilterBlock,  // the text of the body through the filter `value`
    kWith,         // assignments, body
    kGroup,        // body, as it stands: {% generation %}
    kBreak,
    kContinue,
  };
  struct Branch {
    const Expression* condition;
    Body body;
  };
  struct Assignment {
    const Expression* target;
    const Expression* value;
  };

  Type type;
  int line;
  std::string text{};
  // A name, a tuple of targets, or an attribute of a namespace.
  const Expression* target = nullptr;
  const Expression* value = nullptr;
  const Expression* condition = nullptr;
  bool recursive = false;
  MacroExtras extras{};
  Body body{}, otherwise{};
  std::vector<Branch> branches{};
  std::vector<Parameter> parameters{};
  std::vector<Assignment> assignments{};
};

struct Program {
  Body body;
  // Addresses stay.
  std::deque<Expression> expressions;
  std::deque<Statement> statements;
};

}  // namespace lathe::jinja
