#include "models/weight_loader.h"

#include <string>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/shape_text.h"

namespace lathe {
namespace {

// Tensors of old converters that repeat what the metadata say.
bool is_legacy(std::string_view name) noexcept {
  return name.ends_with(".attn_rot_embd.weight") ||
         (name.starts_with("blk.") && name.ends_with(".rope_freqs.weight"));
}

}  // namespace

WeightLoader::WeightLoader(const TensorSource& file, std::size_t n_layer)
    : file_(file), set_(n_layer), taken_(file.tensors().size(), false) {}

bool WeightLoader::bind(TensorId id, std::size_t rows, std::size_t cols, bool is_vector) {
  const std::string name = tensor_name(id);
  const TensorInfo* info = file_.find(name);
  if (info == nullptr) return false;
  const std::string where = "tensor " + name;
  if (info->cols() != cols || info->rows() != rows || info->dims[2] * info->dims[3] != 1) {
    throw bad_input(file_.path(), where + " has shape " + shape_text(*info) + ", expected " +
                                      (is_vector ? std::to_string(cols) : shape_text(cols, rows)));
  }
  if (is_vector && info->format != Format::F32) {
    throw bad_input(file_.path(),
                    where + " is " + std::string(format_name(info->format)) + ", expected f32");
  }
  const std::uint8_t* const data = file_.data(*info).data();
  if (reinterpret_cast<std::uintptr_t>(data) % sizeof(float) != 0) {
    throw bad_input(file_.path(), where + " does not start at a multiple of 4 bytes");
  }
  set_.set(id, {info->format, rows, cols, data});
  taken_[static_cast<std::size_t>(info - file_.tensors().data())] = true;
  return true;
}

void WeightLoader::fail_missing(TensorId id) const {
  throw bad_input(file_.path(), "tensor " + tensor_name(id) + " is missing");
}

void WeightLoader::matrix(TensorRole role, int layer, std::size_t rows, std::size_t cols) {
  if (!optional_matrix(role, layer, rows, cols)) fail_missing({role, layer});
}
void WeightLoader::vector(TensorRole role, int layer, std::size_t n) {
  if (!optional_vector(role, layer, n)) fail_missing({role, layer});
}
bool WeightLoader::optional_matrix(TensorRole role, int layer, std::size_t rows, std::size_t cols) {
  return bind({role, layer}, rows, cols, false);
}
bool WeightLoader::optional_vector(TensorRole role, int layer, std::size_t n, TensorPart part) {
  return bind({role, layer, part}, 1, n, true);
}

void WeightLoader::matrix_and_bias(TensorRole role, int layer, std::size_t rows, std::size_t cols) {
  matrix(role, layer, rows, cols);
  optional_vector(role, layer, rows, TensorPart::kBias);
}

void WeightLoader::embedding_and_head(ModelTraits& traits) {
  const TensorInfo* embedding = file_.find(tensor_name({TensorRole::kTokenEmbd, -1}));
  if (embedding == nullptr) fail_missing({TensorRole::kTokenEmbd, -1});
  const StringList* tokens = file_.metadata().string_array("tokenizer.ggml.tokens");
  traits.n_vocab = tokens != nullptr ? tokens->size() : embedding->rows();
  constexpr std::size_t kMaxVocab = std::size_t{1} << 30;
  if (traits.n_vocab == 0 || traits.n_vocab > kMaxVocab) {
    throw bad_input(file_.path(), "a vocabulary of " + std::to_string(traits.n_vocab) + " tokens");
  }
  matrix(TensorRole::kTokenEmbd, -1, traits.n_vocab, traits.n_embd);
  vector(TensorRole::kOutputNorm, -1, traits.n_embd);
  traits.tied_output = !optional_matrix(TensorRole::kOutput, -1, traits.n_vocab, traits.n_embd);
}

void WeightLoader::queries_keys_values(int layer, std::size_t n_embd, std::size_t q_width,
                                       std::size_t kv_width) {
  const std::size_t width = q_width + 2 * kv_width;
  if (optional_matrix(TensorRole::kAttnQkv, layer, width, n_embd)) {
    optional_vector(TensorRole::kAttnQkv, layer, width, TensorPart::kBias);
    return;
  }
  matrix_and_bias(TensorRole::kAttnQ, layer, q_width, n_embd);
  matrix_and_bias(TensorRole::kAttnK, layer, kv_width, n_embd);
  matrix_and_bias(TensorRole::kAttnV, layer, kv_width, n_embd);
}

WeightSet WeightLoader::finish(ModelTraits& traits) {
  traits.n_params = 0;
  traits.weight_bytes = 0;
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    const TensorInfo& info = file_.tensors()[i];
    if (!taken_[i] && !is_legacy(info.name)) {
      throw bad_input(file_.path(), "tensor " + quoted(info.name) +
                                        " is not known to architecture " + traits.architecture);
    }
    traits.n_params += info.n_elements();
    traits.weight_bytes += info.n_bytes;
  }
  return std::move(set_);
}

}  // namespace lathe
