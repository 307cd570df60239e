#include "runtime/identity/hash_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "runtime/base/atomic_file.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTitle = "lathe tensor hashes 1";
constexpr std::size_t kHashDigits = 32;

// File systems whose times and inodes are another machine's word, or kept for a while:
// statfs(2) has these numbers.
constexpr std::uint32_t kRemote[] = {0x6969,     0x517b,     0xff534d42, 0xfe534d42,
                                     0x01021997, 0x65735546, 0x00c36400, 0x5346414f,
                                     0x73757245, 0x564c,     0x0bd00bd0, 0x47504653};

std::string digest_of(const std::string& text) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string stamp_line(const FileStamp& stamp) {
  return fmt::format("file {} {} {} {} {}\n", stamp.device, stamp.inode, stamp.size,
                     stamp.modified_ns, stamp.changed_ns);
}

bool is_hash(const std::string& text) {
  return text.size() == kHashDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The content of an entry without its last line, which is the hash of the rest; empty when that is
// not so.
std::string checked_content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  constexpr std::size_t kDigestLine = 65;
  if (text.size() < kDigestLine || text.back() != '\n') return {};
  const std::string digest = text.substr(text.size() - kDigestLine, kDigestLine - 1);
  text.resize(text.size() - kDigestLine);
  return digest_of(text) == digest ? text : std::string{};
}

}  // namespace

std::string hash_cache_folder() {
  // What is not absolute does not count (XDG Base Directory Specification).
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
    return std::string(cache) + "/lathe/hashes";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return std::string(home) + "/.cache/lathe/hashes";
  }
  return {};
}

std::string HashCache::path_for(const MappedFile& file) const {
  return fmt::format("{}/{:x}-{:x}", folder_, file.stamp().device, file.stamp().inode);
}

PlacedHashes HashCache::load(const MappedFile& file) const {
  if (folder_.empty()) return {};
  std::istringstream in(checked_content(path_for(file)));
  std::string line;
  if (!std::getline(in, line) || line != kTitle) return {};
  if (!std::getline(in, line) || line + "\n" != stamp_line(file.stamp())) return {};
  PlacedHashes hashes;
  std::uint64_t offset = 0, n_bytes = 0;
  std::string hash;
  while (in >> offset >> n_bytes >> hash) {
    if (!is_hash(hash)) return {};
    hashes[{offset, n_bytes}] = hash;
  }
  return hashes;
}

bool HashCache::is_sound(const MappedFile& file) const {
  if (folder_.empty()) return false;
  struct statfs system = {};
  if (::statfs(file.path().c_str(), &system) != 0) return false;
  const auto type = static_cast<std::uint32_t>(system.f_type);
  if (std::find(std::begin(kRemote), std::end(kRemote), type) != std::end(kRemote)) return false;
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::int64_t last = std::max(file.stamp().modified_ns, file.stamp().changed_ns);
  return now.count() - last >= std::chrono::nanoseconds(min_age_).count();
}

void HashCache::store(const MappedFile& file, const PlacedHashes& hashes) const {
  struct stat info = {};
  if (::stat(file.path().c_str(), &info) != 0 || file_stamp(info) != file.stamp()) return;
  std::string text = std::string(kTitle) + "\n" + stamp_line(file.stamp());
  for (const auto& [place, hash] : hashes) {
    text += fmt::format("{} {} {}\n", place.first, place.second, hash);
  }
  text += digest_of(text) + "\n";
  try {
    fs::create_directories(folder_);
    OutputGate gate;
    gate.reads(file.path(), "the model");
    write_text(gate.admit(path_for(file), {.what = "the cache of hashes"}), text);
  } catch (const Error&) {  // a full disk, another lathe that writes the same: no harm done
  } catch (const fs::filesystem_error&) {
  }
}

}  // namespace lathe
