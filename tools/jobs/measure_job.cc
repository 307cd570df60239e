#include "tools/jobs/measure_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "models/registry.h"
#include "quant/codecs/codec.h"
#include "quant/costs/layer_costs.h"
#include "quant/costs/measure_costs.h"
#include "quant/pipeline/provenance.h"
#include "quant/plan/type_rule.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/identity/build_info.h"
#include "runtime/identity/fingerprint.h"
#include "runtime/machine/memory.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/texts.h"

namespace lathe {
namespace {

class MeasureJob {
 public:
  MeasureJob(const MeasureRequest& request, const Notes& notes, const JobProgress& progress)
      : request_(request),
        notes_(notes),
        progress_(progress),
        open_(request.engine, request.isa),
        header_(read_model_header(open_.file)) {
    if (!request.gradients.empty()) other_.emplace(request.gradients);
  }

  CostFile run() {
    identify();
    const TextChunks text = take_texts();
    costs_.n_ctx = text.n_ctx();
    costs_.n_tokens = text.n_tokens();
    costs_.n_scored = text.n_chunks() * (text.n_ctx() - text.first_scored());
    check_memory(text.n_tokens());
    const double share = request_.layers ? 0.5 : 1.0;
    costs_.tensors = measure_costs(open_.file, gradient_model(), text, options(), open_.kernels,
                                   open_.pool, step_of(0.0, share));
    if (request_.layers) measure_layers(text, share);
    return std::move(costs_);
  }

 private:
  const TensorSource& gradient_file() const noexcept { return other_ ? other_->file : open_.file; }
  GradientModel gradient_model() const noexcept {
    if (other_) return {*other_->model, other_->file.files()};
    return {*open_.model, open_.file.files()};
  }

  void say_step(double fraction, std::string_view step) const {
    if (progress_ && !progress_(fraction, step)) throw failed("stopped");
  }
  CostProgress step_of(double begin, double share) const {
    return [this, begin, share](double fraction, std::string_view step) {
      return !progress_ || progress_(begin + share * fraction, step);
    };
  }

  ModelIdentity identity_of(const TensorSource& file) {
    return model_identity(file, {.pool = &open_.pool, .progress = [&](double) {
                                   return !progress_ || progress_(0.0, "hashing the model");
                                 }});
  }

  void identify() {
    const ModelIdentity model = identity_of(open_.file);
    costs_.lathe = build_words();
    costs_.encoder_version = kEncoderVersion;
    costs_.model_file = name_of(open_.file.path());
    costs_.fingerprint = model.fingerprint;
    costs_.weights = model.weights;
    costs_.architecture = header_.architecture;
    costs_.n_layer = header_.n_layer;
    costs_.gradient_file = name_of(gradient_file().path());
    costs_.gradient_fingerprint =
        other_ ? identity_of(other_->file).fingerprint : model.fingerprint;
    costs_.n_rows = request_.n_rows;
    if (request_.calibrated) costs_.encoders = kCalibratedEncoders;
    costs_.importance = request_.importance;
    costs_.seed = request_.seed;
    costs_.tier = open_.kernels.tier;
  }

  static std::string name_of(const std::string& path) {
    return std::filesystem::path(path).filename().string();
  }

  // Chunks of all texts, one text after the other.
  TextChunks take_texts() {
    const std::size_t n_ctx = eval_context(request_.engine);
    const std::size_t n_texts = request_.texts.size();
    const std::size_t all = std::max(request_.n_tokens / n_ctx, 2 * n_texts);
    std::vector<Token> tokens;
    for (std::size_t t = 0; t < n_texts; ++t) {
      const std::size_t wanted = all * (t + 1) / n_texts - all * t / n_texts;
      take_text(request_.texts[t], wanted, tokens);
    }
    const Tokenizer tokenizer = Tokenizer::from_metadata(open_.file.metadata(), open_.file.path());
    const bool has_bos = tokenizer.add_bos() && tokenizer.bos() != kNoToken;
    return {std::move(tokens), n_ctx, 0, has_bos ? std::optional(tokenizer.bos()) : std::nullopt};
  }

