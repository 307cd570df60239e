// A model with some of its tensors replaced, as a source of tensors: a healed model before it is
// pruned, written, or calibrated further.
#pragma once

#include <memory>

#include "quant/heal/student.h"
#include "runtime/tensor_source.h"

namespace lathe {

class HealedSource final : public TensorSource {
 public:
  // Names, shapes and formats are those of `original`, which it owns from then on.
  HealedSource(std::unique_ptr<TensorSource> original, ReplacedTensors replaced)
      : original_(std::move(original)), replaced_(std::move(replaced)) {}

  const TensorSource& original() const noexcept { return *original_; }
  const ReplacedTensors& replaced() const noexcept { return replaced_; }

  const std::string& path() const noexcept override { return original_->path(); }
  std::vector<std::string> file_paths() const override { return original_->file_paths(); }
  const Metadata& metadata() const noexcept override { return original_->metadata(); }
  std::span<const TensorInfo> tensors() const noexcept override { return original_->tensors(); }
  const TensorInfo* find(std::string_view name) const noexcept override {
    return original_->find(name);
  }
  std::span<const std::uint8_t> rows(const TensorInfo& tensor, std::uint64_t first, std::uint64_t n,
                                     std::span<std::uint8_t> buffer) const noexcept override;
  std::span<const std::uint8_t> data(const TensorInfo& tensor) const override;
  std::span<const MappedFile> files() const noexcept override { return original_->files(); }
  std::uint64_t total_file_bytes() const noexcept override { return original_->total_file_bytes(); }
  bool lies_in_file(const TensorInfo& tensor) const noexcept override {
    return !replaced_.contains(tensor.name) && original_->lies_in_file(tensor);
  }
  void done_with(const TensorInfo& tensor) const noexcept override;

 private:
  std::unique_ptr<TensorSource> original_;
  ReplacedTensors replaced_;
};

}  // namespace lathe
