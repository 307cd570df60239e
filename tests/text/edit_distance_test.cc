#include "runtime/text/edit_distance.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(EditDistance, CountsChangesAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("inspect", "inspekt"), 1u);
  EXPECT_EQ(edit_distance("--modle", "--model"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // optimal string alignment
}

}  // namespace
}  // namespace lathe
