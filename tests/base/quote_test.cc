// With <iomanip> in sight, whose std::quoted is another function.
#include "runtime/base/quote.h"

#include <gtest/gtest.h>

#include <iomanip>
#include <string>

namespace lathe {
namespace {

TEST(Quote, EveryKindOfTextReachesOurs) {
  std::string text = "a\n";
  const std::string& fixed = text;
  EXPECT_EQ(quoted(text), "'a\\x0a'");
  EXPECT_EQ(quoted(fixed), "'a\\x0a'");
  EXPECT_EQ(quoted(std::string("b")), "'b'");
  EXPECT_EQ(quoted(std::string_view("c")), "'c'");
  EXPECT_EQ(quoted(std::string_view("d")), "'d'");
  EXPECT_EQ(quoted(std::string(200, 'x'), 3), "'xxx...'");
}

}  // namespace
}  // namespace lathe
