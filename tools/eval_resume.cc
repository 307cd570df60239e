#include "tools/eval_resume.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kInterval{60};
constexpr std::size_t kNameDigits = 16;

// Where programs keep what they want to find again (XDG Base Directory Specification).
fs::path state_folder() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return fs::path(state) / "lathe";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".local" / "state" / "lathe";
  }
  return fs::temp_directory_path() / "lathe";
}

std::string path_for(const RunIdentity& identity) {
  std::string all;
  for (const auto& [name, value] : identity) all += name + '\0' + value + '\0';
  const std::string digest =
      sha256_hex({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()});
  return (state_folder() / fmt::format("eval-{}.gguf", digest.substr(0, kNameDigits))).string();
}

}  // namespace

void add_resume_options(CLI::App& command, ResumeOptions& options) {
  command.add_flag("--resume", options.resume,
                   "Go on where an interrupted run of the same command ended");
  command
      .add_option("--checkpoint", options.checkpoint,
                  "Keep what was measured in this file (default: a file of the user's state "
                  "folder), saved every minute and on Ctrl-C")
      ->type_name("FILE");
}

EvalCheckpoint::EvalCheckpoint(const ResumeOptions& options, RunIdentity identity,
                               std::string units)
    : options_(options),
      units_(std::move(units)),
      identity_(std::move(identity)),
      path_(options.checkpoint.empty() ? path_for(identity_) : options.checkpoint) {}

UnitRecords EvalCheckpoint::load() const {
  if (!options_.resume) return {};
  if (!exists()) {
    throw usage_error("nothing to resume: there is no checkpoint of this run (" + path_ + ")");
  }
  UnitRecords records = read_eval_checkpoint(path_, identity_);
  fmt::print(stderr, "going on after {} {} of an earlier run\n", records.size(), units_);
  return records;
}

bool EvalCheckpoint::exists() const { return fs::exists(path_); }

void EvalCheckpoint::offer(const UnitRecords& records) {
  if (Clock::now() - last_ >= kInterval) save(records);
}

void EvalCheckpoint::save(const UnitRecords& records) {
  if (records.empty()) return;
  if (options_.checkpoint.empty()) fs::create_directories(fs::path(path_).parent_path());
  write_eval_checkpoint(records, identity_, path_);
  last_ = Clock::now();
}

void EvalCheckpoint::interrupted(const UnitRecords& records) {
  if (records.empty()) return;
  save(records);
  fmt::print(stderr, "{} {} are kept; the same command with --resume goes on\n", records.size(),
             units_);
}

void EvalCheckpoint::finish() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

}  // namespace lathe
