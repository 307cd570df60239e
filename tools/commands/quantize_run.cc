#include "tools/commands/quantize_run.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "quant/pipeline/output_set.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/options/calibrate_options.h"
#include "tools/commands/options/heal_options.h"
#include "tools/commands/options/plan_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/quantize_job.h"
#include "tools/report/calibration_report.h"
#include "tools/report/heal_report.h"
#include "tools/report/plan_report.h"
#include "tools/report/quantize_report.h"

namespace lathe {
namespace {

// "300M" or "4G": units of 10^6 and 10^9 bytes.
std::uint64_t split_size(const std::string& text) {
  if (text.empty()) return 0;
  std::uint64_t n = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, n);
  const std::string unit(end, last);
  const std::uint64_t scale = unit == "M" ? 1000000 : unit == "G" ? 1000000000 : 0;
  if (error != std::errc{} || n == 0 || n > 1000000 || scale == 0) {
    throw usage_error("--split-max-size: expected a size as 300M or 4G, found " + quoted(text));
  }
  return n * scale;
}

void check_split(SplitRequest& split, const std::string& max_size) {
  split.max_bytes = split_size(max_size);
  if (split.like_source && (split.max_bytes > 0 || split.max_tensors > 0)) {
    throw usage_error("--keep-split and --split-max-... say two different things");
  }
}

// Calibration has the importance of every column: a plan that wants one is content.
void warn_of_plan(const QuantizeTask& task) {
  if (task.calibrates()) return;
  for (const auto& warning : plan_warnings(task.model().plan, task.job().imatrix)) warn(warning);
}

int dry_run(const QuantizeTask& task, bool full) {
  for (const std::string& note : task.model().imatrix_notes) warn(note);
  put_text(plan_text(task.model(), task.job(), full));
  warn_of_plan(task);
  std::vector<std::string> problems = plan_problems(task.job());
  if (std::string problem = task.load_problem(); !problem.empty()) {
    problems.push_back(std::move(problem));
  }
  for (const auto& problem : shown_problems(problems)) complain(problem);
  return problems.empty() ? 0 : 2;
}

// One line for each phase.
class QuantizeLine {
 public:
  explicit QuantizeLine(std::size_t n_tensors) : n_tensors_(n_tensors) {}

  bool update(const QuantizeProgress& p) {
    if (line_ == nullptr || p.phase != phase_) {
      phase_ = p.phase;
      begin_ = p.elements_done;
      start_ = std::chrono::steady_clock::now();
      line_ = std::make_unique<Progress>(name_of(p.phase), fraction(p));
    }
    line_->update(fraction(p), detail(p));
    return !InterruptGuard::requested();
  }

 private:
  static const char* name_of(QuantizePhase phase) noexcept {
    if (phase == QuantizePhase::kCheck) return "check";
    return phase == QuantizePhase::kEncode ? "quantize" : "verify";
  }
  static double fraction(const QuantizeProgress& p) {
    return static_cast<double>(p.elements_done) /
           static_cast<double>(std::max<std::uint64_t>(1, p.elements_total));
  }

  std::string detail(const QuantizeProgress& p) const {
    std::string text =
        fmt::format("{}/{} {}", p.n_tensors_done + 1, n_tensors_, printable(p.tensor->name));
    if (phase_ != QuantizePhase::kEncode) return text;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    return text +
           fmt::format(" to {}, {:.0f} M/s", format_name(p.tensor->format),
                       static_cast<double>(p.elements_done - begin_) / 1e6 / elapsed.count());
  }

