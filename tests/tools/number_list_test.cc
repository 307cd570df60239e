#include "tools/commands/options/number_list.h"

#include <gtest/gtest.h>

#include "runtime/base/error.h"

namespace lathe {
namespace {

using Numbers = std::vector<std::size_t>;

TEST(NumberList, NumbersAndRanges) {
  EXPECT_EQ(numbers_of({"512", "1024"}), (Numbers{512, 1024}));
  EXPECT_EQ(numbers_of({"1-4"}), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(numbers_of({"1-8+3"}), (Numbers{1, 4, 7}));
  EXPECT_EQ(numbers_of({"128-1024*2"}), (Numbers{128, 256, 512, 1024}));
  EXPECT_EQ(numbers_of({"3-100*3", "0"}), (Numbers{3, 9, 27, 81, 0}));
  EXPECT_EQ(numbers_of({"5-5"}), (Numbers{5}));
  EXPECT_EQ(numbers_of({"18446744073709551614-18446744073709551615"}).size(), 2u);
}

TEST(NumberList, RefusesWhatIsNone) {
  const auto check = number_list_check(1, 1 << 20);
  for (const char* bad : {"", "x", "-1", "1-", "4-2", "1-8+0", "1-8*1", "0-8*2", "1-8+", "1-8/2",
                          "1.5", "nan", "1-8+2+2", " 1", "99999999999999999999"}) {
    EXPECT_THROW(numbers_of({bad}), Error) << bad;
    EXPECT_NE(check(bad), "") << bad;
  }
  EXPECT_EQ(check("1-8+2"), "");
  EXPECT_NE(check("0"), "");
  EXPECT_NE(check("1-1048577"), "");
  EXPECT_THROW(numbers_of({"1-1048576"}), Error);  // too many
}

}  // namespace
}  // namespace lathe
