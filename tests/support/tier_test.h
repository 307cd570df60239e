// A GoogleTest fixture that runs each of its tests once per supported tier.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/kernel_cases.h"

namespace lathe::test {

class TierTest : public testing::TestWithParam<std::string> {
 protected:
  const KernelTable kernels_ = kernels_of(GetParam());
  const KernelTable scalar_ = kernels_of("scalar");
};

#define LATHE_EVERY_TIER(Fixture)                                                  \
  INSTANTIATE_TEST_SUITE_P(Kernels, Fixture, testing::ValuesIn(supported_tiers()), \
                           [](const auto& param) { return param.param; })

}  // namespace lathe::test
