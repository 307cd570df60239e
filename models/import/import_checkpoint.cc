#include "models/import/import_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "models/import/checkpoint_config.h"
#include "models/import/model_card.h"
#include "models/import/tensor_names.h"
#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/quote.h"
#include "runtime/checkpoint/json_file.h"
#include "runtime/checkpoint/shards.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/text/import/import_vocabulary.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHfStem = "model";
constexpr const char* kNativeStem = "consolidated";
constexpr std::size_t kMaxReadme = 4U << 20;
constexpr std::uint32_t kQuantizationVersion = 2;

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// Weights that only running Python would read.
std::optional<std::string> pickle_file(const std::string& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".pth") || name.ends_with(".pt") ||
        (name.starts_with("pytorch_model") && name.ends_with(".bin"))) {
      return name;
    }
  }
  return std::nullopt;
}

[[noreturn]] void fail_without_weights(const std::string& folder) {
  if (const auto pickle = pickle_file(folder)) {
    throw bad_input(
        folder, fmt::format("the weights are in {}, a pickle file: reading it means running "
                            "what it says. Take the checkpoint with .safetensors files, or save "
                            "it so (save_pretrained(..., safe_serialization=True))",
                            quoted(*pickle)));
  }
  throw bad_input(folder,
                  "no checkpoint: expected config.json and model.safetensors (or its numbered "
                  "files), or params.json and consolidated.safetensors");
}

class Importer {
 public:
  Importer(const std::string& folder, const ImportOptions& options, const Notes& notes)
      : folder_(without_slash(folder)), options_(options), notes_(notes) {}

  CheckpointSource import() {
    read_config();
    Shards shards = open_shards(folder_, config_.native ? kNativeStem : kHfStem);
    add_rope_factors();
    for (const ShardTensor& tensor : shards.tensors) add_tensor(tensor, shards);
    check_embedding();
    add_tied_head();
    say_what_is_left_out();
    Metadata keys = metadata();
    return {std::move(keys), std::move(shards.files), std::move(tensors_)};
  }

