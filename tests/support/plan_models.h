// Headers of models for tests of plans: shapes without data.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "quant/plan/plan.h"

namespace lathe::test {

struct ModelShape {
  int n_layer = 8;
  int n_head = 4;
  int n_head_kv = 2;
  bool tied = false;
  std::uint64_t n_embd = 256;
  std::uint64_t n_ff = 512;
};

inline TensorInfo tensor_info(const std::string& name, std::uint64_t cols, std::uint64_t rows,
                              Format format = Format::F16) {
  TensorInfo info;
  info.name = name;
  info.format = rows == 1 ? Format::F32 : format;
  info.n_dims = rows == 1 ? 1 : 2;
  info.dims = {cols, rows, 1, 1};
  info.n_bytes = row_bytes(info.format, cols) * rows;
  return info;
}

inline ModelHeader model_header(const ModelShape& shape) {
  ModelHeader m;
  m.architecture = "any";
  m.n_layer = shape.n_layer;
  m.n_head = shape.n_head;
  m.n_head_kv = shape.n_head_kv;
  m.tied_output = shape.tied;
  const std::uint64_t n_embd = shape.n_embd;
  if (!shape.tied) m.tensors.push_back(tensor_info("output.weight", n_embd, 1000));
  m.tensors.push_back(tensor_info("output_norm.weight", n_embd, 1));
  m.tensors.push_back(tensor_info("token_embd.weight", n_embd, 1000));
  for (int i = 0; i < shape.n_layer; ++i) {
    const std::string blk = "blk." + std::to_string(i) + ".";
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up"}) {
      m.tensors.push_back(tensor_info(blk + name + ".weight", n_embd, 64));
    }
    m.tensors.push_back(tensor_info(blk + "ffn_down.weight", shape.n_ff, 64));
    m.tensors.push_back(tensor_info(blk + "attn_norm.weight", n_embd, 1));
  }
  return m;
}

// By its name in the source.
inline const PlannedTensor& planned(const Plan& plan, const std::string& name) {
  for (const PlannedTensor& t : plan.tensors) {
    if (t.source.name == name) return t;
  }
  throw std::runtime_error("no tensor " + name);
}

inline Format format_in(const Plan& plan, const std::string& name) {
  return planned(plan, name).format;
}

}  // namespace lathe::test
