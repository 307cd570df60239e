#include "runtime/base/resolve_path.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr int kMostLinks = 40;  // as the kernel has it

// "/proc/PID/fd" of this process, where names are open files and no links in the usual sense.
bool is_own_descriptors(const std::string& folder) {
  const std::string own = "/proc/" + std::to_string(::getpid());
  if (folder == own + "/fd") return true;
  return folder.starts_with(own + "/task/") && folder.ends_with("/fd");
}

std::string real_folder(const std::string& given, const std::string& folder) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(folder.c_str(), nullptr), ::free);
  if (real != nullptr) return real.get();
  if (errno == ENOENT) {
    throw usage_error(given + ": the folder " + folder + " does not exist: make it first");
  }
  if (errno == ENOTDIR) throw usage_error(given + ": " + folder + " is no folder");
  throw usage_error(given + ": the folder " + folder + " cannot be used: " + std::strerror(errno));
}

// Where a link leads; nothing for what is no link, or is not there.
std::optional<std::string> link_at(const std::string& given, const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  if (n >= 0) return std::string(target.data(), static_cast<std::size_t>(n));
  if (errno == EINVAL || errno == ENOENT) return std::nullopt;
  if (errno == ENOTDIR) {
    throw usage_error(given + ": " + path.substr(0, path.rfind('/')) + " is no folder");
  }
  throw usage_error(given + ": cannot be used as a name: " + std::strerror(errno));
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 7 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

ResolvedPath resolve_path(const std::string& path) {
  if (path.empty()) throw usage_error("the name of an output is empty");
  std::string current = path;
  for (int n_links = 0; n_links <= kMostLinks; ++n_links) {
    const std::size_t slash = current.rfind('/');
    const std::string name = slash == current.npos ? current : current.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") {
      throw usage_error(path + ": names a folder, expected the name of a file");
    }
    const std::string folder = real_folder(path, slash == current.npos ? "."
                                                 : slash == 0          ? "/"
                                                                       : current.substr(0, slash));
    if (is_own_descriptors(folder) && is_number(name)) {
      return {folder + "/" + name, folder, std::stoi(name)};
    }
    const std::string full = (folder == "/" ? "" : folder) + "/" + name;
    const std::optional<std::string> link = link_at(path, full);
    if (!link) return {full, folder};
    current = link->starts_with('/') ? *link : folder + "/" + *link;
  }
  throw usage_error(path + ": its symbolic links lead in a circle");
}

std::optional<FileId> file_id(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileId{info.st_dev, info.st_ino};
}

}  // namespace lathe
