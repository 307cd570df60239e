#include "tools/jobs/ppl_job.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "quant/eval/base/compact_base.h"
#include "quant/eval/base/logits_file.h"
#include "runtime/base/disk_space.h"
#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"

namespace lathe {
namespace {

constexpr double kGiga = 1e9;

class PplJob {
 public:
  PplJob(const PplOptions& options, const PplCallbacks& callbacks)
      : options_(options),
        callbacks_(callbacks),
        open_(options.eval.engine, options.eval.isa),
        skipped_(skipped_layers(options.eval.skip_layers, *open_.model)),
        text_(open_text(open_.file, options.text, options.eval.engine, &origin_)),
        inputs_(inputs()),
        work_(options.eval.resume, inputs_, "chunks", callbacks.notes) {}

  PplResult run() {
    for (const std::string& warning : origin_.warnings) callbacks_.notes.warn(warning);
    if (!options_.writes_files()) work_.records() = work_.keeper().load(text_.n_chunks());
    const std::size_t n_before = work_.records().size();
    create_files();
    if (callbacks_.on_begin) callbacks_.on_begin(inputs_);
    const auto start = std::chrono::steady_clock::now();
    PerplexityResult figures = measure();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    for (const auto& file : files_) file->commit();
    const auto interval = perplexity_interval(figures.chunk_nll);
    return {std::move(inputs_), std::move(figures),
            interval,           (text_.n_chunks() - n_before) * text_.n_ctx(),
            took.count(),       std::move(work_)};
  }

 private:
  EvalInputs inputs() {
    EvalInputs of{.measure = "eval ppl",
                  .models = {describe_model(open_.file, open_.pool, callbacks_)},
                  .text = describe_text(text_, options_.text, origin_),
                  .compat = options_.text.compat,
                  .skip_layers = options_.eval.skip_layers};
    put_engine(of, options_.eval.engine, open_.kernels);
    return of;
  }

  void create_files() {
    if (!options_.writes_files()) return;
    const BaseText text = base_text(text_, open_.model->traits().n_vocab);
    if (options_.logits) {
      callbacks_.notes.say(fmt::format("{} will take {:.2f} GB", options_.logits->name(),
                                       static_cast<double>(logits_file_bytes(text)) / kGiga));
      check_disk_space(options_.logits->path(), logits_file_bytes(text));
      files_.push_back(create_logits_file(*options_.logits, text));
    }
    if (options_.base) {
      const BaseOrigin origin{std::filesystem::path(open_.file.path()).filename().string(),
                              inputs_.models.front().fingerprint, build_words()};
      files_.push_back(create_compact_base(*options_.base, text, origin, options_.compact));
    }
  }

  std::function<void(MatrixView<const float>)> keep_rows() {
    if (files_.empty()) return {};
    return [this](MatrixView<const float> rows) {
      for (const auto& file : files_) file->add_rows(rows, open_.pool);
    };
  }

  PerplexityResult measure() {
    const auto runner = open_runner({{*open_.model, open_.file.files(), skipped_}},
                                    options_.eval.engine, options_.eval.order, open_.kernels,
                                    open_.pool, text_.n_ctx(), callbacks_.notes);
    const EvalContext context{*runner, open_.kernels, open_.pool};
    PerplexityResult figures;
    const auto measure = [&] {
      figures = measure_perplexity(
          context, text_, {.on_logits = keep_rows(), .records = &work_.records()},
          [&](const PerplexityResult& so_far, double fraction, std::string_view step) {
            return take(so_far, fraction, step);
          });
      work_.go_on([&] { return show(figures); });
    };
    if (files_.empty()) {
      work_.run(measure);
      work_.keeper().complete(work_.records());
    } else {
      work_.run(measure, [&] {
        callbacks_.notes.say("nothing was written: a base file comes from one whole run");
      });
    }
    return figures;
  }

  bool take(const PerplexityResult& so_far, double fraction, std::string_view step) {
    if (files_.empty()) work_.keeper().offer(work_.records());
    return work_.go_on([&] { return show(so_far) && callbacks_.go_on(fraction, step); });
  }

  bool show(const PerplexityResult& so_far) const {
    if (callbacks_.on_chunk) callbacks_.on_chunk(so_far);
    return true;
  }

  const PplOptions& options_;
  const PplCallbacks& callbacks_;
  OpenModel open_;
  const std::vector<int> skipped_;
  TextOrigin origin_;
  TextChunks text_;
  EvalInputs inputs_;
  MeasuredWork work_;
  std::vector<std::unique_ptr<BaseWriter>> files_;
};

}  // namespace

PplResult run_ppl(const PplOptions& options, const PplCallbacks& callbacks) {
  return PplJob(options, callbacks).run();
}

}  // namespace lathe