 private:
  static std::string without_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }

  void read_config() {
    const std::string config = folder_ + "/config.json", params = folder_ + "/params.json";
    if (is_file(config) && has_shards(folder_, kHfStem)) {
      config_ = read_hf_config(read_json_file(config), config);
    } else if (is_file(params) && has_shards(folder_, kNativeStem)) {
      config_ = read_native_config(read_json_file(params), params);
    } else {
      fail_without_weights(folder_);
    }
    for (const std::string& note : config_.notes) notes_.say(note);
  }

  // ---- tensors

  void add_rope_factors() {
    CheckpointTensor factors;
    factors.values = rope_factors(config_);
    if (factors.values.empty()) return;
    factors.info.name = "rope_freqs.weight";
    factors.info.dims[0] = factors.values.size();
    factors.info.n_bytes = factors.values.size() * sizeof(float);
    tensors_.push_back(std::move(factors));
  }

  [[noreturn]] static void refuse(const ShardTensor& tensor, const Shards& shards,
                                  const std::string& why) {
    throw bad_input(shards.files[tensor.file].path(),
                    fmt::format("tensor {}: {}", quoted(tensor.entry.name), why));
  }

  void add_tensor(const ShardTensor& tensor, const Shards& shards) {
    TensorMapping mapping = map_tensor(tensor.entry.name, config_);
    if (mapping.use == TensorUse::kLeftOut) {
      ++n_left_out_;
      left_out_bytes_ += tensor.entry.n_bytes;
      return;
    }
    if (mapping.use == TensorUse::kUnknown) {
      refuse(tensor, shards, "not known to " + config_.class_name);
    }
    if (mapping.name.size() > kGgufMaxTensorName) refuse(tensor, shards, "its name is too long");
    CheckpointTensor out;
    out.info = described(tensor, shards, std::move(mapping.name));
    out.stored = *tensor.entry.format();
    out.head_dim = paired_heads(mapping.use, out.info, tensor, shards);
    tensors_.push_back(std::move(out));
  }

  // In the format that it has here: vectors are float32.
  static TensorInfo described(const ShardTensor& tensor, const Shards& shards, std::string name) {
    const SafetensorsEntry& entry = tensor.entry;
    const auto format = entry.format();
    if (!format) {
      refuse(tensor, shards,
             fmt::format(
                 "its type {} is not supported (F32, F16 and BF16 are){}", entry.dtype,
                 entry.dtype.starts_with("F8") ? ": take the checkpoint with 16-bit weights" : ""));
    }
    if (entry.dims.empty() || entry.dims.size() > 2 ||
        std::find(entry.dims.begin(), entry.dims.end(), 0U) != entry.dims.end()) {
      refuse(tensor, shards, "expected a vector or a matrix");
    }
    TensorInfo info;
    info.name = std::move(name);
    info.n_dims = static_cast<std::uint32_t>(entry.dims.size());
    std::copy(entry.dims.rbegin(), entry.dims.rend(), info.dims.begin());
    info.format = info.n_dims == 1 ? Format::F32 : *format;
    info.n_bytes = row_bytes(info.format, info.n_elements());
    info.offset = entry.offset;
    info.file_index = tensor.file;
    return info;
  }

  // The size of heads whose rows are to be paired, or 0.
  std::uint64_t paired_heads(TensorUse use, const TensorInfo& info, const ShardTensor& tensor,
                             const Shards& shards) const {
    if (use != TensorUse::kQueries && use != TensorUse::kKeys) return 0;
    if (config_.native || config_.architecture == "olmo2") return 0;
    const std::uint64_t n_head = use == TensorUse::kQueries ? config_.n_head : config_.kv_heads();
    const std::uint64_t n = info.n_dims == 1 ? info.cols() : info.rows();
    if (n != n_head * config_.head_size()) {
      refuse(tensor, shards,
             fmt::format("{} rows, expected {} heads of {}", n, n_head, config_.head_size()));
    }
    return config_.head_size();
  }

  const CheckpointTensor* find(std::string_view name) const {
    const auto at = std::find_if(tensors_.begin(), tensors_.end(),
                                 [&](const CheckpointTensor& t) { return t.info.name == name; });
    return at == tensors_.end() ? nullptr : &*at;
  }

  // Which decides how many tokens there are.
  void check_embedding() {
    const CheckpointTensor* embedding = find("token_embd.weight");
    if (embedding == nullptr) throw bad_input(folder_, "the embedding of tokens is missing");
    if (embedding->info.rows() < config_.n_vocab) {
      throw bad_input(config_.origin,
                      fmt::format("a vocabulary of {} tokens, and the embedding has {}",
                                  config_.n_vocab, embedding->info.rows()));
    }
    config_.n_vocab = embedding->info.rows();
  }

  // A head that is the embedding stays away, as it does in GGUF, but where other readers want it.
  void add_tied_head() {
    if (find("output.weight") != nullptr) return;
    if (!config_.tied) {
      throw bad_input(folder_,
                      "the output head is missing, and the configuration does not say that "
                      "it is the embedding");
    }
    if (config_.architecture != "olmo2") return;
    CheckpointTensor head = *find("token_embd.weight");
    head.info.name = "output.weight";
    tensors_.push_back(std::move(head));
    notes_.say("the output head is the embedding: it is written twice, as olmo2 has it");
  }

  void say_what_is_left_out() const {
    if (config_.has_vision && n_left_out_ > 0) {
      notes_.say(fmt::format("left out: the part that sees pictures, {} {} of {:.1f} MB",
                             n_left_out_, n_left_out_ == 1 ? "tensor" : "tensors",
                             static_cast<double>(left_out_bytes_) / 1e6));
    }
  }

  // ---- metadata

  std::string model_name() const {
    const std::string name = fs::absolute(folder_).lexically_normal().filename().string();
    return name.empty() ? fs::canonical(folder_).filename().string() : name;
  }

  std::uint64_t n_parameters() const {
    std::uint64_t n = 0;
    for (const CheckpointTensor& t : tensors_) n += t.info.n_elements();
    return n;
  }

  // That of most weights.
  std::uint32_t file_type() const {
    std::map<Format, std::uint64_t> n;
    for (const CheckpointTensor& t : tensors_) {
      if (t.info.n_dims > 1) n[t.info.format] += t.info.n_elements();
    }
    const auto most = std::max_element(
        n.begin(), n.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == n.end()) return 0;
    return most->first == Format::BF16 ? 32 : most->first == Format::F16 ? 1 : 0;
  }

  // How the authors sample, for programs that ask the file.
  void put_sampling(Metadata& out) const {
    struct Setting {
      const char *theirs, *key;
      bool whole;
    };
    constexpr std::array<Setting, 5> kSettings = {
        {{"top_k", "top_k", true},
         {"top_p", "top_p", false},
         {"min_p", "min_p", false},
         {"temperature", "temp", false},
         {"repetition_penalty", "penalty_repeat", false}}};
    const std::string path = folder_ + "/generation_config.json";
    const auto json = find_json_file(path);
    if (!json) return;
    const JsonNode root(*json, path);
    for (const Setting& setting : kSettings) {
      const auto node = root.find(setting.theirs);
      if (!node || node->is_null()) continue;
      const std::string key = std::string("general.sampling.") + setting.key;
      if (setting.whole) {
        out.set(key, Value::i32(static_cast<std::int32_t>(node->uint(0x7fffffff))));
      } else {
        out.set(key, Value::f32(static_cast<float>(node->real())));
      }
    }
  }

  Metadata metadata() const {
    Metadata out(folder_);
    out.set("general.architecture", Value::text(config_.architecture));
    out.set("general.type", Value::text("model"));
    put_sampling(out);
    out.set("general.name", Value::text(model_name()));
    out.set("general.size_label", Value::text(size_label(n_parameters())));
    if (const auto readme = read_small_file(folder_ + "/README.md", kMaxReadme)) {
      put_model_card(*readme, out);
    }
    put_config(config_, out);
    out.set("general.file_type", Value::u32(file_type()));
    out.set("general.quantization_version", Value::u32(kQuantizationVersion));
    import_vocabulary({.folder = folder_,
                       .n_vocab = config_.n_vocab,
                       .pre = options_.pre,
                       .special_ids = config_.special_ids})
        .put(out);
    put_chat_templates(folder_, out);
    return out;
  }

  std::string folder_;
  const ImportOptions& options_;
  const Notes& notes_;
  CheckpointConfig config_;
  std::vector<CheckpointTensor> tensors_;
  std::size_t n_left_out_ = 0;
  std::uint64_t left_out_bytes_ = 0;
};

}  // namespace

CheckpointSource import_checkpoint(const std::string& folder, const ImportOptions& options,
                                   const Notes& notes) {
  return Importer(folder, options, notes).import();
}

bool is_checkpoint(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::unique_ptr<TensorSource> open_source(const std::string& path, const ImportOptions& options,
                                          const Notes& notes) {
  if (is_checkpoint(path)) {
    return std::make_unique<CheckpointSource>(import_checkpoint(path, options, notes));
  }
  return std::make_unique<GgufFile>(GgufFile::open(path));
}

}  // namespace lathe
