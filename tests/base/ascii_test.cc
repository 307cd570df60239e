#include "runtime/base/ascii.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(Ascii, LowercaseLeavesOtherBytesAlone) {
  EXPECT_EQ(lowercase("Blk.0.ATTN_q@[Z{"), "blk.0.attn_q@[z{");
  EXPECT_EQ(lowercase("\xc3\x84"), "\xc3\x84") << "not of ASCII";
}

TEST(Ascii, TrimmedLosesBlanksAtBothEnds) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \t"), "");
  EXPECT_EQ(trimmed(""), "");
}

}  // namespace
}  // namespace lathe
