#include "quant/calibrate/calibrated_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFingerprintKey = "lathe.calibrate.fingerprint";
constexpr const char* kFiguresKey = "lathe.calibrate.figures";
constexpr std::size_t kFigures = 5;  // of each tensor, in the order of the file

// Of a file of calibrated tensors; nothing for what is none, or is damaged.
std::optional<std::string> fingerprint_of(const std::string& path) {
  if (!fs::exists(path)) return std::nullopt;
  try {
    const GgufFile file = GgufFile::open(path);
    const auto text = file.metadata().text(kFingerprintKey);
    return text ? std::optional<std::string>(*text) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

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
    : folder_(std::move(folder)), fingerprint_(std::move(fingerprint)), gate_(std::move(gate)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw failed(fmt::format("{}: {}", folder_, error.message()));
  if (resume) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    if (fingerprint_of(entry.path().string())) fs::remove(entry.path(), error);
  }
}

std::size_t CalibratedFiles::n_parts(const std::string& out_path) {
  std::error_code none;
  std::size_t n = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_for(out_path), none)) {
    n += fingerprint_of(entry.path().string()).has_value();
  }
  return n;
}

std::string CalibratedFiles::path_of(std::size_t number) const {
  return fmt::format("{}/part-{:05}.gguf", folder_, number);
}

bool CalibratedFiles::take_up(std::size_t number) {
  const std::string path = path_of(number);
  if (fingerprint_of(path) != fingerprint_) return false;
  add(GgufFile::open(path));
  paths_.push_back(path);
  return true;
}

void CalibratedFiles::write(std::size_t number, std::span<const NewTensor> tensors) {
  const std::string path = path_of(number);
  Metadata metadata;
  std::vector<float> figures;
  for (const NewTensor& t : tensors) put_figures(t.of, figures);
  metadata.set(kFingerprintKey, Value::text(fingerprint_));
  if (!figures.empty()) {
    metadata.set(kFiguresKey, Value::array<float>(std::span<const float>(figures)));
  }
  GgufWriter writer(gate_.admit(path, {.what = "a calibrated layer"}), metadata);
  for (const NewTensor& t : tensors) writer.add_tensor(t.of.name, t.of.format, t.dims);
  writer.begin();
  for (const NewTensor& t : tensors) writer.write(t.blocks);
  writer.finish();
  paths_.push_back(path);
  add(GgufFile::open(path));
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

void CalibratedFiles::remove() noexcept {
  std::error_code ignored;
  for (const std::string& path : paths_) fs::remove(path, ignored);
  fs::remove(folder_, ignored);  // stays when something else is in it
}

}  // namespace lathe
