// Masks of a grammar over a real vocabulary (LATHE_BENCH_VOCABULARY: a GGUF file; without it these
// are left out), one thread: a text is gone through token by token, each with its mask, as a
// generation does. Names are grammar/WHAT/first: nothing is known of the grammar yet, and
// grammar/WHAT/next: texts were made with it before.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/limits.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/text/grammar/token_grammar.h"
#include "runtime/text/tokenizer.h"

namespace lathe::bench {
namespace {

struct Case {
  const char* name;
  const char* schema;  // a JSON schema; GBNF where it begins with "root"
  const char* text;
};

constexpr const char* kPeople =
    R"({"people": [{"name": "Ada Lovelace", "born": 1815, "notes": "The first to see that a machine could do more than )"
    R"(numbers; her notes are longer than the paper they explain."}, {"name": "Grace Hopper", "born": 1906, "notes": )"
    R"("Compilers, COBOL, and a piece of wire as long as light travels in a nanosecond."}], "complete": false})";
constexpr Case kCases[] = {
    {"any-json", "{}", kPeople},
    {"schema",
     R"({"type": "object", "properties": {"people": {"type": "array", "items": {"type": "object", "properties": {
       "name": {"type": "string"}, "born": {"type": "integer", "minimum": 0, "maximum": 2100}, "notes": {"type": "string"}},
       "required": ["name", "born", "notes"]}}, "complete": {"type": "boolean"}}, "required": ["people", "complete"]})",
     kPeople},
    {"counted-strings",
     R"({"type": "object", "properties": {"people": {"type": "array", "items": {"type": "object", "properties": {
       "name": {"type": "string", "maxLength": 40}, "born": {"type": "integer"}, "notes": {"type": "string", "maxLength": 300}},
       "required": ["name", "born", "notes"]}}, "complete": {"type": "boolean"}}, "required": ["people", "complete"]})",
     kPeople},
    {"lines", "root ::= (\"- \" [^\\n]+ \"\\n\")+",
     "- The first to see that a machine could do more than numbers\n- Compilers, COBOL, and a "
     "piece of wire\n"},
};

Grammar grammar_of(const Case& c) {
  const std::string text = c.schema;
  return text.starts_with("root") ? Grammar::from_gbnf(text, c.name)
                                  : Grammar::from_json_schema(text, c.name);
}

void go_through(const TokenGrammar& grammar, const std::vector<Token>& tokens, double& worst) {
  GrammarState state = grammar.start();
  for (const Token token : tokens) {
    const double start = thread_seconds();
    benchmark::DoNotOptimize(&state.allowed());
    if (!state.accept(token)) std::abort();
    worst = std::max(worst, thread_seconds() - start);
  }
}

void masks(benchmark::State& state, const Case& c, const Tokenizer& tokenizer, bool first) {
  const Grammar grammar = grammar_of(c);
  const std::vector<Token> tokens = tokenizer.encode(c.text, {.add_special = false});
  TokenGrammar known(grammar, tokenizer);
  double worst = 0, seconds = 0, unused = 0;
  if (!first) go_through(known, tokens, unused);
  std::size_t n = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::unique_ptr<TokenGrammar> fresh;
    if (first) fresh = std::make_unique<TokenGrammar>(grammar, tokenizer);
    state.ResumeTiming();
    const double start = thread_seconds();
    go_through(first ? *fresh : known, tokens, worst);
    seconds += thread_seconds() - start;
    n += tokens.size();
  }
  state.counters["us/token"] = seconds / static_cast<double>(n) * 1e6;
  state.counters["worst us"] = worst * 1e6;
}

}  // namespace

void add_grammar_benchmarks() {
  const char* path = std::getenv("LATHE_BENCH_VOCABULARY");
  if (path == nullptr) return;
  static const Tokenizer tokenizer = Tokenizer::from_metadata(GgufFile::open(path).metadata());
  benchmark::RegisterBenchmark("grammar/tree-of-tokens",
                               [](benchmark::State& state) {
                                 const Grammar grammar = grammar_of(kCases[0]);
                                 for (auto _ : state) TokenGrammar(grammar, tokenizer);
                               })
      ->MinTime(0.1)
      ->Unit(benchmark::kMillisecond);
  for (const Case& c : kCases) {
    for (const bool first : {true, false}) {
      const std::string name = fmt::format("grammar/{}/{}", c.name, first ? "first" : "next");
      benchmark::RegisterBenchmark(
          name.c_str(), [&c, first](benchmark::State& state) { masks(state, c, tokenizer, first); })
          ->MinTime(0.1)
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace lathe::bench
