#include "tools/jobs/eval_resume.h"

#include <fmt/core.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "runtime/identity/fingerprint.h"

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

void put_model(RunIdentity& identity, const std::string& name, const GgufFile& file) {
  identity.emplace_back(name, model_fingerprint(file));
}

// Threads, batches and the order of layers change nothing; the tier of kernels may, and so may
// another lathe.
void put_engine(RunIdentity& identity, const EngineOptions& engine, const KernelTable& kernels) {
  identity.emplace_back("--cache-type-k", engine.k_type);
  identity.emplace_back("--cache-type-v", engine.v_type);
  identity.emplace_back("instruction set", std::string(kernels.tier));
  identity.emplace_back("lathe", build_words());
}

EvalCheckpoint::EvalCheckpoint(const ResumeOptions& options, RunIdentity identity,
                               std::string units)
    : options_(options),
      units_(std::move(units)),
      identity_(std::move(identity)),
      path_(options.checkpoint.empty() ? path_for(identity_) : options.checkpoint) {
  if (options.checkpoint.empty()) return;
  target_ = admitted();
  if (!exists() || is_eval_checkpoint(path_)) return;
  throw usage_error("--checkpoint " + path_ +
                    ": the file is there and is no checkpoint of an evaluation; name another");
}

UnitRecords EvalCheckpoint::load(std::size_t n_units) {
  if (!options_.resume) return {};
  if (!exists()) {
    throw usage_error("nothing to resume: there is no checkpoint of this run (" + path_ +
                      "); files, options and lathe's version have to be the same");
  }
  UnitRecords records = read_eval_checkpoint(path_, identity_);
  ours_ = true;
  has_more_ = records.size() > n_units;
  if (has_more_) records.resize(n_units);
  fmt::print(stderr, "going on after {} {} of an earlier run\n", records.size(), units_);
  return records;
}

OutputTarget EvalCheckpoint::admitted() {
  OutputGate own;
  return (options_.gate != nullptr ? *options_.gate : own).admit(path_, {.what = "the checkpoint"});
}

bool EvalCheckpoint::exists() const { return fs::exists(path_); }

void EvalCheckpoint::offer(const UnitRecords& records) {
  if (Clock::now() - last_ >= kInterval) save(records);
}

void EvalCheckpoint::save(const UnitRecords& records) {
  if (records.empty() || has_more_ || cannot_) return;
  try {
    if (options_.checkpoint.empty()) fs::create_directories(fs::path(path_).parent_path());
    if (!target_) target_ = admitted();
    write_eval_checkpoint(records, identity_, *target_);
    ours_ = true;
  } catch (const std::exception& error) {
    cannot_ = true;
    fmt::print(stderr, "\nlathe: what is measured cannot be kept for --resume: {}\n", error.what());
  }
  last_ = Clock::now();
}

void EvalCheckpoint::interrupted(const UnitRecords& records) {
  if (records.empty()) {
    fmt::print(stderr, "none of the {} was complete: there is nothing to go on from\n", units_);
    return;
  }
  save(records);
  if (cannot_) return;
  fmt::print(stderr, "{} {} are kept; the same command with --resume goes on\n", records.size(),
             units_);
}

void EvalCheckpoint::finish() {
  const bool named_after_run = options_.checkpoint.empty();
  if (has_more_ || !(ours_ || named_after_run)) return;
  std::error_code ignored;
  fs::remove(path_, ignored);
}

}  // namespace lathe
