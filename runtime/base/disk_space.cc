#include "runtime/base/disk_space.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::uint64_t kReserve = std::uint64_t{1} << 20;

}  // namespace

void check_disk_space(const std::string& path, std::uint64_t n_bytes) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error || space.available >= n_bytes + kReserve) return;
  throw failed(fmt::format(
      "{}: {:.1f} MB are needed (with {:.0f} MB to spare), {:.1f} MB are free on that disk", path,
      static_cast<double>(n_bytes + kReserve) / 1e6, static_cast<double>(kReserve) / 1e6,
      static_cast<double>(space.available) / 1e6));
}

std::uint64_t free_disk_space(const std::string& folder) noexcept {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  return error ? 0 : space.available;
}

}  // namespace lathe
