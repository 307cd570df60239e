// A file that appears under its name only when it is complete.
//
// Bytes go to "NAME.part" beside it; commit() flushes them to the disk and renames. A writer that
// is destroyed without commit() removes the temporary file, so a broken run leaves nothing half
// done and an older file of that name stays as it was. The temporary name is fixed, so that what a
// killed process left behind is overwritten by the next one (or continued, where its writer knows
// how); a lock keeps two writers apart.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

inline constexpr std::string_view kTemporarySuffix = ".part";

class AtomicFile {
 public:
  enum class Start { kEmpty, kContinue };  // kContinue: the bytes of an older temporary file stay

  // Error (kFailed) naming the path and the cause; also when another process writes the same file.
  explicit AtomicFile(std::string path, Start start = Start::kEmpty);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Error (kFailed) with the system's reason: disk full, quota, ...
  void write(std::span<const std::uint8_t> bytes);
  void write_zeros(std::uint64_t n);
  std::uint64_t position() const noexcept { return position_; }
  const std::string& path() const noexcept { return path_; }
  const std::string& temporary_path() const noexcept { return temporary_; }

  // Hands everything to the system, so that it survives the end of this process.
  void flush();
  // Goes on writing at `position`; what stands beyond it is cut off.
  void truncate_to(std::uint64_t position);
  // Whether a writer that is destroyed without commit() leaves its temporary file.
  void keep_temporary(bool keep) noexcept { keep_temporary_ = keep; }

  // Flushes, syncs, renames. Nothing may be written afterwards.
  void commit();

 private:
  void write_out(std::span<const std::uint8_t> bytes);
  [[noreturn]] void fail(const char* action, int error) const;

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  bool keep_temporary_ = false;
  std::uint64_t position_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace lathe
