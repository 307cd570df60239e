// The tensors of a checkpoint in the terms of GGUF: most lie in the mapped safetensors files as
// they are needed and are given as views; rows that stand in another order there, and vectors in 16
// bits, are made when they are asked for. Memory is that of the caller's buffer, whatever the size
// of the model; where whole tensors are wanted to run the model, those that are made are kept (the
// queries and keys of llama: a tenth of the weights).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/aligned_buffer.h"
#include "runtime/base/mapped_file.h"
#include "runtime/tensor_source.h"

namespace lathe {

// The place, in a checkpoint, of row (or element) `row` of heads whose rotated pairs lie apart
// there, i and i + head_dim/2, and side by side here.
constexpr std::uint64_t row_before_pairing(std::uint64_t row, std::uint64_t head_dim) noexcept {
  const std::uint64_t head = row / head_dim, within = row % head_dim;
  return head * head_dim + within % 2 * (head_dim / 2) + within / 2;
}

struct CheckpointTensor {
  // Vectors are F32, matrices have the format of the file. `offset` and `file_index` say where the
  // data lie.
  TensorInfo info;
  Format stored = Format::F32;  // of the data: F32, F16 or BF16
  std::uint64_t head_dim = 0;   // of heads whose rows (a vector's elements) are to be paired; or 0
  std::vector<float> values{};  // a vector that lies in no file; info's place means nothing then

  bool is_view() const noexcept { return values.empty() && head_dim == 0 && stored == info.format; }
};

class CheckpointSource final : public TensorSource {
 public:
  // Places are checked: data lie in their files. Error (kBadInput) for a name that stands twice.
  CheckpointSource(Metadata metadata, std::vector<MappedFile> files,
                   std::vector<CheckpointTensor> tensors);

  const std::string& path() const noexcept override { return metadata_.origin(); }
  std::vector<std::string> file_paths() const override;
  const Metadata& metadata() const noexcept override { return metadata_; }
  std::span<const TensorInfo> tensors() const noexcept override { return infos_; }
  const TensorInfo* find(std::string_view name) const noexcept override;
  std::span<const std::uint8_t> rows(const TensorInfo& tensor, std::uint64_t first, std::uint64_t n,
                                     std::span<std::uint8_t> buffer) const noexcept override;
  std::span<const std::uint8_t> data(const TensorInfo& tensor) const override;
  std::span<const MappedFile> files() const noexcept override { return files_; }
  bool lies_in_file(const TensorInfo& tensor) const noexcept override {
    return described(tensor).is_view();
  }
  void done_with(const TensorInfo& tensor) const noexcept override;

  const CheckpointTensor& described(const TensorInfo& tensor) const noexcept;

 private:
  std::span<const std::uint8_t> stored_data(const CheckpointTensor& tensor) const noexcept;
  void make_vector(const CheckpointTensor& tensor, std::uint8_t* out) const noexcept;

  Metadata metadata_;
  std::vector<MappedFile> files_;
  std::vector<CheckpointTensor> tensors_;
  std::vector<TensorInfo> infos_;
  std::unordered_map<std::string_view, std::size_t> index_;  // views of the names in infos_
  mutable std::map<std::string, AlignedBuffer> made_;        // by data(), which gives views of them
};

}  // namespace lathe
