// lathe bench: tokens per second of prompt processing and generation, and which share of this
// machine's limit that is.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/number_list.h"
#include "tools/jobs/bench.h"
#include "tools/jobs/engine.h"
#include "tools/report/bench_output.h"
#include "tools/report/bench_row.h"

namespace lathe {
namespace {

constexpr std::size_t kMostTokens = 1 << 24;
constexpr std::size_t kMostBatch = 1 << 20;
constexpr std::size_t kMostStep = 1 << 10;

struct BenchOptions {
  std::vector<std::string> models;
  std::vector<std::string> n_prompt = {"512"}, n_gen = {"128"}, n_depth = {"0"}, n_step = {"1"};
  std::vector<std::string> prompt_and_gen;  // "512,128"
  std::vector<std::string> n_threads = {"0"};
  std::vector<std::string> n_batch = {"2048"}, n_ubatch = {"512"};
  std::vector<std::string> type_k = {"f16"}, type_v = {"f16"};
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
    const bool whole = second.ec == std::errc() && second.ptr == end;
    const bool sensible =
        test.n_prompt <= kMostTokens && test.n_gen <= kMostTokens && test.n_prompt + test.n_gen > 0;
    if (whole && sensible) return test;
  }
  throw usage_error("-pg wants PROMPT,GENERATED like 512,128, not " + quoted(text));
}

std::vector<SpeedTest> tests_of(const BenchOptions& o) {
  const std::vector<std::size_t> prompts = numbers_of(o.n_prompt);
  const std::vector<std::size_t> generated = numbers_of(o.n_gen), steps = numbers_of(o.n_step);
  std::vector<SpeedTest> tests;
  for (const std::size_t depth : numbers_of(o.n_depth)) {
    for (const std::size_t n : prompts) {
      if (n > 0) tests.push_back({.n_prompt = n, .n_depth = depth});
    }
    for (const std::size_t n : generated) {
      if (n == 0) continue;
      for (const std::size_t n_step : steps) {
        tests.push_back({.n_gen = n, .n_depth = depth, .n_step = n_step});
      }
    }
    for (const std::string& text : o.prompt_and_gen) {
      tests.push_back(parse_prompt_and_gen(text));
      tests.back().n_depth = depth;
    }
  }
  if (tests.empty()) throw usage_error("nothing to measure: -p, -n and -pg give no tokens");
  return tests;
}

// Every combination of the options that are lists; the threads are outside, as they need a pool.
std::vector<SpeedOptions> combinations(const BenchOptions& o) {
  std::vector<SpeedOptions> all;
  const std::vector<std::size_t> ubatches = numbers_of(o.n_ubatch);
  for (const std::size_t n_batch : numbers_of(o.n_batch)) {
    for (const std::size_t n_ubatch : ubatches) {
      for (const std::string& k : o.type_k) {
        for (const std::string& v : o.type_v) {
          SpeedOptions& speed = all.emplace_back();
          speed.n_batch = n_batch;
          speed.n_ubatch = n_ubatch;
          speed.k_format = cache_format(k);
          speed.v_format = cache_format(v);
          speed.n_repetitions = o.n_repetitions;
          speed.warm_up = !o.no_warm_up;
        }
      }
    }
  }
  return all;
}

BenchRequest request_of(const BenchOptions& o, const ToolContext& context) {
  BenchRequest request;
  request.models = o.models;
  request.isa = context.isa;
  for (const std::size_t n : numbers_of(o.n_threads)) {
    request.n_threads.push_back(static_cast<int>(n));
  }
  request.combinations = combinations(o);
  request.tests = tests_of(o);
  return request;
}

// Prints rows as they come.
int bench(const BenchOptions& options, const ToolContext& context) {
  const BenchFormat format = bench_format_from_name(options.output);
  const BenchRequest request = request_of(options, context);
  const InterruptGuard interrupt;
  const auto put = [](const std::string& text) {
    put_text(text);
    flush_output();
  };
  Progress progress("bench");
  int n_rows = 0;
  BenchCallbacks callbacks;
  callbacks.on_row = [&](const BenchSetup& setup, const SpeedResult& result) {
    progress.clear();
    put(bench_line(format, bench_row(setup, result), n_rows++ == 0));
  };
  callbacks.on_progress = [&](double done, const std::string& step) {
    progress.update(done, step);
  };
  callbacks.should_stop = InterruptGuard::requested;
  put(bench_header(format, bench_machine(context.isa), request.models));
  const bool whole = run_bench(request, callbacks);
  progress.clear();
  put(bench_footer(format, n_rows > 0));
  return whole ? 0 : InterruptGuard::exit_code();
}

void add_options(CLI::App& command, BenchOptions& o) {
  const auto list = [&command](const char* names, auto& values, const char* type,
                               const std::string& what) {
    return command.add_option(names, values, what)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->capture_default_str()
        ->type_name(type);
  };
  const auto numbers = [&](const char* names, auto& values, std::size_t least, std::size_t most,
                           const char* what) {
    list(names, values, "N", what)->check(number_list_check(least, most));
  };
  command
      .add_option("-m,--model", o.models,
                  "GGUF file or checkpoint folder; may be given several times")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  numbers("-p,--n-prompt", o.n_prompt, 0, kMostTokens, "Prompt tokens of the pp tests; 0: none");
  numbers("-n,--n-gen", o.n_gen, 0, kMostTokens, "Generated tokens of the tg tests; 0: none");
  command
      .add_option("--pg", o.prompt_and_gen,
                  "PROMPT,GENERATED: both in one test (-pg 512,128); may be given several times")
      ->allow_extra_args(false)
      ->type_name("N,N");
  numbers("--n-step", o.n_step, 1, kMostStep,
          "Tokens of each step of the tg tests, as drafts are checked");
  numbers("-d,--n-depth", o.n_depth, 0, kMostTokens,
          "Tokens in the KV cache before what is measured");
  numbers("-t,--threads", o.n_threads, 0, kMostThreads, "Threads; 0: one per physical core");
  numbers("-b,--batch-size,--n-batch", o.n_batch, 1, kMostBatch, "Most tokens of a batch");
  numbers("--ub,--ubatch-size,--n-ubatch", o.n_ubatch, 1, kMostBatch,
          "Most tokens that go through a layer at once");
  list("--ctk,--cache-type-k", o.type_k, "TYPE", "Type of cached keys: " + cache_format_names());
  list("--ctv,--cache-type-v", o.type_v, "TYPE", "Type of cached values");
  command.add_option("-r,--repetitions", o.n_repetitions, "Repetitions of each test")
      ->check(whole_number(1, 100000))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--no-warmup", o.no_warm_up, "Skip the run before the first repetition");
  command.add_option("-o,--output", o.output, "md, csv, json, jsonl or sql")
      ->capture_default_str()
      ->type_name("FORMAT");
  command.footer("Lists and ranges of numbers: 512,1024 or 1-8 or 1-8+2 or 128-1024*2.");
}

}  // namespace

void add_bench(CLI::App& root, ToolContext& context) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* command = root.add_subcommand(
      "bench", "Measure prompt processing and generation, against this machine's limits");
  add_options(*command, *options);
  command->callback([options, &context] { context.exit_code = bench(*options, context); });
}

}  // namespace lathe
