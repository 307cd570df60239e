#include "tools/jobs/release/made_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/file_stamp.h"
#include "runtime/base/quote.h"
#include "tools/jobs/release/inputs.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return file_stamp(info);
}

}  // namespace

Json stamp_json(const std::string& path, const JobProgress& progress) {
  const std::string sha256 = file_sha256(path, progress);
  const auto stamp = stamp_of(path);
  if (!stamp) throw failed(path + ": is gone");
  return {{"bytes", stamp->size}, {"modified_ns", stamp->modified_ns}, {"sha256", sha256}};
}

bool is_unchanged(const std::string& path, const Json& stamp) noexcept {
  try {
    const auto now = stamp_of(path);
    if (!now || now->size != stamp.at("bytes").get<std::uint64_t>()) return false;
    return now->modified_ns == stamp.at("modified_ns").get<std::int64_t>() ||
           file_sha256(path) == stamp.at("sha256").get<std::string>();
  } catch (const std::exception&) {
    return false;
  }
}

void refuse_foreign(const std::string& path, const std::string& key, const ReleaseState& state) {
  std::error_code ignored;
  if (state.knows(key) ||
      !std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
    return;
  }
  throw usage_error(path +
                    " is there already, and this release did not make it: move it away, or name "
                    "another output");
}

}  // namespace lathe
