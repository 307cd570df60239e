#include "runtime/text/jinja/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "runtime/base/quote.h"
#include "runtime/text/jinja/builtins.h"

namespace lathe::jinja {
namespace {

constexpr int kMaxDepth = 100;

std::string describe(const Token& token) {
  return token.kind == TokenKind::kEnd ? "the end of the template" : quoted(token.text, 40);
}

}  // namespace

ExpressionParser::Nested::Nested(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxDepth) parser_.fail("it is nested too deeply");
}

void ExpressionParser::fail(const std::string& what) const {
  fail_at(where_, current().line, what);
}

void ExpressionParser::fail_expected(std::string_view what) const {
  fail(fmt::format("expected {}, found {}", what, describe(current())));
}

bool ExpressionParser::accept_operator(std::string_view text) {
  if (!is_operator(text)) return false;
  take();
  return true;
}

bool ExpressionParser::accept_name(std::string_view text) {
  if (!is_name(text)) return false;
  take();
  return true;
}

void ExpressionParser::expect_operator(std::string_view text) {
  if (!accept_operator(text)) fail_expected(fmt::format("'{}'", text));
}

void ExpressionParser::expect_name(std::string_view text) {
  if (!accept_name(text)) fail_expected(fmt::format("'{}'", text));
}

Token ExpressionParser::expect(TokenKind kind, const char* what) {
  if (!is(kind)) fail_expected(what);
  return take();
}

Expression* ExpressionParser::make(Type type, int line) {
  return &program_.expressions.emplace_back(Expression{.type = type, .line = line});
}

const Expression* ExpressionParser::binary(Type type, int line, const Expression* a,
                                           const Expression* b) {
  Expression* const e = make(type, line);
  e->parts = {a, b};
  return e;
}

const Expression* ExpressionParser::parse_expression() {
  const Nested nested(*this);
  const Expression* value = parse_or();
  while (is_name("if")) {
    Expression* const e = make(Type::kConditional, take().line);
    const Expression* const condition = parse_or();
    const Expression* const otherwise = accept_name("else") ? parse_expression() : nullptr;
    e->parts = {value, condition, otherwise};
    value = e;
  }
  return value;
}

const Expression* ExpressionParser::parse_or() {
  const Expression* left = parse_and();
  while (is_name("or")) {
    const int line = take().line;
    left = binary(Type::kOr, line, left, parse_and());
  }
  return left;
}

const Expression* ExpressionParser::parse_and() {
  const Expression* left = parse_not();
  while (is_name("and")) {
    const int line = take().line;
    left = binary(Type::kAnd, line, left, parse_not());
  }
  return left;
}

const Expression* ExpressionParser::parse_not() {
  if (!is_name("not")) return parse_comparison();
  const Nested nested(*this);
  Expression* const e = make(Type::kNot, take().line);
  e->parts = {parse_not()};
  return e;
}

bool ExpressionParser::accept_comparison(Comparison* comparison) {
  struct Entry {
    std::string_view text;
    Comparison comparison;
  };
  static constexpr Entry kEntries[] = {
      {"==", Comparison::kEqual},  {"!=", Comparison::kNotEqual},
      {"<", Comparison::kLess},    {"<=", Comparison::kLessEqual},
      {">", Comparison::kGreater}, {">=", Comparison::kGreaterEqual},
  };
  for (const Entry& entry : kEntries) {
    if (!accept_operator(entry.text)) continue;
    *comparison = entry.comparison;
    return true;
  }
  if (accept_name("in")) {
    *comparison = Comparison::kIn;
    return true;
  }
  if (is_name("not") && look().kind == TokenKind::kName && look().text == "in") {
    take();
    take();
    *comparison = Comparison::kNotIn;
    return true;
  }
  return false;
}

const Expression* ExpressionParser::parse_comparison() {
  const int line = current().line;
  const Expression* const first = parse_sum();
  Comparison comparison;
  if (!accept_comparison(&comparison)) return first;
  Expression* const e = make(Type::kComparison, line);
  e->parts = {first};
  do {
    e->comparisons.push_back(comparison);
    e->parts.push_back(parse_sum());
  } while (accept_comparison(&comparison));
  return e;
}

const Expression* ExpressionParser::parse_sum() {
  const Expression* left = parse_concat();
  while (is_operator("+") || is_operator("-")) {
    const Token op = take();
    Expression* const e = make(Type::kArithmetic, op.line);
    e->operation = op.text == "+" ? Operator::kAdd : Operator::kSub;
    e->parts = {left, parse_concat()};
    left = e;
  }
  return left;
}

const Expression* ExpressionParser::parse_concat() {
  const Expression* const first = parse_product();
  if (!is_operator("~")) return first;
  Expression* const e = make(Type::kConcat, current().line);
  e->parts = {first};
  while (accept_operator("~")) e->parts.push_back(parse_product());
  return e;
}

