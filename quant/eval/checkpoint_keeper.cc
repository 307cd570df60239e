#include "quant/eval/checkpoint_keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "quant/eval/checkpoint_folder.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kInterval{60};

std::string new_writer() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

fs::path folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

// While one lives, no other process looks at a checkpoint of the folder to replace or remove it.
// Where folders cannot be locked, the look itself has to do.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) noexcept
      : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0) ::flock(fd_, LOCK_EX);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  int fd_;
};

}  // namespace

CheckpointKeeper::CheckpointKeeper(const ResumeOptions& options, CheckpointLabel label, Notes notes)
    : options_(options),
      label_(std::move(label)),
      notes_(std::move(notes)),
      path_(options.checkpoint.empty() ? checkpoint_path(label_.identity) : options.checkpoint) {
  label_.writer = new_writer();
  writers_.insert(label_.writer);
  if (!options_.checkpoint.empty()) target_ = admitted();
  look();
}

OutputTarget CheckpointKeeper::admitted() const {
  OutputGate own;
  return (options_.gate != nullptr ? *options_.gate : own).admit(path_, {.what = "the checkpoint"});
}

void CheckpointKeeper::look() {
  if (!fs::exists(path_)) return;
  if (!is_eval_checkpoint(path_)) {
    throw usage_error(path_ +
                      " is there and is no checkpoint of an evaluation: name another file "
                      "(--checkpoint), or remove it");
  }
  found_label_ = read_checkpoint_label(path_);
  const auto differences = identity_differences(found_label_.identity, label_.identity);
  if (!differences.empty()) {
    throw usage_error(fmt::format(
        "{} {}: {}", path_,
        options_.resume
            ? "cannot be resumed"
            : fmt::format("holds {} {} of another run", found_label_.n_units, found_label_.units),
        fmt::join(differences, "; ")));
  }
  found_ = true;
}

UnitRecords CheckpointKeeper::load(std::size_t n_units) {
  if (!options_.resume) {
    if (found_) {
      notes_.say(fmt::format(
          "{} {} of an earlier run of this are kept: --resume goes on from them. This run starts "
          "afresh, and leaves {} alone until it has as many",
          found_label_.n_units, label_.units, path_));
    }
    return {};
  }
  if (!found_) refuse_to_resume();
  UnitRecords records = read_eval_checkpoint(path_, label_.identity);
  writers_.insert(found_label_.writer);
  if (records.size() > n_units) records.resize(n_units);
  n_units_ = records.size();
  notes_.say(fmt::format("going on after {} {} of an earlier run", records.size(), label_.units));
  return records;
}

void CheckpointKeeper::refuse_to_resume() const {
  const std::string nothing = "nothing to resume: there is no checkpoint of this run";
  if (!options_.checkpoint.empty()) throw usage_error(fmt::format("{} ({})", nothing, path_));
  const auto nearest = nearest_checkpoint(checkpoint_folder(), label_.identity);
  if (!nearest) {
    throw usage_error(fmt::format("{} (in {}), nor one like it", nothing, checkpoint_folder()));
  }
  throw usage_error(
      fmt::format("{}. The nearest, {} ({} {}, {}), is of another: {}", nothing, nearest->path,
                  nearest->label.n_units, nearest->label.units, time_text(nearest->written),
                  fmt::join(identity_differences(nearest->label.identity, label_.identity), "; ")));
}

void CheckpointKeeper::offer(const UnitRecords& records) {
  if (Clock::now() - last_ >= kInterval) save(records);
}

void CheckpointKeeper::complete(const UnitRecords& records) {
  n_units_ = records.size();
  offer(records);
}

void CheckpointKeeper::save(const UnitRecords& records) {
  if (records.empty() || cannot_) return;
  try {
    if (options_.checkpoint.empty()) fs::create_directories(folder_of(path_));
    if (!target_) target_ = admitted();
    write_unless_more(records);
  } catch (const std::exception& error) {
    cannot_ = true;
    notes_.warn(fmt::format("what is measured cannot be kept for --resume: {}", error.what()));
  }
  last_ = Clock::now();
}

void CheckpointKeeper::write_unless_more(const UnitRecords& records) {
  const FolderLock lock(folder_of(path_));
  other_has_more_ = false;
  if (fs::exists(path_)) {
    const CheckpointLabel there = read_checkpoint_label(path_);
    const auto differences = identity_differences(there.identity, label_.identity);
    if (!differences.empty()) {
      throw failed(fmt::format("{} is of another run meanwhile: {}", path_, differences.front()));
    }
    other_has_more_ = there.n_units > records.size();
    if (other_has_more_) return;
  }
  write_eval_checkpoint(records, label_, *target_);
  n_units_ = records.size();
}

void CheckpointKeeper::interrupted(const UnitRecords& records) {
  if (records.empty() && !found_) {
    notes_.say(
        fmt::format("none of the {} was complete: there is nothing to go on from", label_.units));
    return;
  }
  save(records);
  if (cannot_) return;
  const bool theirs = other_has_more_ || records.empty();
  notes_.say(fmt::format("{} {}{} are kept; the same command with --resume goes on",
                         theirs ? found_label_.n_units : records.size(), label_.units,
                         theirs ? " of an earlier run" : ""));
}

void CheckpointKeeper::remove() {
  try {
    const FolderLock lock(folder_of(path_));
    if (!fs::exists(path_)) return;
    const CheckpointLabel there = read_checkpoint_label(path_);
    const bool ours = writers_.contains(there.writer) && there.n_units <= n_units_ &&
                      identity_differences(there.identity, label_.identity).empty();
    if (ours) fs::remove(path_);
  } catch (const std::exception&) {
    // What is left behind is found by `lathe checkpoints`.
  }
}

}  // namespace lathe