  std::size_t n_tensors_;
  std::uint64_t begin_ = 0;  // elements that an earlier run did
  QuantizePhase phase_ = QuantizePhase::kCheck;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<Progress> line_;
};

void say_what_is_kept(const std::string& out_path) {
  constexpr const char* kGoesOn = "the same command with --resume goes on";
  const KeptWork kept = kept_work(out_path);
  if (kept.n_tensors > 0) {
    say(fmt::format("{}.part holds {} tensors: {}", out_path, kept.n_tensors, kGoesOn));
  } else if (kept.n_calibrated_parts > 0) {
    say(fmt::format("{} holds what is calibrated, {} of the parts (embeddings, layers, head): {}",
                    CalibratedFiles::folder_for(out_path), kept.n_calibrated_parts, kGoesOn));
  } else if (kept.n_healed_parts > 0) {
    say(fmt::format("{} holds what is healed, {} parts: {}", HealedFiles::folder_for(out_path),
                    kept.n_healed_parts, kGoesOn));
  } else {
    say("nothing was written");
  }
}

void heal_layers(QuantizeTask& task, const HealRequest& request, const KernelTable& kernels,
                 ThreadPool& pool) {
  Progress line("heal");
  const HealOutcome outcome = task.heal(request, kernels, pool, notes_on_screen(),
                                        [&](double fraction, std::string_view step) {
                                          line.update(fraction, step);
                                          return !InterruptGuard::requested();
                                        });
  line.clear();
  for (const std::string& warning : heal_warnings(outcome)) warn(warning);
  put_text(heal_text(outcome, clock_text(outcome.seconds)));
}

// `written`: set when the new file is there.
void write_model(QuantizeTask& task, const HealRequest& heal, int n_threads, const std::string& isa,
                 bool full, bool* written) {
  const Plan& plan = task.model().plan;
  for (const std::string& note : task.model().imatrix_notes) warn(note);
  put_text(rules_text(plan));
  warn_of_plan(task);
  if (const std::size_t n = task.n_given_up(); n > 0) {
    warn(fmt::format("{} tensors of an interrupted run are given up (no --resume)", n));
  }
  const KernelTable kernels = kernels_of(isa);
  ThreadPool pool({.n_threads = n_threads});
  if (!heal.texts.empty()) heal_layers(task, heal, kernels, pool);
  QuantizeLine line(plan.tensors.size());
  const QuantizeRun run = task.run(
      kernels, pool, [&](const QuantizeProgress& progress) { return line.update(progress); });
  *written = true;
  for (const auto& warning : quantize_warnings(run.result)) warn(warning);
  put_text(calibration_text(run.calibrated, full));
  put_text(quantize_text(run, plan, clock_text(run.seconds)));
  flush_output();
}

// What the run reads; refuses the output before the model is hashed. Of a split set the names are
// known later, and quantize() checks them.
void check_output(const QuantizeOptions& job, const HealRequest& heal, OutputGate& gate) {
  reads_plan_inputs(gate, job.plan);
  reads_files(gate, job.calibrate.text.files, "the calibration text");
  reads_files(gate, heal.texts, "the text");
  if (!job.reuse.empty()) reads_model(gate, job.reuse, "the older output");
  if (!job.split.any()) gate.check(job.out, model_output_request());
}

}  // namespace

int run_quantize(QuantizeCommand options, const ToolContext& context) {
  check_split(options.job.split, options.split_max_size);
  options.job.provenance = !options.no_provenance;
  options.heal.order = options.job.calibrate.order;
  if (options.job.out.empty() && !options.dry_run) {
    options.job.out = default_output(options.job.plan);
    say(fmt::format("the new file will be {}", options.job.out));
  }
  options.job.plan.import_notes = notes_on_screen();
  options.job.identify = !options.dry_run;
  OutputGate gate;
  if (!options.dry_run) check_output(options.job, options.heal, gate);
  options.job.gate = &gate;
  int exit_code = 0;
  bool written = false;
  const auto work = [&] {
    Progress line("quantize");
    options.job.hashing = [&](double fraction) {
      line.update(fraction, "hashing the model");
      return !InterruptGuard::requested();
    };
    Progress calibration("calibrate");
    options.job.calibrating = [&](double fraction, std::string_view step) {
      calibration.update(fraction, std::string(step));
      return !InterruptGuard::requested();
    };
    options.job.notes = notes_on_screen();
    QuantizeTask task(options.job);
    line.clear();
    if (options.dry_run) {
      exit_code = dry_run(task, options.full);
    } else {
      write_model(task, options.heal, options.n_threads, context.isa, options.full, &written);
    }
  };
  const int ended = run_interruptible(work, [&] {
    if (options.dry_run) return;
    written ? say("the new file is there: " + options.job.out) : say_what_is_kept(options.job.out);
  });
  return ended != 0 ? ended : exit_code;
}

void add_quantize_options(CLI::App& command, QuantizeCommand& options) {
  QuantizeOptions& job = options.job;
  command.add_option("-t,--threads", options.n_threads, "Threads; 0: one per physical core")
      ->check(whole_number(0, kMostThreads))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--dry-run", options.dry_run,
                   "Print what would be done, write nothing (see also `lathe plan`)");
  command.add_flag("--full", options.full, "Every tensor, also in a long table of --dry-run");
  command.add_flag("--resume", job.resume,
                   "Go on with what an interrupted run of the same command left");
  command
      .add_option("--reuse", job.reuse,
                  "Copy tensors that would come out the same from an older output of lathe")
      ->type_name("FILE");
  command.add_flag("--keep-split", job.split.like_source, "Files as the source is split into");
  command
      .add_option("--split-max-size", options.split_max_size,
                  "Several files of at most this size, as 300M or 4G")
      ->type_name("SIZE");
  command
      .add_option("--split-max-tensors", job.split.max_tensors,
                  "Several files of at most this many tensors")
      ->check(one_or_more)
      ->type_name("N");
  command.add_flag("--no-provenance", options.no_provenance,
                   "Leave out the keys that say how the file was made");
  add_heal_options(command, options.heal);
  add_plan_options(command, job.plan);
  add_calibrate_options(command, job.calibrate);
}

}  // namespace lathe