const Expression* ExpressionParser::parse_product() {
  const Expression* left = parse_power();
  while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
    const Token op = take();
    Expression* const e = make(Type::kArithmetic, op.line);
    e->operation = op.text == "*"    ? Operator::kMul
                   : op.text == "/"  ? Operator::kDiv
                   : op.text == "//" ? Operator::kFloorDiv
                                     : Operator::kMod;
    e->parts = {left, parse_power()};
    left = e;
  }
  return left;
}

const Expression* ExpressionParser::parse_power() {
  const Expression* left = parse_unary(true);
  while (is_operator("**")) {
    Expression* const e = make(Type::kArithmetic, take().line);
    e->operation = Operator::kPow;
    e->parts = {left, parse_unary(true)};
    left = e;
  }
  return left;
}

const Expression* ExpressionParser::parse_unary(bool with_filters) {
  const Nested nested(*this);
  const Expression* value = nullptr;
  if (is_operator("-") || is_operator("+")) {
    const Token sign = take();
    Expression* const e = make(sign.text == "-" ? Type::kNegative : Type::kPositive, sign.line);
    e->parts = {parse_unary(false)};
    value = e;
  } else {
    value = parse_primary();
  }
  value = parse_postfix(value);
  return with_filters ? parse_filters_and_tests(value) : value;
}

const Expression* ExpressionParser::parse_primary() {
  const Nested nested(*this);
  if (is_operator("(")) {
    take();
    const Expression* const inside = parse_tuple(true, {}, true);
    expect_operator(")");
    return inside;
  }
  if (is_operator("[")) return parse_list();
  if (is_operator("{")) return parse_dict();
  return parse_constant();
}

// Numbers, strings, true, false, none; and names.
const Expression* ExpressionParser::parse_constant() {
  const int line = current().line;
  Expression* const e = make(Type::kConstant, line);
  switch (current().kind) {
    case TokenKind::kName: {
      const std::string name = take().text;
      if (name == "true" || name == "True" || name == "false" || name == "False") {
        e->value = Value::boolean(name == "true" || name == "True");
      } else if (name == "none" || name == "None") {
        e->value = Value::none();
      } else {
        e->type = Type::kName;
        e->text = name;
        extras_.note(name);
      }
      return e;
    }
    case TokenKind::kString:
      while (is(TokenKind::kString)) e->text += take().text;
      e->value = Value::text(e->text);
      return e;
    case TokenKind::kInteger:
      errno = 0;
      e->value = Value::integer(std::strtoll(current().text.c_str(), nullptr, 10));
      if (errno != 0) fail("a whole number beyond 64 bits");
      take();
      return e;
    case TokenKind::kFloat:
      e->value = Value::real(std::strtod(take().text.c_str(), nullptr));
      return e;
    default:
      fail_expected("an expression");
  }
}

bool ExpressionParser::ends_tuple(std::initializer_list<std::string_view> ends) const {
  if (is(TokenKind::kVariableEnd) || is(TokenKind::kBlockEnd) || is_operator(")")) return true;
  return is(TokenKind::kName) && std::find(ends.begin(), ends.end(), current().text) != ends.end();
}

const Expression* ExpressionParser::parse_tuple(bool with_condition,
                                                std::initializer_list<std::string_view> ends,
                                                bool empty_is_tuple) {
  Expression* const tuple = make(Type::kTuple, current().line);
  bool has_comma = false;
  while (!ends_tuple(ends)) {
    tuple->parts.push_back(with_condition ? parse_expression() : parse_or());
    if (!accept_operator(",")) break;
    has_comma = true;
  }
  if (tuple->parts.empty() && !empty_is_tuple) fail_expected("an expression");
  return tuple->parts.size() == 1 && !has_comma ? tuple->parts[0] : tuple;
}

const Expression* ExpressionParser::parse_target(std::initializer_list<std::string_view> ends) {
  Expression* const tuple = make(Type::kTuple, current().line);
  bool has_comma = false;
  while (!ends_tuple(ends) && !is_operator("=")) {
    const Nested nested(*this);
    if (accept_operator("(")) {
      tuple->parts.push_back(parse_target({}));
      expect_operator(")");
    } else {
      Expression* const name = make(Type::kName, current().line);
      name->text = expect(TokenKind::kName, "a name").text;
      tuple->parts.push_back(name);
    }
    if (!accept_operator(",")) break;
    has_comma = true;
  }
  if (tuple->parts.empty()) fail_expected("a name");
  return tuple->parts.size() == 1 && !has_comma ? tuple->parts[0] : tuple;
}

const Expression* ExpressionParser::parse_list() {
  Expression* const list = make(Type::kList, take().line);
  while (!is_operator("]")) {
    list->parts.push_back(parse_expression());
    if (!accept_operator(",")) break;
  }
  expect_operator("]");
  return list;
}

const Expression* ExpressionParser::parse_dict() {
  Expression* const dict = make(Type::kDict, take().line);
  while (!is_operator("}")) {
    dict->parts.push_back(parse_expression());
    expect_operator(":");
    dict->parts.push_back(parse_expression());
    if (!accept_operator(",")) break;
  }
  expect_operator("}");
  return dict;
}

