// What guesses ahead of a model: a second model, or a look-up in the text itself.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/speculation/speculation.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/engine.h"

namespace lathe {

struct DraftOptions {
  std::string model;    // --draft: a smaller model of the same vocabulary; empty: none
  bool lookup = false;  // --lookup
  SpeculationOptions lengths;
  float least_probability = 0;  // --draft-p-min

  bool given() const noexcept { return !model.empty() || lookup; }
  // Of logits that one decode() is to give.
  std::size_t n_rows() const noexcept { return given() ? lengths.most + 1 : 1; }
};

// A drafter with what it needs, in the order in which one needs the other. It uses the kernels and
// threads of the model that it serves, and must not outlive it.
class OpenDraft {
 public:
  // `n_ctx`: of the model's session. Error (kUsage) for options that make no sense; (kBadInput) for
  // a file that is no model, or has another vocabulary.
  OpenDraft(const DraftOptions& options, const EngineOptions& engine, OpenModel& model,
            const Tokenizer& tokenizer, std::size_t n_ctx);

  // Null where no drafter was asked for.
  Speculation* speculation() const noexcept { return speculation_.get(); }

 private:
  void open_model(const DraftOptions& options, const EngineOptions& engine, OpenModel& model,
                  const Tokenizer& tokenizer, std::size_t n_ctx);

  std::optional<LoadedModel> loaded_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Drafter> drafter_;
  std::unique_ptr<Speculation> speculation_;
};

}  // namespace lathe
