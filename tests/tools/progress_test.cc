#include "tools/cli/progress.h"

#include <gtest/gtest.h>

#include <vector>

namespace lathe {
namespace {

// The minutes at which a job of `minutes` leaves a line in a log, looked at every second.
std::vector<double> log_lines(double minutes, double begin = 0.0) {
  LogPace pace(begin);
  std::vector<double> lines;
  const double seconds = minutes * 60.0;
  for (double t = 0; t <= seconds; t += 1.0) {
    if (pace.is_due(t, begin + (1.0 - begin) * t / seconds)) lines.push_back(t / 60.0);
  }
  return lines;
}

TEST(Progress, ShortJobsLeaveNothingInALog) { EXPECT_TRUE(log_lines(0.45).empty()); }

TEST(Progress, ALogShowsLifeAfterHalfAMinuteAndThenWithEachTenth) {
  EXPECT_EQ(log_lines(1.2), (std::vector<double>{0.5}));
  EXPECT_EQ(log_lines(5.0), (std::vector<double>{0.5, 1.5, 2.5, 3.5, 4.5}));
  EXPECT_EQ(log_lines(20.0), (std::vector<double>{0.5, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20}));
}

TEST(Progress, ALongJobSaysSomethingEveryTenMinutes) {
  const std::vector<double> lines = log_lines(600.0);
  ASSERT_GT(lines.size(), 55u);
  for (std::size_t i = 1; i < lines.size(); ++i) EXPECT_LE(lines[i] - lines[i - 1], 10.0);
}

TEST(Progress, ClockAndTimeLeft) {
  EXPECT_EQ(clock_text(187.2), "3:07");
  EXPECT_EQ(clock_text(3765), "1:02:45");
  EXPECT_EQ(clock_text(-1), "0:00");
  EXPECT_EQ(progress_text("eval ppl", 0.0, 0.25, 60, "chunk 6 of 20"),
            "eval ppl  25 %  1:00  3:00 left  chunk 6 of 20");
  EXPECT_EQ(progress_text("eval ppl", 0.5, 0.75, 60, ""), "eval ppl  75 %  1:00  1:00 left");
  EXPECT_EQ(progress_text("eval ppl", 0.5, 0.5, 1, ""), "eval ppl  50 %  0:01");
}

}  // namespace
}  // namespace lathe
