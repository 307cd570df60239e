// Numbers in no order, the same on every machine (splitmix64: Steele, Lea & Flood 2014).
#pragma once

#include <cstdint>

namespace lathe {

class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed = 0) noexcept : state_(seed) {}

  // Of 0 .. n-1.
  std::uint64_t below(std::uint64_t n) noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % n;
  }

 private:
  std::uint64_t state_;
};

}  // namespace lathe
