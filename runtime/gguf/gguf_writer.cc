#include "runtime/gguf/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::string_view kAlignmentKey = "general.alignment";

constexpr std::uint64_t round_up(std::uint64_t n) noexcept {
  return (n + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

class Encoder {
 public:
  void bytes(std::span<const std::byte> b) {
    if (b.empty()) return;
    out_.resize(out_.size() + b.size());
    std::memcpy(out_.data() + out_.size() - b.size(), b.data(), b.size());
  }
  template <typename T>
  void number(T v) {
    bytes(std::as_bytes(std::span<const T, 1>(&v, 1)));
  }
  void string(std::string_view s) {
    number<std::uint64_t>(s.size());
    bytes(std::as_bytes(std::span(s)));
  }
  void value(const Value& v) {
    number(static_cast<std::uint32_t>(v.type()));
    if (v.is_array()) {
      number(static_cast<std::uint32_t>(v.element_type()));
      number<std::uint64_t>(v.size());
    }
    if (const auto text = v.as_text()) {
      string(*text);
    } else if (const StringList* list = v.as_strings()) {
      for (const std::string_view s : *list) string(s);
    } else {
      bytes(v.raw_bytes());
    }
  }
  void tensor(const TensorInfo& info, std::uint64_t offset) {
    string(info.name);
    std::uint32_t n_dims = kGgufMaxDims;
    while (n_dims > 1 && info.dims[n_dims - 1] == 1) --n_dims;
    number(n_dims);
    for (std::uint32_t d = 0; d < n_dims; ++d) number(info.dims[d]);
    number(format_info(info.format).gguf_id);
    number(offset);
  }
  void pad() { out_.resize(round_up(out_.size())); }
  std::vector<std::uint8_t> take() { return std::move(out_); }

 private:
  std::vector<std::uint8_t> out_;
};

}  // namespace

std::vector<std::uint8_t> gguf_header_bytes(const Metadata& metadata,
                                            std::span<const TensorInfo> tensors) {
  Encoder out;
  out.bytes(std::as_bytes(std::span("GGUF", 4)));
  out.number(kVersion);
  out.number<std::uint64_t>(tensors.size());
  out.number<std::uint64_t>(metadata.size() - (metadata.has(kAlignmentKey) ? 1 : 0));
  for (const MetadataEntry& entry : metadata) {
    if (entry.key == kAlignmentKey) continue;
    out.string(entry.key);
    out.value(entry.value);
  }
  std::uint64_t offset = 0;
  for (const TensorInfo& info : tensors) {
    out.tensor(info, offset);
    offset += round_up(row_bytes(info.format, info.n_elements()));
  }
  if (!tensors.empty()) out.pad();
  return out.take();
}

GgufWriter::GgufWriter(const OutputTarget& target, Metadata metadata, const FileBeginning& leftover)
    : file_(target, leftover), metadata_(std::move(metadata)) {}

void GgufWriter::add_tensor(std::string name, Format format, std::span<const std::uint64_t> dims) {
  const auto refuse = [&](std::string_view why) {
    throw failed(fmt::format("{}: cannot write tensor {}: {}", file_.name(), quoted(name), why));
  };
  if (laid_out_) refuse("the header is already written");
  if (name.empty() || name.size() > kGgufMaxTensorName) {
    refuse(fmt::format("its name must have 1 to {} bytes", kGgufMaxTensorName));
  }
  for (const TensorInfo& other : tensors_) {
    if (other.name == name) refuse("there is one of that name already");
  }
  if (dims.empty() || dims.size() > kGgufMaxDims || std::ranges::count(dims, 0U) != 0) {
    refuse("it needs 1 to 4 dimensions of 1 or more");
  }
  if (dims[0] % format_info(format).block_elems != 0) {
    refuse(fmt::format("rows of {} elements are not whole blocks of {}", dims[0],
                       format_name(format)));
  }
  const auto n_elements = checked_elements(dims);
  const auto n_bytes = n_elements ? checked_bytes(format, *n_elements) : std::nullopt;
  if (!n_bytes) refuse("its size overflows");
  TensorInfo info;
  info.n_dims = static_cast<std::uint32_t>(dims.size());
  std::ranges::copy(dims, info.dims.begin());
  info.format = format;
  info.n_bytes = *n_bytes;
  info.name = std::move(name);
  tensors_.push_back(std::move(info));
}

FileBeginning GgufWriter::lay_out() {
  header_ = gguf_header_bytes(metadata_, tensors_);
  total_bytes_ = header_.size();
  for (TensorInfo& info : tensors_) {
    info.offset = total_bytes_;
    total_bytes_ += round_up(info.n_bytes);
  }
  laid_out_ = true;
  return {header_.size(), sha256_hex(header_)};
}

void GgufWriter::begin() {
  if (!laid_out_) lay_out();
  begun_ = true;
  file_.write(header_);
  header_ = {};
}

void GgufWriter::skip_tensors(std::size_t n) {
  if (n > tensors_.size()) throw failed(file_.name() + ": more tensors are there than planned");
  file_.truncate_to(n < tensors_.size() ? tensors_[n].offset : total_bytes_);
  current_ = n;
}

void GgufWriter::write(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  if (!begun_ || current_ == tensors_.size()) {
    throw failed(file_.name() + ": data was given outside of any tensor");
  }
  const TensorInfo& info = tensors_[current_];
  if (bytes.size() > info.n_bytes - written_) {
    throw failed(fmt::format("{}: tensor {} takes {} more bytes, {} were given", file_.name(),
                             quoted(info.name), info.n_bytes - written_, bytes.size()));
  }
  file_.write(bytes);
  written_ += bytes.size();
  if (written_ < info.n_bytes) return;
  file_.write_zeros(round_up(info.n_bytes) - info.n_bytes);
  ++current_;
  written_ = 0;
}

void GgufWriter::check_complete() const {
  if (current_ == tensors_.size()) return;
  throw failed(fmt::format("{}: the data of tensor {} is not complete ({} of {} bytes)",
                           file_.name(), quoted(tensors_[current_].name), written_,
                           tensors_[current_].n_bytes));
}

void GgufWriter::finish() {
  if (!begun_) begin();
  check_complete();
  file_.commit();
}

}  // namespace lathe
