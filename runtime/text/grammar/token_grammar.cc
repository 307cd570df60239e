#include "runtime/text/grammar/token_grammar.h"

#include <utility>

#include "runtime/text/grammar/json_schema.h"
#include "runtime/text/grammar/mask_table.h"
#include "runtime/text/grammar/program.h"
#include "runtime/text/grammar/syntax.h"

namespace lathe {

using grammar::MaskTable;
using grammar::Syntax;
using grammar::TextStates;

Grammar::Grammar(std::shared_ptr<const grammar::Program> program) : program_(std::move(program)) {}

Grammar Grammar::from_gbnf(std::string_view text, const std::string& where) {
  const Syntax syntax = grammar::parse_gbnf(text, where);
  grammar::check_syntax(syntax);
  return Grammar(grammar::compile(syntax));
}

Grammar Grammar::from_json_schema(std::string_view text, const std::string& where) {
  return from_gbnf(grammar::gbnf_of_json_schema(text, where), where);
}

GrammarState::GrammarState(std::shared_ptr<MaskTable> table)
    : table_(std::move(table)), states_(table_->states()), state_(states_->automaton.start()) {}

const TokenMask& GrammarState::allowed() {
  if (mask_ == nullptr) {
    renew();
    mask_ = table_->mask(*states_, state_);
  }
  return *mask_;
}

bool GrammarState::accept(Token token) {
  if (table_->is_end_token(token)) return may_end();
  renew();
  const grammar::StateId next = table_->after(*states_, state_, token);
  if (next == grammar::kDead) return false;
  state_ = next;
  mask_ = nullptr;
  return true;
}

// When there are too many states they are left to those who still hold them.
void GrammarState::renew() {
  if (!states_->automaton.is_full()) return;
  std::shared_ptr<TextStates> fresh = table_->states();
  state_ = fresh->automaton.copy(states_->automaton, state_);
  states_ = std::move(fresh);
}

bool GrammarState::may_end() const noexcept { return states_->automaton.may_end(state_); }

bool GrammarState::is_complete() const noexcept {
  return may_end() && states_->automaton.configs(state_).empty();
}

TokenGrammar::TokenGrammar(const Grammar& grammar, const Tokenizer& tokenizer)
    : table_(std::make_shared<MaskTable>(grammar.program(), tokenizer)) {}

GrammarState TokenGrammar::start() const { return GrammarState(table_); }

const std::string& TokenGrammar::name() const noexcept { return table_->program().where; }

}  // namespace lathe
