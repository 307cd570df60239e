#include "tools/jobs/draft.h"

#include "runtime/base/error.h"
#include "runtime/speculation/lookup_drafter.h"
#include "runtime/speculation/model_drafter.h"
#include "runtime/speculation/same_vocabulary.h"

namespace lathe {

OpenDraft::OpenDraft(const DraftOptions& options, const EngineOptions& engine, OpenModel& model,
                     const Tokenizer& tokenizer, std::size_t n_ctx) {
  if (!options.model.empty()) {
    open_model(options, engine, model, tokenizer, n_ctx);
  } else if (options.lookup) {
    drafter_ = std::make_unique<LookupDrafter>();
  }
  if (drafter_) speculation_ = std::make_unique<Speculation>(*drafter_, options.lengths);
}

void OpenDraft::open_model(const DraftOptions& options, const EngineOptions& engine,
                           OpenModel& model, const Tokenizer& tokenizer, std::size_t n_ctx) {
  loaded_.emplace(options.model);
  const Model& draft = *loaded_->model;
  require_same_vocabulary(
      tokenizer, Tokenizer::from_metadata(loaded_->file.metadata(), options.model), options.model);
  const std::size_t n_vocab = draft.traits().n_vocab;
  if (n_vocab != model.model->traits().n_vocab) {
    throw bad_input(options.model, "logits of " + std::to_string(n_vocab) +
                                       " tokens, the model's " +
                                       std::to_string(model.model->traits().n_vocab));
  }
  session_ = std::make_unique<Session>(draft, model.kernels, model.pool,
                                       session_options(engine, n_ctx, 1));
  drafter_ = std::make_unique<ModelDrafter>(*session_, options.least_probability);
}

}  // namespace lathe
