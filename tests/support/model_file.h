// A small model file of any tensors and keys, to be changed and written again in a test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/gguf_writer.h"
#include "tests/support/output.h"

namespace lathe {

struct ModelFile {
  struct Tensor {
    std::string name;
    Format format;
    std::vector<std::uint64_t> dims;
    std::vector<std::uint8_t> data;
  };
  Metadata metadata;
  std::vector<Tensor> tensors;

  // Everything that a file holds, to be changed.
  static ModelFile of(const GgufFile& file) {
    ModelFile out{file.metadata(), {}};
    for (const TensorInfo& info : file.tensors()) {
      const auto data = file.data(info);
      out.tensors.push_back({info.name,
                             info.format,
                             {info.dims.begin(), info.dims.begin() + info.n_dims},
                             {data.begin(), data.end()}});
    }
    return out;
  }

  Tensor& tensor(const std::string& name) {
    for (Tensor& t : tensors) {
      if (t.name == name) return t;
    }
    throw std::out_of_range(name);
  }

  // As one file in memory, which needs no disk.
  std::vector<std::uint8_t> bytes() const {
    std::vector<TensorInfo> infos;
    for (const Tensor& t : tensors) {
      infos.push_back({.name = t.name, .format = t.format});
      infos.back().n_dims = static_cast<std::uint32_t>(t.dims.size());
      std::copy(t.dims.begin(), t.dims.end(), infos.back().dims.begin());
    }
    std::vector<std::uint8_t> out = gguf_header_bytes(metadata, infos);
    for (const Tensor& t : tensors) {
      out.insert(out.end(), t.data.begin(), t.data.end());
      out.resize((out.size() + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment);
    }
    return out;
  }

  void write(const std::string& path) const { write_part(path, metadata, 0, tensors.size()); }

  // As `n_files` files PREFIX-00001-of-0000N.gguf; gives the name of the first.
  std::string write_split(const std::string& prefix, std::size_t n_files) const {
    for (std::size_t i = 0; i < n_files; ++i) {
      Metadata keys = i == 0 ? metadata : Metadata{};
      keys.set("split.no", Value::u16(static_cast<std::uint16_t>(i)));
      keys.set("split.count", Value::u16(static_cast<std::uint16_t>(n_files)));
      keys.set("split.tensors.count", Value::i32(static_cast<std::int32_t>(tensors.size())));
      write_part(split_file(prefix, i, n_files), std::move(keys), tensors.size() * i / n_files,
                 tensors.size() * (i + 1) / n_files);
    }
    return split_file(prefix, 0, n_files);
  }

 private:
  static std::string split_file(const std::string& prefix, std::size_t i, std::size_t n) {
    return prefix + "-0000" + std::to_string(i + 1) + "-of-0000" + std::to_string(n) + ".gguf";
  }
  void write_part(const std::string& path, Metadata keys, std::size_t begin,
                  std::size_t end) const {
    GgufWriter out(test::output(path), std::move(keys));
    for (std::size_t t = begin; t < end; ++t) {
      out.add_tensor(tensors[t].name, tensors[t].format, tensors[t].dims);
    }
    out.begin();
    for (std::size_t t = begin; t < end; ++t) out.write(tensors[t].data);
    out.finish();
  }
};

}  // namespace lathe
