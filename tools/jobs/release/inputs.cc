#include "tools/jobs/release/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "models/import/import_checkpoint.h"
#include "quant/eval/tasks/read_tasks.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/gguf/size_summary.h"
#include "runtime/gguf/split_name.h"
#include "runtime/identity/fingerprint.h"
#include "tools/jobs/release/name_of_source.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

std::string text_key(const Metadata& metadata, std::string_view key) {
  const Value* value = metadata.find(key);
  return std::string(value == nullptr ? "" : value->as_text().value_or(""));
}

std::vector<std::string> texts_key(const Metadata& metadata, std::string_view key) {
  std::vector<std::string> out;
  const Value* value = metadata.find(key);
  const StringList* list = value == nullptr ? nullptr : value->as_strings();
  if (list == nullptr) return out;
  for (const std::string_view text : *list) out.emplace_back(text);
  return out;
}

// "https://huggingface.co/org/model" is called "org/model" there.
std::string repository_name(std::string address) {
  constexpr std::string_view kHub = "https://huggingface.co/";
  return address.starts_with(kHub) ? address.substr(kHub.size()) : address;
}

// The model that the source is: where it says where it comes from; else what it was made from.
std::string source_repository(const Metadata& metadata) {
  for (const char* key :
       {"general.source.huggingface.repository", "general.source.repo_url", "general.repo_url",
        "general.source.url", "general.base_model.0.repo_url"}) {
    if (std::string text = text_key(metadata, key); !text.empty()) return repository_name(text);
  }
  return {};
}

// What the recipe does not say, the source's metadata do.
ReleaseCard complete_card(ReleaseCard card, const Metadata& metadata) {
  const auto fill = [](std::string& text, std::string otherwise) {
    if (text.empty()) text = std::move(otherwise);
  };
  fill(card.license, text_key(metadata, "general.license"));
  fill(card.base_model, source_repository(metadata));
  fill(card.quantized_by, text_key(metadata, "general.quantized_by"));
  if (card.language.empty()) card.language = texts_key(metadata, "general.languages");
  std::vector<std::string> tags = texts_key(metadata, "general.tags");
  if (card.tags.empty()) card.tags = tags;
  const auto is_task = [](const std::string& tag) { return tag.ends_with("-generation"); };
  if (const auto tag = std::find_if(tags.begin(), tags.end(), is_task); tag != tags.end()) {
    fill(card.pipeline_tag, *tag);
  }
  fill(card.pipeline_tag, "text-generation");
  for (const char* tag : {"gguf", "quantized"}) {
    if (std::find(card.tags.begin(), card.tags.end(), tag) == card.tags.end()) {
      card.tags.emplace_back(tag);
    }
  }
  return card;
}

ReleaseSource source_of(const TensorSource& file, const ModelHeader& header) {
  const Metadata& metadata = file.metadata();
  const Value* context = metadata.find(header.architecture + ".context_length");
  return {.architecture = header.architecture,
          .name = text_key(metadata, "general.name"),
          .n_layer = header.n_layer,
          .n_params = summarize_sizes(file.tensors()).total.n_elements,
          .n_ctx_train = context == nullptr ? 0 : context->as_uint().value_or(0),
          .has_chat_template = !text_key(metadata, "tokenizer.chat_template").empty()};
}

class Opener {
 public:
  Opener(const ReleaseRecipe& recipe, const JobProgress& progress)
      : recipe_(recipe), progress_(progress) {}

  ReleaseInputs open() {
    describe_source();
    for (const std::string& text : recipe_.calibration.texts) hash(text);
    if (!recipe_.calibration.imatrix.empty()) hash(recipe_.calibration.imatrix);
    for (const ReleaseText& text : recipe_.texts) {
      for (const std::string& file : text.files) hash(file);
    }
    for (const ReleaseVariant& variant : recipe_.variants) hash_variant(variant);
    hash_tasks();
    return std::move(inputs_);
  }

 private:
  void describe_source() {
    const auto opened = open_source(recipe_.source);
    const TensorSource& file = *opened;
    inputs_.header = read_model_header(file);
    inputs_.source = source_of(file, inputs_.header);
    inputs_.card = complete_card(recipe_.card, file.metadata());
    inputs_.name = recipe_.name.empty() ? name_of_source(recipe_.source) : recipe_.name;
    const ModelIdentity identity = model_identity(
        file, {.progress = [&](double fraction) { return report(fraction, "the model"); }});
    inputs_.source_file = {
        .name = fs::path(recipe_.source).filename().string(),
        .bytes = file.total_file_bytes(),
        .sha256 = {},
        .fingerprint = identity.fingerprint,
        .bits_per_weight = summarize_sizes(file.tensors()).total.bits_per_weight()};
  }

  void hash_variant(const ReleaseVariant& variant) {
    if (!variant.plan_file.empty()) hash(variant.plan_file);
    for (const RuleOption& rule : variant.rules) {
      if (rule.is_file) hash(rule.text);
    }
  }

  // Files that are no tasks are refused before hours of other work.
  void hash_tasks() {
    for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
      const auto& files = recipe_.tasks.files[i];
      if (files.empty()) continue;
      inputs_.tasks_sha256[i] = task_set_sha256(read_tasks(kCardTests[i], files));
    }
  }

  void hash(const std::string& path) {
    if (!inputs_.sha256.contains(path)) inputs_.sha256[path] = file_sha256(path, progress_);
  }

  bool report(double fraction, const std::string& what) const {
    return !progress_ || progress_(fraction, "hashing " + what);
  }

  const ReleaseRecipe& recipe_;
  const JobProgress& progress_;
  ReleaseInputs inputs_;
};

}  // namespace

const std::string& ReleaseInputs::hash_of(const std::string& path) const {
  const auto found = sha256.find(path);
  if (found == sha256.end()) throw failed("not hashed: " + path);
  return found->second;
}

ReleaseInputs open_release_inputs(const ReleaseRecipe& recipe, const JobProgress& progress) {
  return Opener(recipe, progress).open();
}

void release_reads(OutputGate& gate, const ReleaseRecipe& recipe) {
  const auto all = [&gate](const std::vector<std::string>& paths, std::string_view what) {
    for (const std::string& path : paths) gate.reads(path, what);
  };
  gate.reads(recipe.path, "the recipe");
  gate.reads(recipe.source, "the source");
  if (const auto split = parse_split_name(recipe.source)) {
    for (std::uint32_t i = 0; i < split->count; ++i) {
      gate.reads(split_path(split->prefix, i, split->count), "the source");
    }
  }
  all(recipe.calibration.texts, "a calibration text");
  gate.reads(recipe.calibration.imatrix, "the importance matrix");
  for (const ReleaseText& text : recipe.texts) all(text.files, "an evaluation text");
  for (const auto& files : recipe.tasks.files) all(files, "the tasks");
  for (const ReleaseVariant& variant : recipe.variants) {
    gate.reads(variant.plan_file, "the plan");
    for (const RuleOption& rule : variant.rules) {
      if (rule.is_file) gate.reads(rule.text, "the rules");
    }
  }
}

std::string file_sha256(const std::string& path, const JobProgress& progress) {
  constexpr std::size_t kPiece = std::size_t{1} << 26;
  const MappedFile file(path);
  const auto bytes = file.bytes();
  Sha256 hash;
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    hash.update(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
    const double done = static_cast<double>(at) / static_cast<double>(bytes.size());
    if (progress && !progress(done, "hashing " + fs::path(path).filename().string())) {
      throw failed("stopped");
    }
  }
  return hash.hex();
}

}  // namespace lathe
