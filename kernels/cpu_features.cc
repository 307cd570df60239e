#include "kernels/cpu_features.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace lathe {

#if defined(__x86_64__)

namespace {

// Registers of a CPUID leaf, zeros where the CPU has no such leaf.
struct Leaf {
  unsigned a = 0, b = 0, c = 0, d = 0;
  Leaf(unsigned leaf, unsigned subleaf) noexcept {
    if (__get_cpuid_count(leaf, subleaf, &a, &b, &c, &d) == 0) a = b = c = d = 0;
  }
};

constexpr bool all(unsigned word, unsigned mask) noexcept { return (word & mask) == mask; }
constexpr unsigned bit(int i) noexcept { return 1u << i; }

// Extended control register 0: which register sets the operating system saves on a switch.
unsigned xcr0() noexcept {
  constexpr unsigned kOsXsave = bit(27);
  if (!all(Leaf(1, 0).c, kOsXsave)) return 0;
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

constexpr unsigned kSavesAvx = bit(1) | bit(2);
constexpr unsigned kSavesAvx512 = kSavesAvx | bit(5) | bit(6) | bit(7);

}  // namespace

bool cpu_has_avx2() noexcept {
  constexpr unsigned kLeaf1C = bit(12) | bit(28) | bit(29);  // FMA, AVX, F16C
  constexpr unsigned kLeaf7B = bit(5) | bit(8);              // AVX2, BMI2
  return all(Leaf(1, 0).c, kLeaf1C) && all(Leaf(7, 0).b, kLeaf7B) && all(xcr0(), kSavesAvx);
}

bool cpu_has_avx512() noexcept {
  constexpr unsigned kLeaf7B = bit(16) | bit(17) | bit(30) | bit(31);  // F, DQ, BW, VL
  constexpr unsigned kVnni = bit(11);
  const Leaf leaf7(7, 0);
  return cpu_has_avx2() && all(leaf7.b, kLeaf7B) && all(leaf7.c, kVnni) &&
         all(xcr0(), kSavesAvx512);
}

bool cpu_has_avx512vbmi() noexcept { return cpu_has_avx512() && all(Leaf(7, 0).c, bit(1)); }
bool cpu_has_avx512bf16() noexcept { return cpu_has_avx512() && all(Leaf(7, 1).a, bit(5)); }

bool cpu_has_dotprod() noexcept { return false; }
bool cpu_has_i8mm() noexcept { return false; }

#else

bool cpu_has_avx2() noexcept { return false; }
bool cpu_has_avx512() noexcept { return false; }
bool cpu_has_avx512vbmi() noexcept { return false; }
bool cpu_has_avx512bf16() noexcept { return false; }

#if defined(__aarch64__)
bool cpu_has_dotprod() noexcept { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
bool cpu_has_i8mm() noexcept {
  return cpu_has_dotprod() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
}
#else
bool cpu_has_dotprod() noexcept { return false; }
bool cpu_has_i8mm() noexcept { return false; }
#endif

#endif

}  // namespace lathe
