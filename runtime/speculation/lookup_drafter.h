// Guesses that a text goes on as it did before (prompt look-up decoding: Saxena 2023; the same idea
// as LLMA, Yang et al. 2023): the last tokens are looked for in the prompt and the reply, and what
// followed them there is the guess. Costs nothing worth mentioning, and is right where a model
// quotes, edits or repeats.
#pragma once

#include "runtime/speculation/drafter.h"
#include "runtime/speculation/ngram_index.h"

namespace lathe {

class LookupDrafter : public Drafter {
 public:
  LookupDrafter();

  void read(std::span<const Token> text) override;
  std::optional<Guess> next(TokenChoice& choice) override;
  bool is_free() const noexcept override { return true; }

 private:
  Token token_at(std::size_t pos) const noexcept;

  NgramIndex index_;
  std::vector<Token> guesses_;  // since read()
  std::optional<NgramIndex::Match> match_;
};

}  // namespace lathe
