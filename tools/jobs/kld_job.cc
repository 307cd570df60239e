#include "tools/jobs/kld_job.h"

#include <chrono>
#include <utility>

#include "runtime/base/error.h"
#include "tools/jobs/eval_base.h"

namespace lathe {
namespace {

class KldJob {
 public:
  KldJob(const KldOptions& options, const KldCallbacks& callbacks)
      : options_(options),
        callbacks_(callbacks),
        open_(options.eval.engine, options.eval.isa),
        base_(open_base(options.base)),
        skipped_(skipped_layers(options.eval.skip_layers, *open_.model)),
        text_(open_base_text()),
        inputs_(checked_inputs()),
        work_(options.eval.resume, inputs_, "chunks", callbacks.notes) {}

  KldResult run() {
    for (const std::string& warning : origin_.warnings) callbacks_.notes.warn(warning);
    work_.records() = work_.keeper().load(text_.n_chunks());
    const std::size_t n_before = work_.records().size();
    if (callbacks_.on_begin) callbacks_.on_begin(inputs_);
    const auto start = std::chrono::steady_clock::now();
    measure();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return result((text_.n_chunks() - n_before) * text_.n_ctx(), took.count());
  }

 private:
  // A base file has its context and chunks: where none are asked for, they are those.
  TextChunks open_base_text() {
    EngineOptions engine = options_.eval.engine;
    TextOptions text = options_.text;
    if (base_.is_file()) {
      if (engine.n_ctx == 0) engine.n_ctx = base_.kept->text().n_ctx;
      if (text.max_chunks == 0) text.max_chunks = base_.kept->text().n_chunks;
    }
    return open_text(base_.is_model() ? base_.model->file : open_.file, text, engine, &origin_);
  }

  void check() const {
    if (base_.is_model()) {
      check_same_vocabulary(base_.model->file.metadata(), open_.file.metadata());
      return;
    }
    if (options_.compat) {
      throw usage_error("--compat is for a base that is a model: a file has its precision already");
    }
    check_same_text(*base_.kept, text_, open_.model->traits().n_vocab);
  }

  EvalInputs checked_inputs() {
    check();
    EvalInputs of{.measure = "eval kld",
                  .models = {describe_model(open_.file, open_.pool, callbacks_)},
                  .text = describe_text(text_, options_.text, origin_),
                  .compat = options_.compat,
                  .skip_layers = options_.eval.skip_layers};
    if (base_.is_model()) of.base = describe_model(base_.model->file, open_.pool, callbacks_);
    if (base_.is_file()) of.base_file = describe_base(*base_.kept, callbacks_);
    put_engine(of, options_.eval.engine, open_.kernels);
    return of;
  }

  std::vector<RunModel> models() const {
    std::vector<RunModel> models;
    if (base_.is_model()) {
      models.push_back({*base_.model->model, base_.model->file.files(), {}, "the base"});
    }
    models.push_back({*open_.model, open_.file.files(), skipped_, "the candidate"});
    return models;
  }

  void measure() {
    const auto runner = open_runner(models(), options_.eval.engine, options_.eval.order,
                                    open_.kernels, open_.pool, text_.n_ctx(), callbacks_.notes);
    const EvalContext context{*runner, open_.kernels, open_.pool};
    const ChunkProgress progress = [&](const ChunkRecords& so_far, double fraction,
                                       std::string_view step) {
      work_.keeper().offer(so_far);
      return work_.go_on([&] { return show(so_far) && callbacks_.go_on(fraction, step); });
    };
    work_.run([&] {
      if (base_.is_file()) {
        measure_divergence(context, text_, *base_.kept, work_.records(), progress);
      } else {
        measure_divergence(context, text_, work_.records(), progress,
                           options_.compat ? BasePrecision::k16Bits : BasePrecision::kFull);
      }
      work_.go_on([&] { return show(work_.records()); });
    });
    work_.keeper().complete(work_.records());
  }

  bool show(const ChunkRecords& records) {
    for (; n_shown_ < records.size(); ++n_shown_) {
      add_chunk(records[n_shown_], 0, 1, meter_);
      if (callbacks_.on_chunk) callbacks_.on_chunk(n_shown_, meter_.summary(false));
    }
    return true;
  }

  KldResult result(std::size_t n_run, double seconds) {
    DivergenceChunks chunks = divergence_chunks(work_.records(), 0, 1);
    const DivergenceIntervals intervals = divergence_intervals(chunks);
    return {.inputs = std::move(inputs_),
            .figures = meter_.summary(true),
            .chunks = std::move(chunks),
            .intervals = intervals,
            .n_run = n_run,
            .seconds = seconds,
            .work = std::move(work_)};
  }

  const KldOptions& options_;
  const KldCallbacks& callbacks_;
  OpenModel open_;
  EvalBase base_;
  const std::vector<int> skipped_;
  TextOrigin origin_;
  TextChunks text_;
  EvalInputs inputs_;
  MeasuredWork work_;
  DivergenceMeter meter_;  // of the first n_shown_ chunks: all of them in the end
  std::size_t n_shown_ = 0;
};

}  // namespace

KldResult run_kld(const KldOptions& options, const KldCallbacks& callbacks) {
  return KldJob(options, callbacks).run();
}

}  // namespace lathe
