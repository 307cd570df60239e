#include "runtime/algebra/blas_core.h"

#include <cblas.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "kernels/cpu_features.h"

namespace lathe {
namespace {

constexpr const char* kVariable = "OPENBLAS_CORETYPE";
constexpr std::string_view kWithAvx2[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake",
                                          "Sapphirerapids"};

}  // namespace

std::string blas_core() { return openblas_get_corename(); }

const char* missed_blas_core() noexcept {
  if (!cpu_has_avx2() || std::getenv(kVariable) != nullptr) return nullptr;
  const std::string_view chosen = openblas_get_corename();
  if (std::find(std::begin(kWithAvx2), std::end(kWithAvx2), chosen) != std::end(kWithAvx2)) {
    return nullptr;
  }
  return cpu_has_avx512() ? "SkylakeX" : "Haswell";
}

void help_blas(char** argv) noexcept {
  const char* core = missed_blas_core();
  if (core == nullptr || ::setenv(kVariable, core, 1) != 0) return;
  ::execv("/proc/self/exe", argv);  // where that fails, it is slow
}

}  // namespace lathe
