// The question whether a file fits on its disk.
#include "runtime/base/disk_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>

#include "runtime/base/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

TEST(DiskSpace, MoreThanIsFreeIsRefusedWithBothFigures) {
  const TempDir dir;
  const std::string path = dir.file("out");
  const std::uint64_t free = std::filesystem::space(dir.path()).available;
  EXPECT_NO_THROW(check_disk_space(path, 0));
  const std::string message = message_of(
      [&] { check_disk_space(path, 2 * free + (std::uint64_t{1} << 40)); }, ErrorKind::kFailed);
  EXPECT_THAT(message, testing::MatchesRegex(
                           ".*/out: [0-9.]+ MB are needed .*, [0-9.]+ MB are free on that disk"));
}

TEST(DiskSpace, AFolderThatDoesNotExistIsSomeoneElsesError) {
  EXPECT_NO_THROW(check_disk_space("/no/such/folder/out", std::uint64_t{1} << 60));
}

}  // namespace
}  // namespace lathe