const Expression* ExpressionParser::parse_postfix(const Expression* value) {
  for (;;) {
    if (is_operator("."))
      value = parse_attribute(value);
    else if (is_operator("["))
      value = parse_subscript(value);
    else if (is_operator("("))
      value = parse_call(value);
    else
      return value;
  }
}

const Expression* ExpressionParser::parse_attribute(const Expression* value) {
  const int line = take().line;
  if (is(TokenKind::kInteger)) return binary(Type::kItem, line, value, parse_constant());
  Expression* const e = make(Type::kAttribute, line);
  e->text = expect(TokenKind::kName, "the name of an attribute").text;
  e->parts = {value};
  return e;
}

const Expression* ExpressionParser::parse_subscript(const Expression* value) {
  Expression* const e = make(Type::kItem, take().line);
  const Expression* bounds[3] = {};
  std::size_t n_colons = 0;
  while (!is_operator("]")) {
    if (accept_operator(":")) {
      if (++n_colons > 2) fail("a slice has two colons at most");
    } else if (bounds[n_colons] == nullptr) {
      bounds[n_colons] = parse_expression();
    } else {
      fail_expected("']'");
    }
  }
  take();
  if (n_colons == 0 && bounds[0] == nullptr) fail("expected an expression between [ and ]");
  e->parts = {value, bounds[0]};
  if (n_colons == 0) return e;
  e->type = Type::kSlice;
  e->parts = {value, bounds[0], bounds[1], bounds[2]};
  return e;
}

const Expression* ExpressionParser::parse_call(const Expression* value) {
  Expression* const e = make(Type::kCall, current().line);
  e->parts = {value};
  e->arguments = parse_arguments();
  return e;
}

std::vector<Argument> ExpressionParser::parse_arguments() {
  std::vector<Argument> arguments;
  expect_operator("(");
  while (!is_operator(")")) {
    Argument argument;
    if (accept_operator("*")) {
      argument.form = Argument::Form::kList;
    } else if (accept_operator("**")) {
      argument.form = Argument::Form::kDict;
    } else if (is(TokenKind::kName) && look().kind == TokenKind::kOperator && look().text == "=") {
      argument.form = Argument::Form::kNamed;
      argument.name = take().text;
      take();
    }
    const bool is_late = !arguments.empty() && argument.form == Argument::Form::kInOrder &&
                         arguments.back().form != Argument::Form::kInOrder;
    if (is_late) fail("an argument without a name behind one with a name");
    argument.value = parse_expression();
    arguments.push_back(std::move(argument));
    if (!accept_operator(",")) break;
  }
  expect_operator(")");
  return arguments;
}

const Expression* ExpressionParser::parse_filters_and_tests(const Expression* value) {
  for (;;) {
    if (accept_operator("|"))
      value = parse_filter(value);
    else if (is_name("is"))
      value = parse_test(value);
    else if (is_operator("("))
      value = parse_call(value);
    else
      return value;
  }
}

const Expression* ExpressionParser::parse_filters(const Expression* value) {
  value = parse_filter(value);
  while (accept_operator("|")) value = parse_filter(value);
  return value;
}

const Expression* ExpressionParser::parse_filter(const Expression* value) {
  Expression* const e = make(Type::kFilter, current().line);
  e->text = expect(TokenKind::kName, "the name of a filter").text;
  if (find_filter(e->text) == nullptr) {
    fail_at(where_, e->line, fmt::format("there is no filter {}", quoted(e->text)));
  }
  e->parts = {value};
  if (is_operator("(")) e->arguments = parse_arguments();
  return e;
}

const Expression* ExpressionParser::parse_test(const Expression* value) {
  Expression* const e = make(Type::kTest, take().line);
  const bool negated = accept_name("not");
  e->text = expect(TokenKind::kName, "the name of a test").text;
  if (find_test(e->text) == nullptr) {
    fail_at(where_, e->line, fmt::format("there is no test {}", quoted(e->text)));
  }
  e->parts = {value};
  const auto is_word = [&](std::initializer_list<std::string_view> words) {
    return is(TokenKind::kName) &&
           std::find(words.begin(), words.end(), current().text) != words.end();
  };
  if (is_operator("(")) {
    e->arguments = parse_arguments();
  } else if (is_name("is")) {
    fail("tests cannot be chained with 'is'");
  } else if (!is_word({"else", "or", "and", "if", "not", "in"}) &&
             (is(TokenKind::kName) || is(TokenKind::kString) || is(TokenKind::kInteger) ||
              is(TokenKind::kFloat) || is_operator("[") || is_operator("{"))) {
    Argument argument;
    argument.value = parse_postfix(parse_primary());
    e->arguments.push_back(std::move(argument));
  }
  if (!negated) return e;
  Expression* const negation = make(Type::kNot, e->line);
  negation->parts = {e};
  return negation;
}

}  // namespace lathe::jinja
