#include "tools/report/text_table.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TextTable sample() {
  TextTable table({"name", "GB/s"});
  table.add_row({"read", "9.5"});
  table.add_row({"naïve", "120.0"});
  return table;
}

TEST(TextTable, AlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(sample().aligned(),
            "name    GB/s\n"
            "read     9.5\n"
            "naïve  120.0\n");
}

TEST(TextTable, Markdown) {
  EXPECT_EQ(sample().markdown(),
            "| name  |  GB/s |\n"
            "| ----- | ----: |\n"
            "| read  |   9.5 |\n"
            "| naïve | 120.0 |\n");
}

TEST(TextTable, MarkdownEscapesWhatWouldEndACell) {
  TextTable table({"file"});
  table.add_row({"a|b\nc"});
  EXPECT_EQ(table.markdown(), "| file   |\n| ------ |\n| a\\|b c |\n");
}

TEST(TextTable, WideCharactersTakeTwoColumns) {
  TextTable table({"name", "n"});
  table.add_row({"\u65E5\u672C", "1"});
  table.add_row({"abcd", "2"});
  EXPECT_EQ(table.aligned(), "name  n\n\u65E5\u672C  1\nabcd  2\n");
}

TEST(TextTable, RowsFitTheHeader) {
  TextTable table({"a", "b"});
  table.add_row({"1"});
  table.add_row({"2", "x", "surplus"});
  EXPECT_EQ(table.aligned(), "a  b\n1\n2  x\n");
}

}  // namespace
}  // namespace lathe
