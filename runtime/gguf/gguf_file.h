// A GGUF model on disk: one file, or the files of a split model seen as one. Owns the mappings.
//
// Opening reads the headers only; tensor data stay in the mapped files until somebody touches them.
// Everything is checked before it is handed out: a TensorInfo from here lies inside its file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/gguf/metadata.h"
#include "runtime/gguf/tensor_info.h"
#include "runtime/tensor_source.h"

namespace lathe {

class GgufFile final : public TensorSource {
 public:
  // `path` is a whole model, or the first file of a split one ("...-00001-of-00003.gguf"), whose
  // siblings are found beside it. Error (kBadInput) for anything that is not as it should be.
  // `suffix` follows the name of each file: of one that has not got its name yet.
  static GgufFile open(const std::string& path, std::string_view suffix = {});
  // The same from memory (one file): for tests and fuzzers. `name` stands for the path in messages.
  static GgufFile from_bytes(std::vector<std::uint8_t> bytes, std::string name);

  GgufFile(GgufFile&&) noexcept = default;
  GgufFile& operator=(GgufFile&&) noexcept = default;

  const std::string& path() const noexcept override { return metadata_.origin(); }
  std::vector<std::string> file_paths() const override;
  std::uint32_t version() const noexcept { return version_; }
  std::uint64_t alignment() const noexcept { return alignment_; }
  // Of the first file, which carries all keys of a split model.
  const Metadata& metadata() const noexcept override { return metadata_; }

  // In file order, the files of a split model one after another.
  std::span<const TensorInfo> tensors() const noexcept override { return tensors_; }
  const TensorInfo* find(std::string_view name) const noexcept override;

  // The tensor's blocks in the mapped file. `info` comes from this GgufFile.
  std::span<const std::uint8_t> data(const TensorInfo& info) const noexcept override {
    return views_[info.file_index].subspan(info.offset, info.n_bytes);
  }
  // Views of data(): nothing is copied.
  std::span<const std::uint8_t> rows(const TensorInfo& tensor, std::uint64_t first, std::uint64_t n,
                                     std::span<std::uint8_t> buffer) const noexcept override;
  void done_with(const TensorInfo& tensor) const noexcept override;
  std::span<const MappedFile> files() const noexcept override { return files_; }
  std::uint64_t total_file_bytes() const noexcept override;  // also of one from memory
  bool lies_in_file(const TensorInfo&) const noexcept override { return !files_.empty(); }

 private:
  GgufFile() = default;
  void add_file(const std::string& where, std::span<const std::uint8_t> bytes);
  void add_siblings(const std::string& path, std::string_view suffix);
  void build_index();

  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = kGgufAlignment;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string_view, std::size_t> index_;  // views of the names in tensors_
  std::vector<MappedFile> files_;
  std::vector<std::uint8_t> memory_;
  std::vector<std::span<const std::uint8_t>> views_;  // the bytes of each file
};

}  // namespace lathe
