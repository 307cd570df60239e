#include "quant/heal/healed_files.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr PartKind kKind{"lathe.heal.fingerprint", "a healed layer"};
constexpr const char* kHalvesKey = "lathe.heal.halves";
constexpr const char* kRecordsKey = "lathe.heal.records";
constexpr const char* kChunksKey = "lathe.heal.chunks";
constexpr std::size_t kFigures = 6;      // of a half
constexpr std::size_t kRecordsPart = 0;  // layers come behind it

std::size_t part_of(int layer) { return static_cast<std::size_t>(layer) + 1; }
std::string squares_key(std::size_t half) { return fmt::format("lathe.heal.squares.{}", half); }

std::array<double, kFigures> figures_of(const HealedHalf& half) {
  return {static_cast<double>(half.output),
          half.error_before,
          half.error_after,
          half.kept_old ? 1.0 : 0.0,
          static_cast<double>(half.n_units),
          static_cast<double>(half.n_from_pruned)};
}

HealedHalf half_of(int layer, std::span<const double> figures) {
  return {.layer = layer,
          .output = static_cast<TensorRole>(figures[0]),
          .error_before = figures[1],
          .error_after = figures[2],
          .kept_old = figures[3] != 0.0,
          .n_units = static_cast<std::size_t>(figures[4]),
          .n_from_pruned = static_cast<std::size_t>(figures[5])};
}

std::span<const double> doubles(const GgufFile& file, const char* key) {
  const Value* value = file.metadata().find(key);
  const auto list = value == nullptr ? std::nullopt : value->as_array<double>();
  if (!list) throw bad_input(file.path(), fmt::format("{} is missing", key));
  return *list;
}

}  // namespace

HealedFiles::HealedFiles(std::string folder, std::string fingerprint, OutputGate gate, bool resume)
    : folder_(std::move(folder), kKind, std::move(fingerprint), std::move(gate), resume) {}

std::size_t HealedFiles::n_parts(const std::string& out_path) {
  return PartFolder::n_parts(folder_for(out_path), kKind);
}

std::optional<HealedFiles::Layer> HealedFiles::take_up(int layer) {
  const std::optional<GgufFile> file = folder_.take_up(part_of(layer));
  if (!file) return std::nullopt;
  Layer out;
  const std::span<const double> figures = doubles(*file, kHalvesKey);
  for (std::size_t i = 0; (i + 1) * kFigures <= figures.size(); ++i) {
    HealedHalf& half =
        out.halves.emplace_back(half_of(layer, figures.subspan(i * kFigures, kFigures)));
    if (const auto squares = file->metadata().f32_array(squares_key(i))) {
      half.column_squares.assign(squares->begin(), squares->end());
    }
  }
  for (const TensorInfo& tensor : file->tensors()) {
    out.tensors.emplace(tensor.name,
                        FloatTensor(WeightView{tensor.format, tensor.rows(), tensor.cols(),
                                               file->data(tensor).data()}));
  }
  return out;
}

void HealedFiles::write(int layer, std::span<const HealedHalf> halves,
                        const ReplacedTensors& tensors) {
  Metadata metadata;
  std::vector<double> figures;
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const auto of = figures_of(halves[i]);
    figures.insert(figures.end(), of.begin(), of.end());
    const std::vector<float>& squares = halves[i].column_squares;
    if (squares.empty()) continue;
    metadata.set(squares_key(i), Value::array<float>(std::span<const float>(squares)));
  }
  metadata.set(kHalvesKey, Value::array<double>(std::span<const double>(figures)));
  std::vector<std::array<std::uint64_t, 2>> dims;
  dims.reserve(tensors.size());
  std::vector<PartTensor> parts;
  for (const auto& [name, tensor] : tensors) {
    const auto id = parse_tensor_name(name);
    if (!id || id->layer != layer) continue;
    const WeightView view = tensor.view();
    dims.push_back({view.cols, view.rows});
    parts.push_back({name, view.format, dims.back(), {view.data, view.bytes()}});
  }
  folder_.write(part_of(layer), std::move(metadata), parts);
}

std::optional<ChunkRecords> HealedFiles::take_up_records() {
  const std::optional<GgufFile> file = folder_.take_up(kRecordsPart);
  if (!file) return std::nullopt;
  const std::span<const double> all = doubles(*file, kRecordsKey);
  const auto n_chunks = static_cast<std::size_t>(file->metadata().require_uint(kChunksKey));
  if (n_chunks == 0 || all.size() % n_chunks != 0) {
    throw bad_input(file->path(), fmt::format("{} are not of {} chunks", kRecordsKey, n_chunks));
  }
  ChunkRecords out(n_chunks);
  const std::size_t n = all.size() / n_chunks;
  for (std::size_t i = 0; i < n_chunks; ++i) {
    const auto record = all.subspan(i * n, n);
    out[i].assign(record.begin(), record.end());
  }
  return out;
}

void HealedFiles::write_records(const ChunkRecords& records) {
  Metadata metadata;
  std::vector<double> all;
  for (const auto& record : records) all.insert(all.end(), record.begin(), record.end());
  metadata.set(kChunksKey, Value::u32(static_cast<std::uint32_t>(records.size())));
  metadata.set(kRecordsKey, Value::array<double>(std::span<const double>(all)));
  folder_.write(kRecordsPart, std::move(metadata), {});
}

}  // namespace lathe
