// A file that appears under its name only when it is complete.
//
// Bytes go to "NAME.part" beside it; commit() flushes them to the disk and renames. A writer that
// is destroyed without commit() removes the temporary file, so a broken run leaves nothing half
// done and an older file of that name stays as it was. The temporary name is fixed, so that what a
// killed process left behind is overwritten by the next one; a lock keeps two writers apart.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lathe {

class AtomicFile {
 public:
  // Error (kFailed) naming the path and the cause; also when another process writes the same file.
  explicit AtomicFile(std::string path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Error (kFailed) with the system's reason: disk full, quota, ...
  void write(std::span<const std::uint8_t> bytes);
  void write_zeros(std::uint64_t n);
  std::uint64_t position() const noexcept { return position_; }
  const std::string& path() const noexcept { return path_; }
  const std::string& temporary_path() const noexcept { return temporary_; }

  // Flushes, syncs, renames. Nothing may be written afterwards.
  void commit();

 private:
  void flush();
  void write_out(std::span<const std::uint8_t> bytes);
  [[noreturn]] void fail(const char* action, int error) const;

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  std::uint64_t position_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace lathe
