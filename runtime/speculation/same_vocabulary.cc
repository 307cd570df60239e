#include "runtime/speculation/same_vocabulary.h"

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {

void require_same_vocabulary(const Tokenizer& model, const Tokenizer& draft,
                             const std::string& where) {
  const std::string expected = "; a draft needs the vocabulary of the model it drafts for";
  if (draft.n_vocab() != model.n_vocab()) {
    throw bad_input(where, "a vocabulary of " + std::to_string(draft.n_vocab()) +
                               " tokens, the model's has " + std::to_string(model.n_vocab()) +
                               expected);
  }
  for (Token t = 0; t < static_cast<Token>(model.n_vocab()); ++t) {
    const std::string piece = draft.piece(t, true), wanted = model.piece(t, true);
    if (piece != wanted || draft.type(t) != model.type(t)) {
      throw bad_input(where, "token " + std::to_string(t) + " is " + quoted(piece) +
                                 ", the model's is " + quoted(wanted) + expected);
    }
  }
}

}  // namespace lathe
