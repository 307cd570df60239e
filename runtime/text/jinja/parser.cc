#include "runtime/text/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/quote.h"
#include "runtime/text/jinja/expression_parser.h"

namespace lathe::jinja {
namespace {

using Names = std::initializer_list<std::string_view>;

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  void run() {
    program_.body = parse_body({}, "", 0);
    if (!is(TokenKind::kEnd)) fail_expected("the end of the template");
  }

 private:
  Statement* make_statement(Statement::Type type, int line) {
    return &program_.statements.emplace_back(Statement{.type = type, .line = line});
  }

  void end_tag() { expect(TokenKind::kBlockEnd, "'%}'"); }

  // Everything up to one of the tags `ends`, whose name is the current token then.
  Body parse_body(Names ends, std::string_view block, int block_line) {
    const Nested nested(*this);
    Body body;
    for (;;) {
      const int line = current().line;
      if (is(TokenKind::kText)) {
        Statement* const text = make_statement(Statement::Type::kText, line);
        text->text = take().text;
        body.push_back(text);
      } else if (is(TokenKind::kVariableBegin)) {
        take();
        Statement* const output = make_statement(Statement::Type::kOutput, line);
        output->value = parse_tuple(true, {});
        expect(TokenKind::kVariableEnd, "'}}'");
        body.push_back(output);
      } else if (is(TokenKind::kBlockBegin)) {
        take();
        if (is(TokenKind::kName) &&
            std::find(ends.begin(), ends.end(), current().text) != ends.end()) {
          return body;
        }
        body.push_back(parse_statement());
      } else {
        if (ends.size() == 0) return body;
        fail_at(
            where_, block_line,
            fmt::format("the block {{% {} %}} is not closed by {{% {} %}}", block, ends.end()[-1]));
      }
    }
  }

  const Statement* parse_statement() {
    const Token name = expect(TokenKind::kName, "the name of a block");
    const int line = name.line;
    if (name.text == "if") return parse_if(line);
    if (name.text == "for") return parse_for(line);
    if (name.text == "set") return parse_set(line);
    if (name.text == "macro") return parse_macro(line);
    if (name.text == "call") return parse_call_block(line);
    if (name.text == "filter") return parse_filter_block(line);
    if (name.text == "with") return parse_with(line);
    if (name.text == "generation") return parse_generation(line);
    if (name.text == "break") return parse_jump(Statement::Type::kBreak, line);
    if (name.text == "continue") return parse_jump(Statement::Type::kContinue, line);
    fail_at(where_, line, fmt::format("unexpected block {}", quoted(name.text, 40)));
  }

  const Statement* parse_if(int line) {
    Statement* const s = make_statement(Statement::Type::kIf, line);
    for (;;) {
      const Expression* const condition = parse_tuple(false, {});
      end_tag();
      s->branches.push_back({condition, parse_body({"elif", "else", "endif"}, "if", line)});
      const std::string end = take().text;
      if (end == "elif") continue;
      if (end == "else") {
        end_tag();
        s->otherwise = parse_body({"endif"}, "if", line);
        take();
      }
      end_tag();
      return s;
    }
  }

  const Statement* parse_for(int line) {
    Statement* const s = make_statement(Statement::Type::kFor, line);
    s->target = parse_target({"in"});
    expect_name("in");
    s->value = parse_tuple(false, {"recursive"});
    if (accept_name("if")) s->condition = parse_expression();
    s->recursive = accept_name("recursive");
    end_tag();
    ++n_loops_;
    s->body = parse_body({"else", "endfor"}, "for", line);
    --n_loops_;
    if (take().text == "else") {
      end_tag();
      s->otherwise = parse_body({"endfor"}, "for", line);
      take();
    }
    end_tag();
    return s;
  }

