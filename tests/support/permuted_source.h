// A source that is no file: it keeps the rows of a model's tensors in another order and makes those
// that are asked for, as a checkpoint does that has to be converted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/tensor_source.h"

namespace lathe::test {

class PermutedSource final : public TensorSource {
 public:
  // Holds what `source` does, each tensor's rows from the last to the first.
  explicit PermutedSource(const TensorSource& source)
      : metadata_(source.metadata()), tensors_(source.tensors().begin(), source.tensors().end()) {
    for (const TensorInfo& t : tensors_) {
      std::vector<std::uint8_t> buffer(t.n_bytes);
      const auto bytes = source.rows(t, 0, t.rows(), buffer);
      std::vector<std::uint8_t>& kept = rows_[t.name];
      const std::size_t stride = t.n_bytes / t.rows();
      for (std::uint64_t r = t.rows(); r-- > 0;) {
        kept.insert(kept.end(), bytes.begin() + r * stride, bytes.begin() + (r + 1) * stride);
      }
    }
  }

  const std::string& path() const noexcept override { return path_; }
  std::vector<std::string> file_paths() const override { return {}; }
  const Metadata& metadata() const noexcept override { return metadata_; }
  std::span<const TensorInfo> tensors() const noexcept override { return tensors_; }
  const TensorInfo* find(std::string_view name) const noexcept override {
    const auto at = std::find_if(tensors_.begin(), tensors_.end(),
                                 [&](const TensorInfo& t) { return t.name == name; });
    return at == tensors_.end() ? nullptr : &*at;
  }
  std::span<const std::uint8_t> rows(const TensorInfo& tensor, std::uint64_t first, std::uint64_t n,
                                     std::span<std::uint8_t> buffer) const noexcept override {
    const std::vector<std::uint8_t>& kept = rows_.at(tensor.name);
    const std::size_t stride = kept.size() / tensor.rows();
    for (std::uint64_t r = 0; r < n; ++r) {
      const std::uint64_t row = wrong_order_ ? first + r : tensor.rows() - 1 - first - r;
      std::copy_n(kept.data() + row * stride, stride, buffer.data() + r * stride);
    }
    return buffer.first(n * stride);
  }

  std::span<const std::uint8_t> data(const TensorInfo& tensor) const override {
    std::vector<std::uint8_t>& made = made_[tensor.name];
    made.resize(tensor.n_bytes);
    return rows(tensor, 0, tensor.rows(), made);
  }

  // Gives the rows in the order in which it keeps them, which is wrong.
  void give_wrong_order(bool wrong) noexcept { wrong_order_ = wrong; }

 private:
  bool wrong_order_ = false;
  std::string path_ = "a model in memory";
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::vector<std::uint8_t>> rows_;
  mutable std::map<std::string, std::vector<std::uint8_t>> made_;
};

}  // namespace lathe::test
