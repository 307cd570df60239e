// lathe bench: tokens per second of prompt processing and generation, and which share of this
// machine's limit that is.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/registry.h"
#include "quant/eval/speed.h"
#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/commands/commands.h"
#include "tools/jobs/engine.h"
#include "tools/report/bench_output.h"
#include "tools/report/bench_row.h"

namespace lathe {
namespace {

struct BenchOptions {
  std::vector<std::string> models;
  std::vector<std::size_t> n_prompt = {512};
  std::vector<std::size_t> n_gen = {128};
  std::vector<std::string> prompt_and_gen;  // "512,128"
  std::vector<int> n_threads = {0};
  std::vector<std::size_t> n_batch = {2048};
  std::vector<std::size_t> n_ubatch = {512};
  std::vector<std::string> type_k = {"f16"};
  std::vector<std::string> type_v = {"f16"};
  int n_repetitions = 5;
  bool no_warm_up = false;
  std::string output = "md";
};

SpeedTest parse_prompt_and_gen(const std::string& text) {
  SpeedTest test;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, test.n_prompt);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == ',') {
    const auto second = std::from_chars(first.ptr + 1, end, test.n_gen);
    if (second.ec == std::errc() && second.ptr == end && test.n_prompt + test.n_gen > 0)
      return test;
  }
  throw usage_error("-pg wants PROMPT,GENERATED like 512,128, not '" + text + "'");
}

std::vector<SpeedTest> tests_of(const BenchOptions& options) {
  std::vector<SpeedTest> tests;
  for (const std::size_t n : options.n_prompt) {
    if (n > 0) tests.push_back({.n_prompt = n});
  }
  for (const std::size_t n : options.n_gen) {
    if (n > 0) tests.push_back({.n_gen = n});
  }
  for (const std::string& text : options.prompt_and_gen) {
    tests.push_back(parse_prompt_and_gen(text));
  }
  return tests;
}

Format cache_format(const std::string& name) {
  Format format = Format::F16;
  if (!format_from_name(name, &format) || (format != Format::F32 && format != Format::F16 &&
                                           format != Format::BF16 && format != Format::Q8_0)) {
    throw usage_error("a KV cache is f32, f16, bf16 or q8_0, not '" + name + "'");
  }
  return format;
}

// Every combination of the options that are lists; the threads are outside, as they need a pool.
std::vector<SpeedOptions> combinations(const BenchOptions& options) {
  std::vector<SpeedOptions> all;
  for (const std::size_t n_batch : options.n_batch) {
    for (const std::size_t n_ubatch : options.n_ubatch) {
      for (const std::string& k : options.type_k) {
        for (const std::string& v : options.type_v) {
          SpeedOptions speed;
          speed.n_batch = n_batch;
          speed.n_ubatch = n_ubatch;
          speed.k_format = cache_format(k);
          speed.v_format = cache_format(v);
          speed.n_repetitions = options.n_repetitions;
          speed.warm_up = !options.no_warm_up;
          all.push_back(speed);
        }
      }
    }
  }
  return all;
}

// Prints rows as they come; progress goes to stderr if that is a terminal.
class BenchRun {
 public:
  BenchRun(const BenchOptions& options, const ToolContext& context)
      : format_(bench_format_from_name(options.output)),
        tests_(tests_of(options)),
        combinations_(combinations(options)),
        n_threads_(options.n_threads),
        kernels_(kernels_of(context.isa)),
        topology_(read_topology()),
        show_progress_(::isatty(STDERR_FILENO) == 1) {}

  // False when interrupted.
  bool run(const std::vector<std::string>& paths) {
    print(bench_header(format_));
    for (const std::string& path : paths) {
      const GgufFile file = GgufFile::open(path);
      const std::unique_ptr<Model> model = load_model(file);
      for (const int n : n_threads_)
        bench_model(path, *model, model_type(*model, file.metadata()), n);
    }
    print(bench_footer(format_, n_rows_ > 0));
    return !InterruptGuard::requested();
  }

 private:
  static void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  void bench_model(const std::string& path, const Model& model, const std::string& type,
                   int n_threads) {
    ThreadPool pool({.n_threads = n_threads, .topology = &topology_});
    BenchSetup setup = {.cpu_info = topology_.cpu_model,
                        .model_filename = path,
                        .traits = &model.traits(),
                        .model_type = type,
                        .options = {},
                        .n_threads = pool.size()};
    for (const SpeedOptions& options : combinations_) {
      setup.options = options;
      SpeedBench bench(model, kernels_, pool, topology_, with_callbacks(options));
      for (const SpeedTest& test : tests_) {
        const SpeedResult result = bench.run(test);
        if (show_progress_) fmt::print(stderr, "\r\x1b[K");
        if (result.seconds.empty()) return;  // interrupted
        print(bench_line(format_, bench_row(setup, result), n_rows_++ == 0));
      }
    }
  }

  SpeedOptions with_callbacks(SpeedOptions options) const {
    options.should_stop = InterruptGuard::requested;
    if (show_progress_) {
      options.on_progress = [n = options.n_repetitions](const SpeedTest& test, int done) {
        fmt::print(stderr, "\r{} {}/{}\x1b[K", test.name(), done, n);
      };
    }
    return options;
  }

  BenchFormat format_;
  std::vector<SpeedTest> tests_;
  std::vector<SpeedOptions> combinations_;
  std::vector<int> n_threads_;
  KernelTable kernels_;
  Topology topology_;
  bool show_progress_;
  int n_rows_ = 0;
};

void add_options(CLI::App& command, BenchOptions& o) {
  const auto list = [&command](const char* names, auto& values, const char* what) {
    return command.add_option(names, values, what)->delimiter(',')->capture_default_str();
  };
  command.add_option("-m,--model", o.models, "GGUF file; may be given several times")->required();
  list("-p,--n-prompt", o.n_prompt, "Prompt tokens of the pp tests; 0: none");
  list("-n,--n-gen", o.n_gen, "Generated tokens of the tg tests; 0: none");
  command.add_option("--pg", o.prompt_and_gen, "PROMPT,GENERATED: both in one test (-pg 512,128)");
  list("-t,--threads", o.n_threads, "Threads; 0: one per core")->check(CLI::Range(0, 4096));
  list("-b,--batch-size,--n-batch", o.n_batch, "Prompt tokens per call")
      ->check(CLI::Range(1, 1 << 20));
  list("--ub,--ubatch-size,--n-ubatch", o.n_ubatch, "Tokens that pass through a layer together")
      ->check(CLI::Range(1, 1 << 20));
  list("--ctk,--cache-type-k", o.type_k, "Format of cached keys: f32, f16, bf16, q8_0");
  list("--ctv,--cache-type-v", o.type_v, "Format of cached values");
  command.add_option("-r,--repetitions", o.n_repetitions, "Repetitions of each test")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command.add_flag("--no-warmup", o.no_warm_up, "Skip the run before the first repetition");
  command.add_option("-o,--output", o.output, "md, csv, json, jsonl or sql")->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& root, ToolContext& context) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* command = root.add_subcommand(
      "bench", "Measure prompt processing and generation, against this machine's limits");
  add_options(*command, *options);
  command->callback([options, &context] {
    const InterruptGuard interrupt;
    if (!BenchRun(*options, context).run(options->models)) context.exit_code = kInterruptedExitCode;
  });
}

}  // namespace lathe
