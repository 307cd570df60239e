#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/shape_text.h"

#include <fmt/format.h>

#include <bit>
#include <string_view>
#include <unordered_set>

#include "runtime/base/byte_reader.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;         // length, key, type, value
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 4 + 8;  // length, name, n_dims, type, offset
constexpr std::uint64_t kMinStringBytes = 8;                  // the length of an empty one

// ---- header

void check_magic(ByteReader& in) {
  const auto magic = in.take(kMagic.size(), "magic");
  const std::string_view text(reinterpret_cast<const char*>(magic.data()), magic.size());
  if (text == kMagic) return;
  if (text == "FUGG") in.fail_at(0, "the magic is 'FUGG', a big-endian or byte-swapped GGUF file");
  if (text == "ggml" || text == "lmgg" || text == "fmgg" || text == "tjgg") {
    in.fail_at(0, "a model file from before GGUF; convert the original checkpoint again");
  }
  in.fail_at(0, fmt::format("not a GGUF file: the magic is {}, expected 'GGUF'", quoted(text)));
}

std::uint32_t read_version(ByteReader& in) {
  const std::size_t at = in.offset();
  const auto version = in.read<std::uint32_t>("version");
  if (version == 2 || version == 3) return version;
  if (version != 0 && (version & 0xffff) == 0) {
    in.fail_at(at, fmt::format("big-endian GGUF (version reads as {:#010x}); only little-endian "
                               "files are supported",
                               version));
  }
  if (version == 1) {
    in.fail_at(at,
               "GGUF version 1 is no longer supported, expected 2 or 3; convert the model again");
  }
  in.fail_at(at, fmt::format("GGUF version {} is unknown, expected 2 or 3", version));
}

std::uint64_t read_count(ByteReader& in, std::string_view what) {
  const std::size_t at = in.offset();
  const auto n = in.read<std::int64_t>(what);
  if (n < 0) in.fail_at(at, fmt::format("the {} is negative ({})", what, n));
  return static_cast<std::uint64_t>(n);
}

// ---- key-values

Value read_string_array(ByteReader& in, std::uint64_t n) {
  in.check_count(n, kMinStringBytes, kGgufMaxArrayElements, "strings in the array");
  StringList list;
  list.reserve(static_cast<std::size_t>(n), 0);
  for (std::uint64_t i = 0; i < n; ++i) {
    list.push_back(in.read_string("string of the array", kGgufMaxStringBytes));
  }
  return Value::strings(std::move(list));
}

Value read_array(ByteReader& in) {
  const std::size_t at = in.offset();
  const auto id = in.read<std::uint32_t>("element type");
  const auto element = static_cast<ValueType>(id);
  if (element == ValueType::kArray) in.fail_at(at, "an array of arrays is not allowed");
  if (element != ValueType::kString && scalar_bytes(element) == 0) {
    in.fail_at(at, fmt::format("the array's element type {} is unknown, expected 0 to 12", id));
  }
  const auto n = in.read<std::uint64_t>("array length");
  if (element == ValueType::kString) return read_string_array(in, n);
  const std::uint64_t width = scalar_bytes(element);
  in.check_count(n, width, kGgufMaxArrayElements, "elements of the array");
  return Value::raw_array(element, std::as_bytes(in.take(n * width, "array")));
}

Value read_value(ByteReader& in) {
  const std::size_t at = in.offset();
  const auto id = in.read<std::uint32_t>("value type");
  const auto type = static_cast<ValueType>(id);
  if (type == ValueType::kArray) return read_array(in);
  if (type == ValueType::kString) {
    return Value::text(std::string(in.read_string("string", kGgufMaxStringBytes)));
  }
  const std::size_t width = scalar_bytes(type);
  if (width == 0) in.fail_at(at, fmt::format("the value type {} is unknown, expected 0 to 12", id));
  return Value::raw_scalar(type, std::as_bytes(in.take(width, "value")));
}

