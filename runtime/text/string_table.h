// Texts numbered from 0, kept in one block of memory, and the way back from a text to its number.
//
// Open addressing with linear probing and a stored hash: two cache misses for a hit, one for most
// misses. The vocabularies (128k texts) load in a few milliseconds this way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

class StringTable {
 public:
  struct Inserted {
    std::int32_t id;
    bool is_new;
  };

  void reserve(std::size_t count, std::size_t bytes);

  // Adds the text under the next number, unless it is there already.
  Inserted insert(std::string_view text);
  // Takes the next number without text; find() never returns it.
  void skip_number();

  // The number of a text, or -1.
  std::int32_t find(std::string_view text) const noexcept;

  std::string_view operator[](std::size_t id) const noexcept {
    return std::string_view(bytes_).substr(ends_[id], ends_[id + 1] - ends_[id]);
  }
  std::size_t size() const noexcept { return ends_.size() - 1; }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::int32_t id = -1;
  };

  std::size_t slot_of(std::string_view text, std::uint64_t hash) const noexcept;
  void grow(std::size_t slots);

  std::string bytes_;
  std::vector<std::size_t> ends_ = {0};  // text i is bytes_[ends_[i], ends_[i + 1])
  std::vector<Slot> slots_;              // a power of two
  std::size_t used_ = 0;
};

}  // namespace lathe
