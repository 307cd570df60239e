// A file that appears under its name only when it is complete.
//
// Bytes go to a temporary file beside it; commit() flushes them to the disk and renames. A writer
// that is destroyed without commit() removes the temporary file, so a broken run leaves nothing
// half done and an older file of that name stays as it was, with its permissions kept for the new
// one.
//
// Temporary files are created, never opened: "NAME.part", or where something is called so already
// (what a killed process left, or a file of somebody else) "NAME.1.part" and so on. A resumable
// target has the one name "NAME.part", so that a later run finds it. What is there then is taken
// over only if its writer can say how it begins. A lock keeps two writers apart.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/output_gate.h"

namespace lathe {

// The first bytes of a file: what tells an unfinished file of ours from any other of its name.
struct FileBeginning {
  std::uint64_t n_bytes = 0;
  std::string sha256{};  // of those; empty: nothing is known
};

class AtomicFile {
 public:
  // `leftover`: how a temporary file that an earlier run left begins; for resumable targets. It is
  // taken over with its bytes (also where it is still empty). Error (kUsage) for any other file of
  // the temporary name, which is not touched; (kFailed) naming path and cause, also when another
  // process writes the same file.
  explicit AtomicFile(const OutputTarget& target, const FileBeginning& leftover = {});
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Error (kFailed) with the system's reason: disk full, quota, ...
  void write(std::span<const std::uint8_t> bytes);
  void write_zeros(std::uint64_t n);
  std::uint64_t position() const noexcept { return position_; }
  const std::string& name() const noexcept { return name_; }  // as it was asked for
  const std::string& path() const noexcept { return path_; }  // where that leads
  const std::string& temporary_path() const noexcept { return temporary_; }
  std::uint64_t leftover_bytes() const noexcept { return leftover_bytes_; }  // that were there

  // Hands everything to the system, so that it survives the end of this process.
  void flush();
  // Goes on writing at `position`; what stands beyond it is cut off.
  void truncate_to(std::uint64_t position);
  // Whether a writer that is destroyed without commit() leaves its temporary file. At first only
  // where it was taken over.
  void keep_temporary(bool keep) noexcept { keep_temporary_ = keep; }

  // Flushes, syncs, renames. Nothing may be written afterwards. Where only the name fails, the
  // finished temporary file stays, and the Error (kFailed) says where.
  void commit();

  // The parts of commit(), for files that appear together (runtime/base/publish.h): everything is
  // on the disk; it has its name; it has its temporary name again, and stays.
  void complete();
  void take_name();
  void give_name_back() noexcept;

 private:
  bool create();
  void create_new();
  void take_over(const FileBeginning& leftover);
  void refuse_if_locked() const;
  void keep_permissions() const noexcept;
  void write_out(std::span<const std::uint8_t> bytes);
  [[noreturn]] void fail(const char* action, int error) const;
  [[noreturn]] void fail_name(const std::string& why);

  std::string name_, path_, temporary_;
  int fd_ = -1;
  bool keep_temporary_ = false;
  bool named_ = false;
  std::uint64_t position_ = 0;
  std::uint64_t leftover_bytes_ = 0;
  std::vector<std::uint8_t> buffer_;
};

// Removes a temporary file that nobody writes, if it begins so (or is empty); else touches nothing.
void remove_leftover(const std::string& path, const FileBeginning& leftover) noexcept;

// A whole text at once; straight through where the target is a stream. Error (kFailed).
void write_text(const OutputTarget& target, std::string_view text);

// The renames in the folder of `path` are durable afterwards. Some file systems refuse; the files
// themselves are complete by then, so that is no error.
void sync_folder_of(const std::string& path) noexcept;

}  // namespace lathe
