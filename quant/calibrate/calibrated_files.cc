#include "quant/calibrate/calibrated_files.h"

#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr PartKind kKind{"lathe.calibrate.fingerprint", "a calibrated layer"};
constexpr const char* kFiguresKey = "lathe.calibrate.figures";
constexpr std::size_t kFigures = 5;  // of each tensor, in the order of the file

void put_figures(const CalibratedTensor& t, std::vector<float>& out) {
  out.insert(out.end(), {t.has_rounding ? 1.0f : 0.0f, t.fell_back ? 1.0f : 0.0f, t.plain_error,
                         t.error, t.held_out_ratio});
}

CalibratedTensor read_figures(const TensorInfo& info, std::span<const float, kFigures> figures) {
  return {info.name,  info.format, figures[0] != 0.0f, figures[1] != 0.0f,
          figures[2], figures[3],  figures[4]};
}

}  // namespace

CalibratedFiles::CalibratedFiles(std::string folder, std::string fingerprint, OutputGate gate,
                                 bool resume)
    : folder_(std::move(folder), kKind, std::move(fingerprint), std::move(gate), resume) {}

std::size_t CalibratedFiles::n_parts(const std::string& out_path) {
  return PartFolder::n_parts(folder_for(out_path), kKind);
}

bool CalibratedFiles::take_up(std::size_t number) {
  std::optional<GgufFile> file = folder_.take_up(number);
  if (!file) return false;
  add(std::move(*file));
  return true;
}

void CalibratedFiles::write(std::size_t number, std::span<const NewTensor> tensors) {
  Metadata metadata;
  std::vector<float> figures;
  std::vector<PartTensor> parts;
  for (const NewTensor& t : tensors) {
    put_figures(t.of, figures);
    parts.push_back({t.of.name, t.of.format, t.dims, t.blocks});
  }
  if (!figures.empty()) {
    metadata.set(kFiguresKey, Value::array<float>(std::span<const float>(figures)));
  }
  add(folder_.write(number, std::move(metadata), parts));
}

void CalibratedFiles::add(GgufFile file) {
  const GgufFile& kept = files_.emplace_back(std::move(file));
  const auto figures = kept.metadata().f32_array(kFiguresKey).value_or(std::span<const float>{});
  if (figures.size() != kept.tensors().size() * kFigures) {
    throw bad_input(kept.path(), "the figures of its tensors are missing");
  }
  for (std::size_t i = 0; i < kept.tensors().size(); ++i) {
    const TensorInfo& info = kept.tensors()[i];
    by_name_[info.name] = {&kept, &info};
    tensors_.push_back(read_figures(info, figures.subspan(i * kFigures).first<kFigures>()));
  }
}

CalibratedFiles::Found CalibratedFiles::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? Found{} : found->second;
}

}  // namespace lathe
