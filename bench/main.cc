// Micro-benchmarks of the kernels of one tier (LATHE_ISA; the best one by default), one thread,
// each beside the limit of this machine: `share` is 1 where the hardware can do no more.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

#include "bench/limits.h"
#include "kernels/tiers.h"
#include "runtime/algebra/blas_core.h"

int main(int argc, char** argv) {
  lathe::help_blas(argv);
  const char* isa = std::getenv("LATHE_ISA");
  lathe::KernelTable kernels;
  if (!lathe::select_kernels(isa == nullptr ? "" : isa, &kernels)) {
    std::fprintf(stderr, "lathe_bench: this CPU has no tier '%s'\n", isa);
    return 2;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("tier", kernels.tier);
  lathe::bench::Limits limits(kernels);
  lathe::bench::add_kernel_benchmarks(limits);
  lathe::bench::add_blas_benchmarks(limits);
  lathe::bench::add_rounding_benchmarks(limits);
  lathe::bench::add_grammar_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
