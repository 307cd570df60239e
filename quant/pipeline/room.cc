#include "quant/pipeline/room.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "quant/pipeline/journal.h"
#include "runtime/base/disk_space.h"
#include "runtime/base/resolve_path.h"

namespace lathe {

namespace fs = std::filesystem;

void check_room(const std::string& out_path, std::uint64_t n_bytes) {
  const std::string path = resolve_path(out_path).path;
  std::uint64_t there = 0;
  for (const JournalPart& part : read_journal(out_path).parts) {
    std::error_code absent;
    const std::uintmax_t size = fs::file_size(fs::path(path).parent_path() / part.file, absent);
    if (!absent) there += size;
  }
  check_disk_space(path, n_bytes - std::min(n_bytes, there));
}

}  // namespace lathe
