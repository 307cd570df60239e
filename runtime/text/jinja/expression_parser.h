// The part of the parser that reads expressions.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/jinja/lexer.h"
#include "runtime/text/jinja/syntax.h"

namespace lathe::jinja {

class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, const std::string& where, Program& program)
      : tokens_(std::move(tokens)), where_(where), program_(program) {}

 protected:
  using Type = Expression::Type;

  // ---- tokens ----
  const Token& current() const { return tokens_[next_]; }
  const Token& look() const { return tokens_[std::min(next_ + 1, tokens_.size() - 1)]; }
  Token take() { return tokens_[next_ + 1 < tokens_.size() ? next_++ : next_]; }
  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_operator(std::string_view text) const {
    return is(TokenKind::kOperator) && current().text == text;
  }
  bool is_name(std::string_view text) const {
    return is(TokenKind::kName) && current().text == text;
  }
  bool accept_operator(std::string_view text);
  bool accept_name(std::string_view text);
  void expect_operator(std::string_view text);
  void expect_name(std::string_view text);
  Token expect(TokenKind kind, const char* what);
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_expected(std::string_view what) const;

  // Counts nesting while it lives.
  class Nested {
   public:
    explicit Nested(ExpressionParser& parser);
    ~Nested() { --parser_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    ExpressionParser& parser_;
  };

  // ---- expressions ----
  const Expression* parse_expression();
  const Expression* parse_or();  // without "a if b else c"
  // One expression, or several with commas: a tuple. `ends`: names that may follow.
  const Expression* parse_tuple(bool with_condition, std::initializer_list<std::string_view> ends,
                                bool empty_is_tuple = false);
  // Names, for sets and loops.
  const Expression* parse_target(std::initializer_list<std::string_view> ends);
  // name(arguments)|name...: the filters of a block, behind their first name.
  const Expression* parse_filters(const Expression* value);
  std::vector<Argument> parse_arguments();
  Expression* make(Type type, int line);

 private:
  const Expression* parse_and();
  const Expression* parse_not();
  const Expression* parse_comparison();
  const Expression* parse_sum();
  const Expression* parse_concat();
  const Expression* parse_product();
  const Expression* parse_power();
  const Expression* parse_unary(bool with_filters);
  const Expression* parse_primary();
  const Expression* parse_constant();
  const Expression* parse_list();
  const Expression* parse_dict();
  const Expression* parse_postfix(const Expression* value);
  const Expression* parse_attribute(const Expression* value);
  const Expression* parse_subscript(const Expression* value);
  const Expression* parse_call(const Expression* value);
  const Expression* parse_filter(const Expression* value);
  const Expression* parse_filters_and_tests(const Expression* value);
  const Expression* parse_test(const Expression* value);
  bool accept_comparison(Comparison* comparison);
  bool ends_tuple(std::initializer_list<std::string_view> ends) const;
  const Expression* binary(Type type, int line, const Expression* a, const Expression* b);

  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int depth_ = 0;

 protected:
  const std::string& where_;
  Program& program_;
  MacroExtras extras_;  // that were named since the macro began
};

}  // namespace lathe::jinja
