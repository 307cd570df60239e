// A whole file mapped read-only. Owns the mapping; the pages belong to the page cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/base/file_stamp.h"

namespace lathe {

class MappedFile {
 public:
  // Error (kBadInput) naming the file and the system's reason when it cannot be opened, is not a
  // regular file, or is empty.
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::uint8_t> bytes() const noexcept { return {data_, size_}; }
  const std::string& path() const noexcept { return path_; }
  // Of the file that is mapped, when it was opened; its name may be another file's by now.
  const FileStamp& stamp() const noexcept { return stamp_; }

  // Hints to the kernel; failures are ignored.
  void advise_will_need(std::size_t offset, std::size_t length) const noexcept;
  void advise_dont_need(std::size_t offset, std::size_t length) const noexcept;
  // Gives back the memory of the pages, the page cache's too unless another process has them
  // mapped.
  void drop(std::size_t offset, std::size_t length) const noexcept;

 private:
  std::string path_;
  FileStamp stamp_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace lathe
