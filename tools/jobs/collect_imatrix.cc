#include "tools/jobs/collect_imatrix.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "quant/eval/perplexity.h"
#include "quant/imatrix/combine.h"
#include "runtime/base/error.h"
#include "tools/jobs/combine_imatrices.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/runner.h"

namespace lathe {

ImatrixRun::ImatrixRun(const ImatrixRequest& request, const ImatrixFiles& files,
                       const std::string& isa, const Notes& notes, const JobProgress& hashing)
    : request_(request), files_(files), notes_(notes), open_(request.engine, isa) {
  text_.emplace(open_text(open_.file, request.text, request.engine, &text_origin_));
  for (const std::string& warning : text_origin_.warnings) notes.warn(warning);
  const ModelIdentity model =
      model_identity(open_.file, {.pool = &open_.pool, .progress = [&](double fraction) {
                                    return !hashing || hashing(fraction, "hashing the model");
                                  }});
  model_ = origin_of(open_.file, &model);
  parts_ = read_parts(request, &model_, notes);
  identity_ = identity(model);
  if (request.resume) {
    load_checkpoint(identity_);
  } else if (std::filesystem::exists(files.checkpoint.path())) {
    notes.say(
        fmt::format("{} of an interrupted run is given up (no --resume)", files.checkpoint.name()));
  }
}

RunIdentity ImatrixRun::identity(const ModelIdentity& model) const {
  std::string in_files;
  for (const Imatrix& part : parts_) in_files += (in_files.empty() ? "" : " ") + part.sha256;
  RunIdentity of = {{"model", model.fingerprint},
                    {"text", text_origin_.all_sha256},
                    {"context", std::to_string(eval_context(request_.engine))},
                    {"first chunk", std::to_string(request_.text.from_chunk)},
                    {"--parse-special", request_.text.parse_special ? "on" : "off"},
                    {"--process-output", request_.process_output ? "on" : "off"},
                    {"--no-ppl", request_.perplexity ? "off" : "on"},
                    {"--in-file", in_files.empty() ? "none" : in_files},
                    {"--legacy-chunk-size", std::to_string(request_.legacy_chunk_size)}};
  put_engine(of, request_.engine.k_type, request_.engine.v_type, open_.kernels.tier);
  return of;
}

void ImatrixRun::load_checkpoint(const RunIdentity& of) {
  const std::string& path = files_.checkpoint.path();
  if (!std::filesystem::exists(path)) {
    throw usage_error("nothing to resume: there is no " + files_.checkpoint.name());
  }
  done_ = read_checkpoint(path, of);
  if (done_.n_chunks > text_->n_chunks()) {
    throw usage_error(
        fmt::format("{} holds {} chunks, more than the {} that are asked for: ask for "
                    "as many, or name another output (-o)",
                    files_.checkpoint.name(), done_.n_chunks, text_->n_chunks()));
  }
  saved_ = true;
  notes_.say(fmt::format("going on after chunk {}", done_.n_chunks));
}

// With where it comes from, and what was there before.
Imatrix ImatrixRun::complete(Imatrix collected) const {
  collected.dataset_sha256 = text_origin_.sha256;
  collected.model = model_;
  if (parts_.empty()) return collected;
  std::vector<Imatrix> all = parts_;
  all.push_back(std::move(collected));
  return combine_imatrices(all, request_.legacy_chunk_size);
}

CollectOptions ImatrixRun::collect_options() {
  return {.process_output = request_.process_output,
          .perplexity = request_.perplexity,
          .datasets = text_origin_.names,
          .means = request_.means,
          .resume = request_.resume ? &done_ : nullptr,
          .save_every = request_.save_every,
          .save =
              [this](const Checkpoint& checkpoint, const Imatrix& so_far) {
                write_checkpoint(checkpoint, identity_, files_.checkpoint);
                write_imatrix_form(request_, complete(so_far), files_.imatrix);
                saved_ = true;
              },
          .warn = [this](const std::string& what) { notes_.warn(what); }};
}

Imatrix ImatrixRun::run(const CollectProgress& progress) {
  const auto runner =
      open_runner({{*open_.model, open_.file.files()}}, request_.engine, request_.order,
                  open_.kernels, open_.pool, text_->n_ctx(), notes_);
  if (request_.perplexity) perplexity_ = perplexity_of(done_.nll);
  const auto watch = [&](std::size_t n_chunks, const std::optional<Estimate>& ppl, double fraction,
                         std::string_view step) {
    if (ppl) perplexity_ = ppl;
    return !progress || progress(n_chunks, ppl, fraction, step);
  };
  Imatrix imatrix = complete(
      collect_imatrix({*runner, open_.kernels, open_.pool}, *text_, collect_options(), watch));
  write_imatrix_form(request_, imatrix, files_.imatrix);
  saved_ = false;
  std::filesystem::remove(files_.checkpoint.path());
  return imatrix;
}

}  // namespace lathe
