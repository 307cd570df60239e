// Guesses by a second, smaller model with the same vocabulary (speculative decoding: Leviathan et
// al. 2023, Chen et al. 2023).
//
// It draws as the generation will: with the same sampler, in the same state, with the same random
// number for each token, only from its own logits. So where the two models nearly agree on the
// probabilities they nearly always draw the same token, at any temperature: that is the coupling
// without communication of Daliri, Musco and Suresh 2024. See speculation.h for why it is done so.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/session.h"
#include "runtime/speculation/drafter.h"

namespace lathe {

class ModelDrafter : public Drafter {
 public:
  // The session, of the smaller model, is the drafter's alone, with sequence 0 empty. Where a guess
  // is less probable than `least_probability` (0 to 1) it is not made.
  ModelDrafter(Session& session, float least_probability);
  ~ModelDrafter() override { session_.set_layer_hook({}); }

  void read(std::span<const Token> text) override;
  std::optional<Guess> next(TokenChoice& choice) override;
  bool is_free() const noexcept override { return false; }
  void set_hook(std::function<void(double)> hook) override;

 private:
  std::size_t next_batch(std::size_t n_waiting) const;
  std::size_t n_batches(std::size_t n_waiting) const;
  double share_read();
  bool decode(std::size_t n, MatmulPath path);

  Session& session_;
  float least_probability_;
  std::vector<Token> text_;  // with the guesses since read()
  std::size_t n_held_ = 0;   // of these: what the session holds
  std::vector<BatchItem> batch_;
  std::size_t n_layers_done_ = 0, n_layers_in_all_ = 0;  // of a read(); 0: nothing is read
};

}  // namespace lathe
