#include "runtime/text/display_width.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(DisplayWidth, CountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("plain"), 5u);
  EXPECT_EQ(display_width("na\u00EFve"), 5u);
  EXPECT_EQ(display_width("nai\u0308ve"), 5u);         // a combining mark
  EXPECT_EQ(display_width("\u65E5\u672C\u8A9E"), 6u);  // Japanese
  EXPECT_EQ(display_width("\U0001F600"), 2u);          // an emoji
  EXPECT_EQ(display_width("a\u200Bb"), 2u);            // a space without width
  EXPECT_EQ(display_width("\xFF\xC3"), 2u);            // shown as U+FFFD each
}

TEST(DisplayWidth, FittedTextHasOneLineOfThatWidth) {
  EXPECT_EQ(fit_to_width("short", 10), "short");
  EXPECT_EQ(fit_to_width("exactly 10", 10), "exactly 10");
  EXPECT_EQ(fit_to_width("more than 10", 10), "more th...");
  EXPECT_EQ(fit_to_width("\u65E5\u672C\u8A9E\u65E5\u672C", 8),
            "\u65E5\u672C...");  // no half character
  EXPECT_EQ(fit_to_width("abcdef", 2), "..");
  EXPECT_EQ(fit_to_width("abc", 0), "");
}

TEST(DisplayWidth, FittedTextIsHarmless) {
  EXPECT_EQ(fit_to_width("a\nb\x1B[2J\x7F", 80), "a\uFFFDb\uFFFD[2J\uFFFD");
  EXPECT_EQ(fit_to_width("\u202Egnp.exe", 80), "\uFFFDgnp.exe");
  EXPECT_EQ(fit_to_width("\xC3(", 80), "\uFFFD(");
}

}  // namespace
}  // namespace lathe
