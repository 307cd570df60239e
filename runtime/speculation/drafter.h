// What guesses how a text goes on, cheaper than the model that decides (runtime/speculation).
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "runtime/batch.h"
#include "runtime/token_choice.h"

namespace lathe {

struct Guess {
  Token token = 0;
  // How sure the drafter is, 0 to 1: a probability where it has one. How often such guesses are
  // right is measured (draft_length.h).
  float confidence = 0;
};

class Drafter {
 public:
  virtual ~Drafter() = default;

  // Guesses go on after this text, given from position 0 on. What it has in common with the last
  // one is not read again.
  virtual void read(std::span<const Token> text) = 0;
  // The token after the text and the guesses since read(); none where the drafter knows nothing.
  // `choice` stands at that position, and takes the guess in.
  virtual std::optional<Guess> next(TokenChoice& choice) = 0;
  // Takes time that is worth measuring.
  virtual bool is_free() const noexcept = 0;

  // Called now and then during long work, with the share of what read() has to read that is read
  // (1 during other work). It may throw: the drafter then holds less than it was given, and is in
  // order.
  virtual void set_hook(std::function<void(double)>) {}
};

}  // namespace lathe