void read_metadata(ByteReader& in, std::uint64_t n, Metadata& out) {
  for (std::uint64_t i = 0; i < n; ++i) {
    in.set_context(fmt::format("key {} of {}", i + 1, n));
    const std::size_t at = in.offset();
    const std::string_view key = in.read_string("key", kGgufMaxKeyBytes);
    if (key.empty()) in.fail_at(at, "the key is empty");
    in.set_context("key " + quoted(key));
    if (out.has(key)) in.fail_at(at, "the key occurs twice");
    out.set(key, read_value(in));
  }
  in.set_context({});
}

std::uint64_t read_alignment(const Metadata& metadata) {
  static constexpr std::string_view kKey = "general.alignment";
  const Value* value = metadata.find(kKey);
  if (value == nullptr) return kGgufAlignment;
  if (value->type() != ValueType::kU32) {
    metadata.fail(kKey, "expected u32, found " + value->type_text());
  }
  const std::uint64_t alignment = *value->as_uint();
  if (!std::has_single_bit(alignment) || alignment < kGgufMinAlignment ||
      alignment > kGgufMaxAlignment) {
    metadata.fail(kKey, fmt::format("expected a power of two from {} to {}, found {}",
                                    kGgufMinAlignment, kGgufMaxAlignment, alignment));
  }
  return alignment;
}

// ---- tensor infos

std::string why_not_a_format(std::uint32_t id) {
  if (id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38)) {
    return "was removed from GGUF; convert or quantize the model again";
  }
  if (id == 9 || id == 15) return "is for activations only, not for weights in a file";
  if (id >= 24 && id <= 28) return "(integer or f64) is not used by models that lathe reads";
  if ((id >= 97 && id <= 99) || (id >= 133 && id <= 158) || (id >= 202 && id <= 399)) {
    return "exists only in ik_llama.cpp, which lathe does not read; requantize to a mainline "
           "format";
  }
  return "is unknown";
}

Format read_format(ByteReader& in) {
  const std::size_t at = in.offset();
  const auto id = in.read<std::uint32_t>("tensor type");
  Format format;
  if (!format_from_gguf_id(id, &format)) {
    in.fail_at(at, fmt::format("the tensor type {} {}", id, why_not_a_format(id)));
  }
  return format;
}

void read_dims(ByteReader& in, TensorInfo& info) {
  const std::size_t at = in.offset();
  info.n_dims = in.read<std::uint32_t>("number of dimensions");
  if (info.n_dims == 0 || info.n_dims > kGgufMaxDims) {
    in.fail_at(at, fmt::format("the tensor has {} dimensions, expected 1 to {}", info.n_dims,
                               kGgufMaxDims));
  }
  for (std::uint32_t d = 0; d < info.n_dims; ++d) {
    const std::size_t dim_at = in.offset();
    const auto size = in.read<std::int64_t>("dimension");
    if (size <= 0) {
      in.fail_at(dim_at, fmt::format("dimension {} is {}, expected 1 or more", d, size));
    }
    info.dims[d] = static_cast<std::uint64_t>(size);
  }
}

// Fills n_bytes from dims and format.
void check_size(const ByteReader& in, std::size_t at, TensorInfo& info) {
  const auto dims = std::span(info.dims).first(info.n_dims);
  const auto n = checked_elements(dims);
  if (!n) {
    in.fail_at(at, fmt::format("the product of the dimensions {} overflows", shape_text(dims)));
  }
  const FormatInfo& format = format_info(info.format);
  if (info.dims[0] % format.block_elems != 0) {
    in.fail_at(at, fmt::format("rows of {} elements are not whole blocks of {}, which has {} per "
                               "block",
                               info.dims[0], format.name, format.block_elems));
  }
  const auto n_bytes = checked_bytes(info.format, *n);
  if (!n_bytes) {
    in.fail_at(at, fmt::format("the size in bytes of a tensor of {} {} overflows", shape_text(dims),
                               format.name));
  }
  info.n_bytes = *n_bytes;
}

