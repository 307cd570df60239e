#include "runtime/identity/build_info.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <span>

#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"

namespace lathe {
namespace {

constexpr std::size_t kIdDigits = 16;

using Bytes = std::span<const std::uint8_t>;

std::size_t aligned(std::size_t n) noexcept { return (n + 3) / 4 * 4; }

// The description of the note "GNU", NT_GNU_BUILD_ID among these notes; empty when there is none.
Bytes build_id_note(Bytes notes) noexcept {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    std::memcpy(&head, notes.data(), sizeof head);
    const std::size_t name_at = sizeof head, bytes_at = name_at + aligned(head.n_namesz);
    const std::size_t end = bytes_at + aligned(head.n_descsz);
    if (end > notes.size()) return {};
    const bool gnu = head.n_namesz == 4 && std::memcmp(notes.data() + name_at, "GNU", 4) == 0;
    if (gnu && head.n_type == NT_GNU_BUILD_ID) return notes.subspan(bytes_at, head.n_descsz);
    notes = notes.subspan(end);
  }
  return {};
}

// Called for the executable first; shared libraries are not looked at.
int find_note(dl_phdr_info* object, std::size_t, void* found) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = object->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + header.p_vaddr);
    const Bytes id = build_id_note({bytes, header.p_memsz});
    if (id.empty()) continue;
    *static_cast<Bytes*>(found) = id;
    break;
  }
  return 1;
}

}  // namespace

const char* build_version() noexcept { return LATHE_VERSION; }
const char* build_commit() noexcept { return LATHE_BUILD_COMMIT; }
int build_number() noexcept { return LATHE_BUILD_NUMBER; }

std::string build_id() {
  Bytes note;
  ::dl_iterate_phdr(find_note, &note);
  std::string id;
  for (const std::uint8_t byte : note) id += fmt::format("{:02x}", byte);
  if (id.size() >= kIdDigits) return id.substr(0, kIdDigits);
  try {
    return sha256_hex(MappedFile("/proc/self/exe").bytes()).substr(0, kIdDigits);
  } catch (const Error&) {
    return "unknown";
  }
}

std::string build_words() {
  return fmt::format("{} ({}, build {})", build_version(), build_commit(), build_id());
}

}  // namespace lathe
