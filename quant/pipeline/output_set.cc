#include "quant/pipeline/output_set.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "quant/pipeline/provenance.h"
#include "runtime/base/error.h"
#include "runtime/base/publish.h"
#include "runtime/gguf/split_name.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxShards = 65535;  // split.count is 16 bits

// One list per source file, each in the order of that file.
Shards like_source(const QuantizeJob& job) {
  const auto& tensors = job.plan.tensors;
  std::size_t n_files = 1;
  for (const PlannedTensor& t : tensors) {
    n_files = std::max<std::size_t>(n_files, t.source.file_index + 1);
  }
  Shards shards(n_files);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    shards[tensors[i].source.file_index].push_back(i);
  }
  for (auto& shard : shards) {
    std::sort(shard.begin(), shard.end(), [&](std::size_t a, std::size_t b) {
      return tensors[a].source.offset < tensors[b].source.offset;
    });
  }
  std::erase_if(shards, [](const auto& shard) { return shard.empty(); });  // pruned away
  return shards;
}

Shards by_size(const QuantizeJob& job) {
  Shards shards(1);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < job.plan.tensors.size(); ++i) {
    const std::uint64_t more = job.plan.tensors[i].n_bytes;
    const bool too_large = job.split.max_bytes > 0 && bytes + more > job.split.max_bytes;
    const bool too_many =
        job.split.max_tensors > 0 && shards.back().size() == job.split.max_tensors;
    if (!shards.back().empty() && (too_large || too_many)) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back(i);
    bytes += more;
  }
  return shards;
}

Metadata shard_metadata(const QuantizeJob& job, std::size_t shard, std::size_t n_shards) {
  Metadata out = shard == 0 ? quantized_metadata(job) : Metadata{};
  if (n_shards == 1) return out;
  out.set("split.no", Value::u16(static_cast<std::uint16_t>(shard)));
  out.set("split.count", Value::u16(static_cast<std::uint16_t>(n_shards)));
  out.set("split.tensors.count", Value::i32(static_cast<std::int32_t>(job.plan.tensors.size())));
  return out;
}

}  // namespace

Shards split_tensors(const QuantizeJob& job) {
  Shards shards = job.split.like_source ? like_source(job) : by_size(job);
  if (shards.size() > kMaxShards) {
    throw usage_error("the output would be more than 65535 files: allow larger ones");
  }
  return shards;
}

std::vector<std::string> output_paths(const std::string& out_path, std::size_t n_shards) {
  if (n_shards <= 1) return {out_path};
  constexpr std::string_view kExtension = ".gguf";
  std::string prefix = out_path;
  if (const auto split = parse_split_name(out_path)) {
    prefix = split->prefix;
  } else if (prefix.ends_with(kExtension)) {
    prefix.resize(prefix.size() - kExtension.size());
  }
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < n_shards; ++i) {
    paths.push_back(
        split_path(prefix, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(n_shards)));
  }
  return paths;
}

OutputRequest model_output_request() {
  return {.what = "a model",
          .resumable = true,
          .instead = "--dry-run shows the plan and writes nothing"};
}

AdmittedOutputs admit_outputs(const QuantizeJob& job, std::size_t n_shards) {
  OutputGate gate = job.gate != nullptr ? *job.gate : OutputGate{};
  for (const std::string& in : job.source.file_paths()) gate.reads(in, "the model");
  if (job.imatrix != nullptr) gate.reads(job.imatrix->origin, "the importance matrix");
  if (job.reuse != nullptr) {
    for (const std::string& in : job.reuse->file_paths()) gate.reads(in, "the older output");
  }
  std::vector<OutputTarget> files;
  for (const std::string& path : output_paths(job.out_path, n_shards)) {
    files.push_back(gate.admit(path, model_output_request()));
    const fs::path folder = fs::path(files.front().path()).parent_path();
    if (n_shards > 1 && fs::path(files.back().path()) != folder / fs::path(path).filename()) {
      throw usage_error(path + ": is a link to elsewhere; the files of a split model lie together");
    }
  }
  OutputTarget journal = gate.admit(journal_path(job.out_path), {.what = "the journal of the run"});
  return {std::move(files), std::move(journal)};
}

OutputSet::OutputSet(const QuantizeJob& job, const Shards& shards,
                     const std::vector<OutputTarget>& targets, const JournalContents& left) {
  std::size_t n_tensors = 0;
  for (std::size_t s = 0; s < shards.size(); ++s) {
    const std::string temporary = targets[s].path() + std::string(kTemporarySuffix);
    writers_.push_back(std::make_unique<GgufWriter>(
        targets[s], shard_metadata(job, s, shards.size()), left.beginning_of(temporary)));
    for (const std::size_t i : shards[s]) {
      const PlannedTensor& t = job.plan.tensors[i];
      writers_.back()->add_tensor(t.name, t.format, {t.source.dims.data(), t.source.n_dims});
    }
    parts_.push_back({temporary.substr(temporary.rfind('/') + 1), writers_.back()->lay_out()});
    first_tensor_.push_back(n_tensors);
    n_tensors += shards[s].size();
  }
  first_tensor_.push_back(n_tensors);
}

std::uint64_t OutputSet::total_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& writer : writers_) sum += writer->total_bytes();
  return sum;
}

std::uint64_t OutputSet::leftover_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& writer : writers_) sum += writer->file().leftover_bytes();
  return sum;
}

void OutputSet::clear() {
  for (const auto& writer : writers_) writer->file().truncate_to(0);
}

void OutputSet::begin() {
  for (const auto& writer : writers_) {
    writer->begin();
    writer->file().flush();
  }
}

OutputSet::Place OutputSet::place_of(std::size_t tensor) const {
  std::size_t s = 0;
  while (first_tensor_[s + 1] <= tensor) ++s;
  const TensorInfo& info = writers_[s]->tensors()[tensor - first_tensor_[s]];
  return {writers_[s]->file().temporary_path(), info.offset, info.n_bytes};
}

void OutputSet::skip_tensors(std::size_t n) {
  for (std::size_t s = 0; s < writers_.size(); ++s) {
    const std::size_t size = first_tensor_[s + 1] - first_tensor_[s];
    const std::size_t there = n > first_tensor_[s] ? std::min(n - first_tensor_[s], size) : 0;
    writers_[s]->skip_tensors(there);
  }
  n_done_ = n;
  while (current_ + 1 < writers_.size() && first_tensor_[current_ + 1] <= n) ++current_;
}

void OutputSet::write(std::span<const std::uint8_t> bytes) { writers_[current_]->write(bytes); }

void OutputSet::end_tensor() {
  writers_[current_]->file().flush();
  ++n_done_;
  if (current_ + 1 < writers_.size() && first_tensor_[current_ + 1] <= n_done_) ++current_;
}

void OutputSet::keep_temporary(bool keep) noexcept {
  for (const auto& writer : writers_) writer->file().keep_temporary(keep);
}

void OutputSet::finish() {
  std::vector<AtomicFile*> files;
  for (const auto& writer : writers_) {
    writer->check_complete();
    files.push_back(&writer->file());
  }
  publish(files);
}

}  // namespace lathe