// Offsets stay relative to the data section here. Where a tensor begins follows from those before
// it; `expected` is that place.
void check_offset(const ByteReader& in, std::size_t at, const TensorInfo& info,
                  std::uint64_t expected, std::uint64_t alignment) {
  if (info.offset == expected) return;
  if (info.offset % alignment != 0) {
    in.fail_at(at, fmt::format("the data offset {} is not a multiple of the alignment {}",
                               info.offset, alignment));
  }
  if (info.offset < expected) {
    in.fail_at(at, fmt::format("the data offset {} overlaps the tensors before it, expected {}",
                               info.offset, expected));
  }
  in.fail_at(at, fmt::format("the data offset {} leaves a gap or lies outside, expected {}",
                             info.offset, expected));
}

constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t alignment) noexcept {
  return (n + alignment - 1) / alignment * alignment;
}

void read_tensor_infos(ByteReader& in, std::uint64_t n, GgufContents& out) {
  constexpr std::uint64_t kMaxTotal = std::uint64_t{1} << 62;
  std::unordered_set<std::string_view> names;  // views of the file
  names.reserve(static_cast<std::size_t>(n));
  out.tensors.reserve(static_cast<std::size_t>(n));
  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    in.set_context(fmt::format("tensor {} of {}", i + 1, n));
    const std::size_t at = in.offset();
    const std::string_view name = in.read_string("tensor name", kGgufMaxTensorName);
    if (name.empty()) in.fail_at(at, "the tensor name is empty");
    in.set_context("tensor " + quoted(name));
    if (!names.insert(name).second) in.fail_at(at, "the tensor name occurs twice");
    TensorInfo info;
    info.name = std::string(name);
    read_dims(in, info);
    info.format = read_format(in);
    check_size(in, at, info);
    const std::size_t offset_at = in.offset();
    info.offset = in.read<std::uint64_t>("data offset");
    check_offset(in, offset_at, info, expected, out.alignment);
    if (info.n_bytes > kMaxTotal - expected) {
      in.fail_at(at, "the sizes of the tensors up to this one add up to more than 2^62 bytes");
    }
    expected = round_up(expected + info.n_bytes, out.alignment);
    out.tensors.push_back(std::move(info));
  }
  in.set_context({});
}

// ---- data

// Makes offsets absolute. Sizes and offsets are below 2^62 here and the file's size is a real one,
// so the sums cannot wrap.
void place_data(const ByteReader& in, GgufContents& out) {
  if (out.tensors.empty()) {
    out.data_offset = in.offset();
    return;
  }
  out.data_offset = round_up(in.offset(), out.alignment);
  const TensorInfo& last = out.tensors.back();
  const std::uint64_t end = out.data_offset + last.offset + last.n_bytes;
  for (TensorInfo& info : out.tensors) {
    info.offset += out.data_offset;
    if (info.offset > in.size() || info.n_bytes > in.size() - info.offset) {
      in.fail_at(
          in.size(),
          fmt::format("the data of tensor {} lies at {} to {}, outside of the file: it is cut "
                      "off or damaged ({} bytes, {} are missing)",
                      quoted(info.name), info.offset, info.offset + info.n_bytes, in.size(),
                      end - in.size()));
    }
  }
}

}  // namespace

GgufContents parse_gguf(std::span<const std::uint8_t> bytes, const std::string& where) {
  ByteReader in(bytes, where);
  GgufContents out;
  out.metadata = Metadata(where);
  check_magic(in);
  out.version = read_version(in);
  const std::uint64_t n_tensors = read_count(in, "number of tensors");
  const std::uint64_t n_keys = read_count(in, "number of keys");
  in.check_count(n_tensors, kMinTensorBytes, kGgufMaxTensors, "tensors");
  in.check_count(n_keys, kMinKeyBytes, kGgufMaxKeys, "keys");
  read_metadata(in, n_keys, out.metadata);
  out.alignment = read_alignment(out.metadata);
  in.check_count(n_tensors, kMinTensorBytes, kGgufMaxTensors, "tensors");
  read_tensor_infos(in, n_tensors, out);
  place_data(in, out);
  return out;
}

}  // namespace lathe
