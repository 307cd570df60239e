// Builds GGUF files in memory, right ones and wrong ones: any count, type, offset or byte can be
// set to something a careful writer would never produce. Independent of the project's own writer.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/gguf/value.h"

namespace lathe {

// Little-endian bytes, appended to.
class ByteSink {
 public:
  template <typename T>
  ByteSink& put(T v) {
    bytes.resize(bytes.size() + sizeof(T));
    std::memcpy(bytes.data() + bytes.size() - sizeof(T), &v, sizeof(T));
    return *this;
  }
  ByteSink& u8(std::uint8_t v) { return put(v); }
  ByteSink& u32(std::uint32_t v) { return put(v); }
  ByteSink& u64(std::uint64_t v) { return put(v); }
  ByteSink& raw(std::string_view s) {
    bytes.insert(bytes.end(), s.begin(), s.end());
    return *this;
  }
  ByteSink& string(std::string_view s) { return u64(s.size()).raw(s); }
  ByteSink& append(const ByteSink& other) {
    bytes.insert(bytes.end(), other.bytes.begin(), other.bytes.end());
    return *this;
  }
  ByteSink& pad(std::size_t alignment) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return *this;
  }

  std::vector<std::uint8_t> bytes;
};

class GgufBuilder {
 public:
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::optional<std::uint64_t> n_tensors;  // set: written instead of the true number
  std::optional<std::uint64_t> n_keys;
  std::uint64_t alignment = 32;  // used for the layout; the key is added by hand

  // ---- keys
  template <typename T>
  GgufBuilder& kv(std::string_view key, T value) {
    return kv_raw(key, static_cast<std::uint32_t>(value_type_of<T>()), ByteSink().put(value));
  }
  GgufBuilder& kv_text(std::string_view key, std::string_view value) {
    return kv_raw(key, 8, ByteSink().string(value));
  }
  template <typename T>
  GgufBuilder& kv_array(std::string_view key, const std::vector<T>& values) {
    ByteSink body;
    body.u32(static_cast<std::uint32_t>(value_type_of<T>())).u64(values.size());
    for (const T v : values) body.put(v);
    return kv_raw(key, 9, body);
  }
  GgufBuilder& kv_strings(std::string_view key, const std::vector<std::string>& values) {
    ByteSink body;
    body.u32(8).u64(values.size());
    for (const std::string& v : values) body.string(v);
    return kv_raw(key, 9, body);
  }
  GgufBuilder& kv_raw(std::string_view key, std::uint32_t type, const ByteSink& body) {
    keys_.string(key).u32(type).append(body);
    ++key_count_;
    return *this;
  }
  // Bytes that stand where a key would, counted as one.
  GgufBuilder& key_bytes(const ByteSink& bytes) {
    keys_.append(bytes);
    ++key_count_;
    return *this;
  }

  // ---- tensors: offset and data follow the rules unless given. `n_bytes` of 0xab each.
  GgufBuilder& tensor(std::string_view name, const std::vector<std::uint64_t>& dims,
                      std::uint32_t type, std::uint64_t n_bytes,
                      std::optional<std::uint64_t> offset = std::nullopt) {
    infos_.string(name).u32(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t d : dims) infos_.u64(d);
    infos_.u32(type).u64(offset.value_or(data_.bytes.size()));
    ++tensor_count_;
    data_.bytes.resize(data_.bytes.size() + n_bytes, 0xab);
    data_.pad(alignment);
    return *this;
  }
  GgufBuilder& f32_tensor(std::string_view name, const std::vector<std::uint64_t>& dims) {
    std::uint64_t n = 4;
    for (const std::uint64_t d : dims) n *= d;
    return tensor(name, dims, 0, n);
  }
  // Only the info, for shapes whose data could never be written.
  GgufBuilder& tensor_info(std::string_view name, const std::vector<std::uint64_t>& dims,
                           std::uint32_t type, std::uint64_t offset) {
    infos_.string(name).u32(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t d : dims) infos_.u64(d);
    infos_.u32(type).u64(offset);
    ++tensor_count_;
    return *this;
  }
  GgufBuilder& tensor_bytes(const ByteSink& bytes) {
    infos_.append(bytes);
    ++tensor_count_;
    return *this;
  }

  std::vector<std::uint8_t> build() const {
    ByteSink out;
    out.raw(magic).u32(version).u64(n_tensors.value_or(tensor_count_));
    out.u64(n_keys.value_or(key_count_)).append(keys_).append(infos_);
    if (tensor_count_ > 0) out.pad(alignment).append(data_);
    return out.bytes;
  }
  void write(const std::string& path) const {
    const std::vector<std::uint8_t> bytes = build();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }

 private:
  ByteSink keys_;
  ByteSink infos_;
  ByteSink data_;
  std::uint64_t key_count_ = 0;
  std::uint64_t tensor_count_ = 0;
};

}  // namespace lathe
