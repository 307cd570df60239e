#include "runtime/checkpoint/checkpoint_source.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "kernels/half.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

float value_at(const std::uint8_t* data, Format format, std::uint64_t i) noexcept {
  if (format == Format::F32) {
    float value;
    std::memcpy(&value, data + 4 * i, sizeof(value));
    return value;
  }
  std::uint16_t half;
  std::memcpy(&half, data + 2 * i, sizeof(half));
  return format == Format::F16 ? f32_from_f16(half) : f32_from_bf16(half);
}

}  // namespace

CheckpointSource::CheckpointSource(Metadata metadata, std::vector<MappedFile> files,
                                   std::vector<CheckpointTensor> tensors)
    : metadata_(std::move(metadata)), files_(std::move(files)), tensors_(std::move(tensors)) {
  infos_.reserve(tensors_.size());
  for (const CheckpointTensor& tensor : tensors_) infos_.push_back(tensor.info);
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    if (index_.emplace(infos_[i].name, i).second) continue;
    throw bad_input(metadata_.origin(), fmt::format("two tensors are {}", quoted(infos_[i].name)));
  }
}

std::vector<std::string> CheckpointSource::file_paths() const {
  std::vector<std::string> paths;
  for (const MappedFile& file : files_) paths.push_back(file.path());
  return paths;
}

const TensorInfo* CheckpointSource::find(std::string_view name) const noexcept {
  const auto at = index_.find(name);
  return at == index_.end() ? nullptr : &infos_[at->second];
}

const CheckpointTensor& CheckpointSource::described(const TensorInfo& tensor) const noexcept {
  return tensors_[index_.find(tensor.name)->second];
}

std::span<const std::uint8_t> CheckpointSource::stored_data(
    const CheckpointTensor& tensor) const noexcept {
  return files_[tensor.info.file_index].bytes().subspan(
      tensor.info.offset, row_bytes(tensor.stored, tensor.info.n_elements()));
}

std::span<const std::uint8_t> CheckpointSource::rows(
    const TensorInfo& info, std::uint64_t first, std::uint64_t n,
    std::span<std::uint8_t> buffer) const noexcept {
  const CheckpointTensor& tensor = described(info);
  const std::size_t stride = row_bytes(info.format, info.cols());
  if (tensor.is_view()) return stored_data(tensor).subspan(first * stride, n * stride);
  if (info.n_dims == 1) {
    if (n > 0) make_vector(tensor, buffer.data());
    return buffer.first(n * stride);
  }
  const std::uint8_t* const data = stored_data(tensor).data();
  for (std::uint64_t r = 0; r < n; ++r) {
    const std::uint64_t theirs = row_before_pairing(first + r, tensor.head_dim);
    std::memcpy(buffer.data() + r * stride, data + theirs * stride, stride);
  }
  return buffer.first(n * stride);
}

std::span<const std::uint8_t> CheckpointSource::data(const TensorInfo& info) const {
  const CheckpointTensor& tensor = described(info);
  const auto is_aligned = [](std::span<const std::uint8_t> bytes) {
    return reinterpret_cast<std::uintptr_t>(bytes.data()) % sizeof(float) == 0;
  };
  if (tensor.is_view() && is_aligned(stored_data(tensor))) return stored_data(tensor);
  const std::size_t n_bytes = info.n_bytes;
  auto made = made_.find(info.name);
  if (made == made_.end()) {
    made = made_.emplace(info.name, AlignedBuffer(n_bytes)).first;
    const auto room = made->second.as<std::uint8_t>().first(n_bytes);
    const auto all = rows(info, 0, info.rows(), room);
    if (all.data() != room.data()) std::memcpy(room.data(), all.data(), n_bytes);
    done_with(info);
  }
  return made->second.as<std::uint8_t>().first(n_bytes);
}

void CheckpointSource::make_vector(const CheckpointTensor& tensor,
                                   std::uint8_t* out) const noexcept {
  for (std::uint64_t i = 0; i < tensor.info.cols(); ++i) {
    const std::uint64_t theirs = tensor.head_dim == 0 ? i : row_before_pairing(i, tensor.head_dim);
    const float value = tensor.values.empty()
                            ? value_at(stored_data(tensor).data(), tensor.stored, theirs)
                            : tensor.values[theirs];
    std::memcpy(out + 4 * i, &value, sizeof(value));
  }
}

void CheckpointSource::done_with(const TensorInfo& info) const noexcept {
  const CheckpointTensor& tensor = described(info);
  if (!tensor.values.empty()) return;
  files_[info.file_index].advise_dont_need(info.offset, stored_data(tensor).size());
}

}  // namespace lathe
