#include "runtime/gguf/gguf_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/split_name.h"

namespace lathe {
namespace {

constexpr std::string_view kSplitNo = "split.no";
constexpr std::string_view kSplitCount = "split.count";
constexpr std::string_view kSplitTensors = "split.tensors.count";

// A sibling must say that it is number `index` of `count`.
void check_sibling(const Metadata& metadata, std::uint32_t index, std::uint32_t count) {
  if (metadata.require_uint(kSplitNo) != index) {
    metadata.fail(kSplitNo, fmt::format("expected {} from the file's name, found {}", index,
                                        *metadata.uint(kSplitNo)));
  }
  if (metadata.require_uint(kSplitCount) != count) {
    metadata.fail(kSplitCount, fmt::format("expected {} as in the first file, found {}", count,
                                           *metadata.uint(kSplitCount)));
  }
}

}  // namespace

GgufFile GgufFile::open(const std::string& path, std::string_view suffix) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw bad_input(path,
                    "a folder, expected a GGUF file (`lathe convert` makes one of a "
                    "checkpoint)");
  }
  GgufFile out;
  out.files_.emplace_back(path + std::string(suffix));
  out.add_file(path, out.files_.back().bytes());
  out.add_siblings(path, suffix);
  out.build_index();
  return out;
}

GgufFile GgufFile::from_bytes(std::vector<std::uint8_t> bytes, std::string name) {
  GgufFile out;
  out.memory_ = std::move(bytes);
  out.add_file(name, out.memory_);
  if (out.metadata_.uint(kSplitCount).value_or(0) > 1) {
    out.metadata_.fail(kSplitCount, "a split model cannot be opened from memory");
  }
  out.build_index();
  return out;
}

void GgufFile::add_file(const std::string& where, std::span<const std::uint8_t> bytes) {
  GgufContents contents = parse_gguf(bytes, where);
  const auto file_index = static_cast<std::uint32_t>(views_.size());
  for (TensorInfo& info : contents.tensors) info.file_index = file_index;
  if (file_index == 0) {
    version_ = contents.version;
    alignment_ = contents.alignment;
    metadata_ = std::move(contents.metadata);
    tensors_ = std::move(contents.tensors);
  } else {
    check_sibling(contents.metadata, file_index,
                  static_cast<std::uint32_t>(*metadata_.uint(kSplitCount)));
    for (TensorInfo& info : contents.tensors) tensors_.push_back(std::move(info));
  }
  views_.push_back(bytes);
}

void GgufFile::add_siblings(const std::string& path, std::string_view suffix) {
  const std::uint64_t count = metadata_.uint(kSplitCount).value_or(0);
  if (count <= 1) return;
  const std::uint64_t number = metadata_.require_uint(kSplitNo);
  const auto name = parse_split_name(path);
  if (number != 0) {
    const std::string first = name ? split_path(name->prefix, 0, name->count)
                                   : "the one that ends in -00001-of-NNNNN.gguf";
    metadata_.fail(kSplitNo,
                   fmt::format("this is file {} of {} of a split model; open the first: {}",
                               number + 1, count, first));
  }
  if (!name || name->index != 0 || name->count != count) {
    metadata_.fail(
        kSplitCount,
        fmt::format("the model is split into {} files, so the name of the first must end "
                    "in -00001-of-{:05}.gguf",
                    count, count));
  }
  for (std::uint32_t i = 1; i < name->count; ++i) {
    const std::string sibling = split_path(name->prefix, i, name->count);
    files_.emplace_back(sibling + std::string(suffix));
    add_file(sibling, files_.back().bytes());
  }
  const auto expected = metadata_.uint(kSplitTensors);
  if (expected && *expected != tensors_.size()) {
    metadata_.fail(kSplitTensors, fmt::format("expected {} tensors in all files, found {}",
                                              *expected, tensors_.size()));
  }
}

void GgufFile::build_index() {
  index_.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto [it, is_new] = index_.emplace(tensors_[i].name, i);
    if (is_new) continue;
    throw bad_input(files_[tensors_[i].file_index].path(),
                    fmt::format("tensor {} is also in {}", quoted(tensors_[i].name),
                                files_[tensors_[it->second].file_index].path()));
  }
}

const TensorInfo* GgufFile::find(std::string_view name) const noexcept {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

std::vector<std::string> GgufFile::file_paths() const {
  std::vector<std::string> paths;
  for (const MappedFile& file : files_) paths.push_back(file.path());
  return paths;
}

std::span<const std::uint8_t> GgufFile::rows(const TensorInfo& tensor, std::uint64_t first,
                                             std::uint64_t n,
                                             std::span<std::uint8_t>) const noexcept {
  const std::size_t stride = row_bytes(tensor.format, tensor.cols());
  return data(tensor).subspan(first * stride, n * stride);
}

void GgufFile::done_with(const TensorInfo& tensor) const noexcept {
  if (!files_.empty()) {
    files_[tensor.file_index].advise_dont_need(tensor.offset, tensor.n_bytes);
  }
}

std::uint64_t GgufFile::total_file_bytes() const noexcept {
  std::uint64_t n = 0;
  for (const auto view : views_) n += view.size();
  return n;
}

}  // namespace lathe
