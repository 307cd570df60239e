// Builds safetensors files in memory, right ones and wrong ones. Independent of the project's
// reader.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lathe::test {

class SafetensorsBuilder {
 public:
  nlohmann::ordered_json header;  // may be changed before build()
  std::vector<std::uint8_t> data;

  SafetensorsBuilder& add(const std::string& name, const std::string& dtype,
                          const std::vector<std::uint64_t>& shape,
                          const std::vector<std::uint8_t>& bytes) {
    header[name] = {{"dtype", dtype},
                    {"shape", shape},
                    {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data.insert(data.end(), bytes.begin(), bytes.end());
    return *this;
  }

  std::vector<std::uint8_t> build() const { return with_header(header.dump()); }
  std::vector<std::uint8_t> with_header(const std::string& text) const {
    std::vector<std::uint8_t> out(8);
    const std::uint64_t n = text.size();
    std::memcpy(out.data(), &n, sizeof(n));
    out.insert(out.end(), text.begin(), text.end());
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }
};

inline void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}
inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace lathe::test
