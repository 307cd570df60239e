#include "quant/eval/checkpoint_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <system_error>

#include "runtime/base/digest.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameDigits = 16;

bool is_set(const char* value) noexcept { return value != nullptr && *value != '\0'; }

std::optional<KeptCheckpoint> look_at(const fs::directory_entry& entry) {
  std::error_code error;
  if (!entry.is_regular_file(error) || entry.path().extension() != ".gguf") return std::nullopt;
  try {
    const std::string path = entry.path().string();
    return KeptCheckpoint{path, read_checkpoint_label(path), entry.file_size(),
                          entry.last_write_time()};
  } catch (const std::exception&) {  // something else, or gone meanwhile
    return std::nullopt;
  }
}

}  // namespace

std::string checkpoint_folder() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); is_set(state)) {
    return (fs::path(state) / "lathe").string();
  }
  if (const char* home = std::getenv("HOME"); is_set(home)) {
    return (fs::path(home) / ".local" / "state" / "lathe").string();
  }
  return (fs::temp_directory_path() / "lathe").string();
}

std::string checkpoint_path(const RunIdentity& identity) {
  std::string all;
  for (const auto& [name, value] : identity) all += name + '\0' + value + '\0';
  const std::string digest =
      sha256_hex({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()});
  return (fs::path(checkpoint_folder()) /
          fmt::format("eval-{}.gguf", digest.substr(0, kNameDigits)))
      .string();
}

std::vector<KeptCheckpoint> list_checkpoints(const std::string& folder) {
  std::vector<KeptCheckpoint> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (auto checkpoint = look_at(*it)) found.push_back(std::move(*checkpoint));
  }
  std::sort(found.begin(), found.end(), [](const KeptCheckpoint& a, const KeptCheckpoint& b) {
    return a.written != b.written ? a.written > b.written : a.path < b.path;
  });
  return found;
}

std::optional<KeptCheckpoint> nearest_checkpoint(const std::string& folder,
                                                 const RunIdentity& identity) {
  std::optional<KeptCheckpoint> nearest;
  std::size_t fewest = identity.size();
  for (KeptCheckpoint& checkpoint : list_checkpoints(folder)) {
    const RunIdentity& of = checkpoint.label.identity;
    if (of.empty() || identity.empty() || of.front() != identity.front()) continue;
    const std::size_t n = identity_differences(of, identity).size();
    if (n >= fewest) continue;
    fewest = n;
    nearest = std::move(checkpoint);
  }
  return nearest;
}

std::vector<KeptCheckpoint> remove_checkpoints_older_than(std::size_t days,
                                                          std::vector<KeptCheckpoint>& kept) {
  constexpr double kSecondsADay = 86400.0;
  std::vector<KeptCheckpoint> removed, left;
  const auto now = fs::file_time_type::clock::now();
  for (KeptCheckpoint& checkpoint : kept) {
    const std::chrono::duration<double> age = now - checkpoint.written;
    const bool is_old = age.count() > static_cast<double>(days) * kSecondsADay;
    std::error_code error;
    if (is_old && !fs::remove(checkpoint.path, error) && error) {
      throw failed(checkpoint.path + " cannot be removed: " + error.message());
    }
    (is_old ? removed : left).push_back(std::move(checkpoint));
  }
  kept = std::move(left);
  return removed;
}

std::string time_text(fs::file_time_type time) {
  const auto since =
      std::chrono::duration_cast<std::chrono::seconds>(fs::file_time_type::clock::now() - time);
  const std::time_t at =
      std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - since);
  std::tm local{};
  localtime_r(&at, &local);
  return fmt::format("{:%Y-%m-%d %H:%M}", local);
}

}  // namespace lathe
