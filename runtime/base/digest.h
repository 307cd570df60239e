// SHA-256 of files and texts: what results and output files name their inputs by.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace lathe {

// Of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::uint8_t> bytes);
  // 64 hexadecimal digits, as sha256sum prints them. Ends the computation.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::uint8_t> bytes);

}  // namespace lathe
