// lathe release: everything that one file describes, from the source to the model card.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/release_output.h"
#include "tools/jobs/release/release.h"

namespace lathe {
namespace {

struct ReleaseCommand {
  std::string recipe, model;
  bool init = false;
  bool dry_run = false;
  ReleaseOptions job;
};

// A live line for each step, and a line when it is done.
class ReleaseScreen {
 public:
  ReleaseScreen() {
    callbacks_.notes = notes_on_screen();
    callbacks_.on_step = [this](std::size_t step, std::size_t n, const std::string& title) {
      begin(fmt::format("{}[{}/{}] {}", of_, step, n, title));
    };
    callbacks_.on_step_done = [this](const std::string&) {
      const std::chrono::duration<double> seconds = Clock::now() - start_;
      line_.reset();
      say(fmt::format("{} in {}", label_, clock_text(seconds.count())));
    };
    callbacks_.on_progress = [this](double fraction, std::string_view what) {
      if (line_) line_->update(std::min(1.0, fraction), what);
      return !InterruptGuard::requested();
    };
    begin("reading");
  }
  const ReleaseCallbacks& callbacks() const noexcept { return callbacks_; }
  void end_opening() { line_.reset(); }
  // Which of several releases the steps are of, and a blank.
  void now(const std::string& of) { of_ = of; }

 private:
  using Clock = std::chrono::steady_clock;

  void begin(const std::string& label) {
    label_ = label;
    start_ = Clock::now();
    line_ = std::make_unique<Progress>(label);
  }

  ReleaseCallbacks callbacks_;
  std::unique_ptr<Progress> line_;
  std::string label_, of_;
  Clock::time_point start_;
};

std::size_t count_done(const std::vector<StepStatus>& steps) {
  std::size_t n = 0;
  for (const StepStatus& step : steps) n += step.done;
  return n;
}

void print_steps(const std::vector<StepStatus>& steps, const std::string& of) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    print("{}[{}/{}] {}{}{}\n", of, i + 1, steps.size(), steps[i].title,
          steps[i].note.empty() ? "" : ", " + steps[i].note, steps[i].done ? ": done" : "");
  }
}

// `of`: which of several it is, and a blank.
void make(Release& release, const std::string& of) {
  const std::vector<StepStatus> steps = release.status();
  if (const std::size_t n = count_done(steps); n > 0) {
    say(fmt::format("{}{} of {} steps are done already", of, n, steps.size()));
  }
  release.run();
  write_documents(render_release_with_results(release.results()), release.folder(), release.gate());
  print(
      "{0}: model files, README.md, report.html, results.json; {0}/work is not for "
      "publication\n",
      release.folder());
}

int release_command(const ReleaseCommand& command) {
  if (command.init) {
    put_text(release_template(command.model));
    return 0;
  }
  if (command.recipe.empty()) throw usage_error("expected a recipe: lathe release RECIPE.toml");
  bool begun = false;
  const auto work = [&] {
    const std::vector<ReleaseRecipe> recipes = read_release_recipes(command.recipe);
    ReleaseScreen screen;
    // All are planned before any work, so that what cannot be done is said at once.
    std::vector<std::unique_ptr<Release>> releases;
    for (const ReleaseRecipe& recipe : recipes) {
      releases.push_back(std::make_unique<Release>(recipe, command.job, screen.callbacks()));
      for (const ReleaseRecipe& other : recipes) release_reads(releases.back()->gate(), other);
    }
    screen.end_opening();
    const auto name_of = [&](std::size_t i) {
      return recipes.size() == 1 ? "" : recipes[i].name + " ";
    };
    for (std::size_t i = 0; i < releases.size(); ++i) {
      if (command.dry_run) print_steps(releases[i]->status(), name_of(i));
      if (!command.dry_run) refuse_foreign_documents(releases[i]->folder());
    }
    if (command.dry_run) return;
    begun = true;
    for (std::size_t i = 0; i < releases.size(); ++i) {
      screen.now(name_of(i));
      make(*releases[i], name_of(i));
    }
  };
  return run_interruptible(work, [&] {
    say(begun ? "what is done is kept; the same command goes on" : "nothing was written");
  });
}

}  // namespace

void add_release(CLI::App& root, ToolContext& context) {
  auto command = std::make_shared<ReleaseCommand>();
  CLI::App* app = root.add_subcommand(
      "release", "Make, measure and document all files that one recipe describes");
  app->add_option("recipe", command->recipe, "TOML file that says what to make (see --init)")
      ->type_name("FILE");
  CLI::Option* init =
      app->add_option("--init", command->model,
                      "Print a commented recipe to begin with, for this model, and do nothing else")
          ->expected(0, 1)
          ->type_name("MODEL");
  app->add_flag("--dry-run", command->dry_run, "List the steps and which are done, do nothing");
  app->add_option("-t,--threads", command->job.n_threads, "Threads; 0: one per physical core")
      ->check(whole_number(0, kMostThreads))
      ->capture_default_str()
      ->type_name("N");
  app->footer(
      "lathe release --init model-f16.gguf > recipe.toml\n"
      "lathe release recipe.toml           again after an interruption or a change: only what is\n"
      "                                    missing is made");
  app->callback([command, init, &context] {
    command->init = init->count() > 0;
    command->job.isa = context.isa;
    context.exit_code = release_command(*command);
  });
}

}  // namespace lathe
