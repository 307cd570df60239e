#include "runtime/text/string_table.h"

#include <bit>
#include <cstring>

namespace lathe {
namespace {

std::uint64_t mix(std::uint64_t x) noexcept {
  x *= 0x9E3779B97F4A7C15ull;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ull;
  return x ^ (x >> 32);
}

std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = text.size();
  while (text.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), 8);
    hash = mix(hash ^ word);
    text.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  for (const char c : text) rest = rest << 8 | static_cast<std::uint8_t>(c);
  return mix(hash ^ rest);
}

std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

void StringTable::reserve(std::size_t count, std::size_t bytes) {
  bytes_.reserve(bytes);
  ends_.reserve(count + 1);
  const std::size_t slots = std::bit_ceil(2 * count + 1);
  if (slots > slots_.size()) grow(slots);
}

// The slot that holds the text, or the empty one where it would go.
std::size_t StringTable::slot_of(std::string_view text, std::uint64_t hash) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  while (slots_[i].id >= 0) {
    const Slot& slot = slots_[i];
    if (slot.tag == tag_of(hash) && (*this)[static_cast<std::size_t>(slot.id)] == text) break;
    i = (i + 1) & mask;
  }
  return i;
}

void StringTable::grow(std::size_t slots) {
  std::vector<Slot> old(slots);
  std::swap(old, slots_);
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t i = hash_of((*this)[static_cast<std::size_t>(slot.id)]) & (slots - 1);
    while (slots_[i].id >= 0) i = (i + 1) & (slots - 1);
    slots_[i] = slot;
  }
}

StringTable::Inserted StringTable::insert(std::string_view text) {
  if (2 * (used_ + 1) > slots_.size()) grow(slots_.empty() ? 64 : 2 * slots_.size());
  const std::uint64_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.id >= 0) return {slot.id, false};
  slot = {tag_of(hash), static_cast<std::int32_t>(size())};
  bytes_ += text;
  ends_.push_back(bytes_.size());
  ++used_;
  return {slot.id, true};
}

void StringTable::skip_number() { ends_.push_back(bytes_.size()); }

std::int32_t StringTable::find(std::string_view text) const noexcept {
  return slots_.empty() ? -1 : slots_[slot_of(text, hash_of(text))].id;
}

}  // namespace lathe
