// How far to guess ahead, played through with costs and probabilities that are known.
#include "runtime/speculation/draft_length.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace lathe {
namespace {

// A machine and a drafter: seconds of a pass and a guess, and how often guesses are right.
struct World {
  double further = 0.35;  // what a further token adds to a pass of one, which takes 1
  double guess = 0;
  std::function<double(int token)> right;  // at this token of the text
  std::function<float(int token)> confidence = [](int) { return 0.75f; };
  double noise = 0;  // a share of passes takes ten times as long

  double pass(std::size_t n) const { return 1 + further * static_cast<double>(n - 1); }
};

// Seconds that a text of n tokens takes.
double play(const World& world, int n, DraftLength& length) {
  std::mt19937 random(1);
  const auto happens = [&](double p) { return std::generate_canonical<double, 32>(random) < p; };
  double seconds = 0;
  for (int at = 0; at < n;) {
    std::vector<float> draft;
    double guessing = 0;
    length.begin(16, world.guess == 0);
    while (length.wants_guess()) {
      const float confidence = world.confidence(at + static_cast<int>(draft.size()));
      guessing += world.guess;
      length.guess_took(world.guess);
      if (!length.take(confidence)) break;
      draft.push_back(confidence);
    }
    double pass = world.pass(draft.size() + 1);
    seconds += pass + guessing;
    if (happens(world.noise)) pass *= 10;  // not counted: it would come without drafts, too
    length.pass_took(draft.size() + 1, pass);
    std::size_t n_right = 0;
    while (n_right < draft.size() && happens(world.right(at + static_cast<int>(n_right)))) {
      length.was_right(draft[n_right++], true);
    }
    if (n_right < draft.size()) length.was_right(draft[n_right], false);
    length.step_took(pass + guessing, n_right + 1);
    at += static_cast<int>(n_right) + 1;
  }
  return seconds / n;
}

double play(const World& world, int n = 2000) {
  DraftLength length(16, true);
  return play(world, n, length);
}

// Seconds a token with drafts that are always of the best length.
double best_fixed(const World& world, double q) {
  double best = 1;
  for (int k = 1; k <= 16; ++k) {
    const double tokens = (1 - std::pow(q, k + 1)) / (1 - q);
    best = std::min(best, (world.pass(static_cast<std::size_t>(k) + 1) + world.guess * k) / tokens);
  }
  return best;
}

TEST(DraftLength, WhatIsNeverRightCostsNextToNothing) {
  World world;
  world.right = [](int) { return 0.0; };
  for (const float confidence : {0.15f, 0.5f, 0.99f}) {
    world.confidence = [&](int) { return confidence; };
    for (const double further : {0.05, 0.35, 0.9}) {
      for (const double guess : {0.0, 0.1, 0.9}) {
        world.further = further;
        world.guess = guess;
        EXPECT_LT(play(world), 1.04) << confidence << " " << further << " " << guess;
      }
    }
  }
}

TEST(DraftLength, IsNearlyAsGoodAsTheBestOneKnownBefore) {
  World world;
  for (const double q : {0.3, 0.6, 0.8, 0.95}) {
    world.right = [&](int) { return q; };
    for (const double further : {0.05, 0.35}) {
      for (const double guess : {0.0, 0.1}) {
        world.further = further;
        world.guess = guess;
        EXPECT_LT(play(world), 1.06 * best_fixed(world, q)) << q << " " << further << " " << guess;
      }
    }
  }
}

// One pass in twenty is held up by somebody else.
TEST(DraftLength, IsNotMisledByTimesThatAreNone) {
  World world;
  world.noise = 0.05;
  world.right = [&](int) { return 0.8; };
  EXPECT_LT(play(world), 1.2 * best_fixed(world, 0.8));
  world.right = [&](int) { return 0.0; };
  EXPECT_LT(play(world), 1.06);
}

// Whatever it is that is never right.
TEST(DraftLength, GivesUpAllKindsOfGuesses) {
  World world;
  world.right = [](int) { return 0.0; };
  world.confidence = [](int token) { return static_cast<float>(token % 10) / 10; };
  EXPECT_LT(play(world), 1.05);
  world.guess = 0.1;
  EXPECT_LT(play(world), 1.05);
}

// Confidence tells what is worth it, even where it means something else than it says.
TEST(DraftLength, LearnsWhatConfidenceIsWorth) {
  World world;
  world.confidence = [](int token) { return token % 2 == 0 ? 0.95f : 0.55f; };
  world.right = [](int token) { return token % 2 == 0 ? 0.0 : 0.9; };
  World blind = world;
  blind.confidence = [](int) { return 0.75f; };
  EXPECT_LT(play(world), 0.9);
  EXPECT_LT(play(world), play(blind));
}

TEST(DraftLength, ComesBackWhenGuessesAreRightAgain) {
  World world;
  world.right = [](int token) { return token < 1000 ? 0.0 : 0.9; };
  DraftLength length(16, true);
  const double both = play(world, 3000, length);
  const double apart = (1.04 * 1000 + 2000 * best_fixed(world, 0.9)) / 3000;
  EXPECT_LT(both, 1.15 * apart);
}

TEST(DraftLength, AFirstPassOfOneTokenMeasures) {
  DraftLength length(4, true);
  length.begin(4, true);
  EXPECT_FALSE(length.wants_guess());
  length.pass_took(1, 1.0);
  length.begin(4, true);
  EXPECT_TRUE(length.wants_guess());
  length.begin(0, true);  // nothing is wanted
  EXPECT_FALSE(length.wants_guess());
}

TEST(DraftLength, IsWhatWasSaidWhereItDoesNotAdapt) {
  DraftLength length(4, false);
  length.begin(9, false);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(length.wants_guess());
    EXPECT_TRUE(length.take(0.0f));
  }
  EXPECT_FALSE(length.wants_guess());
}

}  // namespace
}  // namespace lathe
