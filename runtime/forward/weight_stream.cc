#include "runtime/forward/weight_stream.h"

#include <algorithm>
#include <utility>

namespace lathe {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kPieceBytes = std::size_t{8} << 20;  // asked of the disk at once

}  // namespace

WeightStream::WeightStream(const WeightSet& weights, std::span<const MappedFile> files)
    : files_(files), layers_(weights.n_layer() + 1), bytes_(weights.n_layer() + 1, 0) {
  const std::size_t n_layer = weights.n_layer();
  for (std::size_t r = 0; r < kTensorRoleCount; ++r) {
    const auto role = static_cast<TensorRole>(r);
    if (!role_is_per_layer(role)) continue;
    for (std::size_t layer = 0; layer < n_layer; ++layer) {
      add(weights.get(role, static_cast<int>(layer)), layer);
      add(weights.get(role, static_cast<int>(layer), TensorPart::kBias), layer);
    }
  }
  const WeightView& output = weights.get(TensorRole::kOutput, -1);
  add(output ? output : weights.get(TensorRole::kTokenEmbd, -1), n_layer);
  for (std::vector<Range>& ranges : layers_) {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
      return a.file != b.file ? a.file < b.file : a.offset < b.offset;
    });
  }
}

WeightStream::~WeightStream() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (reader_.joinable()) reader_.join();
}

void WeightStream::add(const WeightView& view, std::size_t layer) {
  if (!view) return;
  bytes_[layer] += view.bytes();
  for (const MappedFile& file : files_) {
    const std::span<const std::uint8_t> bytes = file.bytes();
    if (view.data < bytes.data() || view.data >= bytes.data() + bytes.size()) continue;
    layers_[layer].push_back(
        {&file, static_cast<std::size_t>(view.data - bytes.data()), view.bytes()});
  }
}

void WeightStream::drop(int layer) noexcept {
  for (const Range& range : layers_[static_cast<std::size_t>(layer)]) {
    range.file->drop(range.offset, range.length);
  }
}

void WeightStream::read_ahead(int layer) {
  {
    const std::lock_guard lock(mutex_);
    requested_ = layer;
  }
  if (!reader_.joinable()) reader_ = std::thread([this] { read_requested(); });
  wake_.notify_one();
}

void WeightStream::read_requested() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || requested_ >= 0; });
    if (stopping_) return;
    const int layer = std::exchange(requested_, -1);
    lock.unlock();
    for (const Range& range : layers_[static_cast<std::size_t>(layer)]) {
      if (!touch(range, layer)) break;
    }
    lock.lock();
  }
}

// One piece after another, each waited for: the disk reads in order and no piece pushes out another
// before it was used. False when something else is wanted meanwhile.
bool WeightStream::touch(const Range& range, int layer) {
  const std::uint8_t* const bytes = range.file->bytes().data();
  for (std::size_t done = 0; done < range.length; done += kPieceBytes) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || (requested_ >= 0 && requested_ != layer)) return false;
    }
    const std::size_t begin = range.offset + done;
    const std::size_t end = begin + std::min(kPieceBytes, range.length - done);
    range.file->advise_will_need(begin, end - begin);
    for (std::size_t at = begin; at < end; at += kPageBytes) {
      static_cast<void>(*static_cast<const volatile std::uint8_t*>(bytes + at));
    }
  }
  return true;
}

}  // namespace lathe
