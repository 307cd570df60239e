// Micro-benchmarks of the kernels of one tier (LATHE_ISA; the best one by default), one thread,
// each beside the limit of this machine: `share` is 1 where the hardware can do no more.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "bench/limits.h"
#include "kernels/cpu_features.h"
#include "kernels/tiers.h"

#ifdef LATHE_OPENBLAS
namespace {

// An OpenBLAS older than the CPU takes it for one of the first ones with SSE2, which would be no
// yardstick at all. Its constructor reads the environment, so the program starts over.
void help_openblas(char** argv) {
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr || !lathe::cpu_has_avx2()) return;
  ::setenv("OPENBLAS_CORETYPE", lathe::cpu_has_avx512() ? "SkylakeX" : "Haswell", 1);
  ::execv("/proc/self/exe", argv);
}

}  // namespace
#endif

int main(int argc, char** argv) {
#ifdef LATHE_OPENBLAS
  help_openblas(argv);
#endif
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
#ifdef LATHE_OPENBLAS
  lathe::bench::add_blas_benchmarks(limits);
#endif
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
