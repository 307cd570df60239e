// Where the tensors of a model come from: a GGUF file (runtime/gguf/gguf_file.h), a checkpoint of
// another kind, memory. What reads whole models (the quantize pipeline, statistics) knows only
// this.
//
// A source says what there is, in the names, shapes and formats of GGUF, and gives rows when they
// are asked for. One whose tensors lie as they are needed gives views of them; one that converts
// or permutes makes the rows then, in the caller's buffer, so that memory never holds a whole
// model. What runs a model wants whole tensors that stay where they are: data().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/gguf/metadata.h"
#include "runtime/gguf/tensor_info.h"

namespace lathe {

class TensorSource {
 public:
  virtual ~TensorSource() = default;

  // The file or folder, for messages.
  virtual const std::string& path() const noexcept = 0;
  // Every file that is read; empty for a model in memory.
  virtual std::vector<std::string> file_paths() const = 0;
  virtual const Metadata& metadata() const noexcept = 0;

  // All tensors. `file_index` and `offset` say in which order they lie in which file.
  virtual std::span<const TensorInfo> tensors() const noexcept = 0;
  virtual const TensorInfo* find(std::string_view name) const noexcept = 0;  // nullptr when absent
  const TensorInfo& require(std::string_view name) const;  // Error naming the tensor

  // Rows [first, first + n) of a tensor (one of tensors(), or a copy), in its format: n times
  // row_bytes(format, cols). `buffer` has room for them; whether it is used is the source's affair,
  // and the result is valid as long as both. Several threads may ask at once.
  virtual std::span<const std::uint8_t> rows(const TensorInfo& tensor, std::uint64_t first,
                                             std::uint64_t n,
                                             std::span<std::uint8_t> buffer) const noexcept = 0;
  // All rows of a tensor, as long as the source lives and wherever it is moved to. What rows()
  // makes is made whole at the first call and kept in memory, views are views. Not for several
  // threads at once.
  virtual std::span<const std::uint8_t> data(const TensorInfo& tensor) const = 0;

  // The files that are read, mapped; empty for a model in memory.
  virtual std::span<const MappedFile> files() const noexcept { return {}; }
  // Of all files, tensors or not; where there are none, of what stands for them.
  virtual std::uint64_t total_file_bytes() const noexcept;
  // Whether the tensor lies in files()[file_index], from `offset` on, as rows() gives it.
  virtual bool lies_in_file(const TensorInfo&) const noexcept { return false; }
  // The tensor is not needed again for a while: its memory may go. Not for what data() made.
  virtual void done_with(const TensorInfo&) const noexcept {}

 protected:
  TensorSource() = default;
  TensorSource(const TensorSource&) = default;
  TensorSource& operator=(const TensorSource&) = default;
  TensorSource(TensorSource&&) = default;
  TensorSource& operator=(TensorSource&&) = default;
};

}  // namespace lathe