  const Statement* parse_set(int line) {
    Statement* const s = make_statement(Statement::Type::kSet, line);
    s->target = parse_set_target();
    if (accept_operator("=")) {
      s->value = parse_tuple(true, {});
      end_tag();
      return s;
    }
    s->type = Statement::Type::kSetBlock;
    if (accept_operator("|")) s->value = parse_filters(nullptr);
    end_tag();
    s->body = parse_body({"endset"}, "set", line);
    take();
    end_tag();
    return s;
  }

  const Expression* parse_set_target() {
    if (!is(TokenKind::kName) || look().text != "." || look().kind != TokenKind::kOperator) {
      return parse_target({});
    }
    Expression* const name = make(Type::kName, current().line);
    name->text = take().text;
    take();
    Expression* const target = make(Type::kAttribute, name->line);
    target->text = expect(TokenKind::kName, "the name of an attribute").text;
    target->parts = {name};
    return target;
  }

  std::vector<Parameter> parse_parameters() {
    std::vector<Parameter> parameters;
    expect_operator("(");
    while (!is_operator(")")) {
      const std::string name = expect(TokenKind::kName, "the name of a parameter").text;
      const Expression* const otherwise = accept_operator("=") ? parse_expression() : nullptr;
      parameters.push_back({name, otherwise});
      if (!accept_operator(",")) break;
    }
    expect_operator(")");
    return parameters;
  }

  // The body of a macro, and whatever else is called from elsewhere: no loop is around it.
  void parse_called_body(Statement& s, std::string_view end, std::string_view block) {
    const int n_loops = std::exchange(n_loops_, 0);
    const MacroExtras extras = std::exchange(extras_, {});
    s.body = parse_body({end}, block, s.line);
    s.extras = std::exchange(extras_, extras);
    n_loops_ = n_loops;
    take();
  }

  const Statement* parse_macro(int line) {
    Statement* const s = make_statement(Statement::Type::kMacro, line);
    s->text = expect(TokenKind::kName, "the name of the macro").text;
    s->parameters = parse_parameters();
    end_tag();
    parse_called_body(*s, "endmacro", "macro");
    if (is_name(s->text)) take();
    end_tag();
    return s;
  }

  const Statement* parse_call_block(int line) {
    Statement* const s = make_statement(Statement::Type::kCallBlock, line);
    s->text = "caller";
    if (is_operator("(")) s->parameters = parse_parameters();
    s->value = parse_expression();
    if (s->value->type != Type::kCall) fail_at(where_, line, "{% call %} needs a call of a macro");
    end_tag();
    parse_called_body(*s, "endcall", "call");
    end_tag();
    return s;
  }

  const Statement* parse_filter_block(int line) {
    Statement* const s = make_statement(Statement::Type::kFilterBlock, line);
    s->value = parse_filters(nullptr);
    end_tag();
    s->body = parse_body({"endfilter"}, "filter", line);
    take();
    end_tag();
    return s;
  }

  const Statement* parse_with(int line) {
    Statement* const s = make_statement(Statement::Type::kWith, line);
    while (!is(TokenKind::kBlockEnd)) {
      const Expression* const target = parse_target({});
      expect_operator("=");
      s->assignments.push_back({target, parse_expression()});
      if (!accept_operator(",")) break;
    }
    end_tag();
    s->body = parse_body({"endwith"}, "with", line);
    take();
    end_tag();
    return s;
  }

  // Hugging Face marks what the model writes, for training; it prints as it stands.
  const Statement* parse_generation(int line) {
    Statement* const s = make_statement(Statement::Type::kGroup, line);
    end_tag();
    s->body = parse_body({"endgeneration"}, "generation", line);
    take();
    end_tag();
    return s;
  }

  const Statement* parse_jump(Statement::Type type, int line) {
    if (n_loops_ == 0) fail_at(where_, line, "break or continue outside of a loop");
    end_tag();
    return make_statement(type, line);
  }

  int n_loops_ = 0;  // around what is read now
};

}  // namespace

Program parse(std::string_view source, const std::string& where) {
  Program program;
  Parser(tokenize(source, where), where, program).run();
  return program;
}

}  // namespace lathe::jinja