  // Chunks in the middle of as many equal parts of the text.
  void take_text(const std::string& path, std::size_t wanted, std::vector<Token>& tokens) {
    say_step(0.0, "reading " + name_of(path));
    TextOrigin origin;
    const TextChunks text = open_text(open_.file, {.files = {path}}, request_.engine, &origin);
    for (const std::string& warning : origin.warnings) notes_.warn(warning);
    const std::vector<Token> all = text.text_tokens();
    const std::size_t n = std::min(wanted, text.n_chunks());
    if (n < wanted) {
      notes_.warn(fmt::format("{} has {} chunks of {} tokens only; {} were wanted", path, n,
                              text.n_ctx(), wanted));
    }
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t chunk = (2 * i + 1) * text.n_chunks() / (2 * n);
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(chunk * text.n_ctx());
      tokens.insert(tokens.end(), begin, begin + static_cast<std::ptrdiff_t>(text.n_ctx()));
    }
    costs_.texts.push_back({name_of(path), origin.all_sha256, n * text.n_ctx()});
  }

  // All hidden states between layers are kept until the pass comes back.
  void check_memory(std::size_t n_tokens) const {
    const ModelTraits& t = gradient_model().model.traits();
    const std::uint64_t bytes = n_tokens * t.n_embd * sizeof(float) * (t.n_layer + 1);
    const std::uint64_t available = memory_info().available;
    if (available == 0 || bytes < available / 4 * 3 || !request_.order.spill_folder.empty()) return;
    throw usage_error(fmt::format(
        "the hidden states of {} tokens take {:.1f} GB, and {:.1f} GB of memory are available: "
        "keep "
        "them in files (--spill DIR), or take fewer --tokens",
        n_tokens, static_cast<double>(bytes) / 1e9, static_cast<double>(available) / 1e9));
  }

  MeasureOptions options() const {
    MeasureOptions options;
    if (!request_.formats.empty()) options.formats = request_.formats;
    options.n_rows = request_.n_rows;
    options.importance = request_.importance;
    options.calibrated = request_.calibrated;
    options.seed = request_.seed;
    options.spill_folder = request_.order.spill_folder;
    const std::uint64_t available = memory_info().available;
    const std::uint64_t weights = gradient_model().model.traits().weight_bytes;
    options.drop_weights = available > 0 && weights > available / 2;
    return options;
  }

  void measure_layers(const TextChunks& text, double begin) {
    const auto run = [&](std::vector<RunModel> models) {
      return open_runner(std::move(models), request_.engine, request_.order, open_.kernels,
                         open_.pool, text.n_ctx());
    };
    costs_.layers = measure_layer_costs({*open_.model, open_.file.files()}, text, run,
                                        open_.kernels, open_.pool, step_of(begin, 1.0 - begin));
  }

  const MeasureRequest& request_;
  const Notes& notes_;
  const JobProgress& progress_;
  OpenModel open_;
  std::optional<LoadedModel> other_;  // whose gradients are taken, where it is another file
  ModelHeader header_;
  CostFile costs_;
};

}  // namespace

CostFile run_measure(const MeasureRequest& request, const Notes& notes,
                     const JobProgress& progress) {
  return MeasureJob(request, notes, progress).run();
}

std::vector<Format> parse_formats(const std::string& list, const char* option) {
  std::vector<Format> formats;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    begin = end + 1;
    Format format;
    if (!format_from_name(name, &format)) {
      throw usage_error(fmt::format("{}: unknown type {}; there are: {}", option, quoted(name),
                                    all_format_names()));
    }
    if (find_codec(format) == nullptr) {
      throw usage_error(fmt::format("{}: lathe cannot write the type {}", option, name));
    }
    if (std::find(formats.begin(), formats.end(), format) == formats.end()) {
      formats.push_back(format);
    }
  }
  return formats;
}

}  // namespace lathe
