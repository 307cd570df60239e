// Weights that come from disk as they are needed: a layer is read ahead while the one before it is
// computed, and dropped from memory (page cache included) when it is done.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/weight_set.h"

namespace lathe {

class WeightStream {
 public:
  // Weights that lie in none of the files (in memory, an overlay's) are left alone; the files
  // outlive the stream.
  WeightStream(const WeightSet& weights, std::span<const MappedFile> files);
  ~WeightStream();
  WeightStream(const WeightStream&) = delete;
  WeightStream& operator=(const WeightStream&) = delete;

  // Layer n_layer stands for the output head.
  void read_ahead(int layer);
  void drop(int layer) noexcept;
  // Of all weights, wherever they lie.
  std::size_t bytes(int layer) const noexcept { return bytes_[static_cast<std::size_t>(layer)]; }

 private:
  struct Range {
    const MappedFile* file;
    std::size_t offset, length;
  };

  void add(const WeightView& view, std::size_t layer);
  void read_requested();
  bool touch(const Range& range, int layer);

  std::span<const MappedFile> files_;
  std::vector<std::vector<Range>> layers_;  // [n_layer + 1]
  std::vector<std::size_t> bytes_;          // [n_layer + 1]

  std::mutex mutex_;
  std::condition_variable wake_;
  int requested_ = -1;  // -1: nothing
  bool stopping_ = false;
  std::thread reader_;  // started with the first request
};

}  // namespace lathe
