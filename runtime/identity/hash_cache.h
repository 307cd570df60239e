// Hashes of tensors of files that were hashed before, so that a model is read for that once.
//
// One small text file for each model file, named by device and inode. An entry counts only while
// size, times of content and of inode (in ns) are those that it was made for, and it is made only
// where those times tell every change: on a local file system, for a file whose last change was
// long enough ago that the next one must show (also one through a shared mapping, whose time is set
// when the system writes pages out), and that did not change meanwhile. A damaged or missing entry
// is ignored, and one that cannot be written is no error: the hashes are computed then. The folder
// may be deleted at any time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "runtime/base/mapped_file.h"

namespace lathe {

// By place in the file: offset and bytes of the tensor's data.
using PlacedHashes = std::map<std::pair<std::uint64_t, std::uint64_t>, std::string>;

// $XDG_CACHE_HOME/lathe/hashes, by default ~/.cache/lathe/hashes; empty where neither is known.
std::string hash_cache_folder();

class HashCache {
 public:
  static constexpr std::chrono::seconds kMinAge{60};

  // `folder` empty: nothing is kept.
  explicit HashCache(std::string folder, std::chrono::seconds min_age = kMinAge)
      : folder_(std::move(folder)), min_age_(min_age) {}

  // Empty when there is nothing that can be trusted.
  PlacedHashes load(const MappedFile& file) const;
  // Whether what is computed from now on may be kept.
  bool is_sound(const MappedFile& file) const;
  // After is_sound(): keeps the hashes unless the file was changed or replaced meanwhile.
  void store(const MappedFile& file, const PlacedHashes& hashes) const;

 private:
  std::string path_for(const MappedFile& file) const;

  std::string folder_;
  std::chrono::seconds min_age_;
};

}  // namespace lathe
