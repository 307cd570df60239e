#include "runtime/gguf/part_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

// Of a part of this kind; nothing for what is none, or is damaged.
std::optional<std::string> fingerprint_of(const std::string& path, const PartKind& kind) {
  if (!fs::exists(path)) return std::nullopt;
  try {
    const GgufFile file = GgufFile::open(path);
    const auto text = file.metadata().text(kind.fingerprint_key);
    return text ? std::optional<std::string>(*text) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

PartFolder::PartFolder(std::string folder, const PartKind& kind, std::string fingerprint,
                       OutputGate gate, bool resume)
    : folder_(std::move(folder)),
      kind_(kind),
      fingerprint_(std::move(fingerprint)),
      gate_(std::move(gate)) {
  if (!resume) remove_parts();
}

std::size_t PartFolder::n_parts(const std::string& folder, const PartKind& kind) {
  std::error_code none;
  std::size_t n = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
    n += fingerprint_of(entry.path().string(), kind).has_value();
  }
  return n;
}

std::string PartFolder::path_of(std::size_t number) const {
  return fmt::format("{}/part-{:05}.gguf", folder_, number);
}

std::optional<GgufFile> PartFolder::take_up(std::size_t number) {
  const std::string path = path_of(number);
  if (fingerprint_of(path, kind_) != fingerprint_) return std::nullopt;
  return GgufFile::open(path);
}

GgufFile PartFolder::write(std::size_t number, Metadata metadata,
                           std::span<const PartTensor> tensors) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw failed(fmt::format("{}: {}", folder_, error.message()));
  const std::string path = path_of(number);
  metadata.set(kind_.fingerprint_key, Value::text(fingerprint_));
  GgufWriter writer(gate_.admit(path, {.what = kind_.what}), metadata);
  for (const PartTensor& t : tensors) writer.add_tensor(t.name, t.format, t.dims);
  writer.begin();
  for (const PartTensor& t : tensors) writer.write(t.blocks);
  writer.finish();
  return GgufFile::open(path);
}

void PartFolder::remove_parts() const noexcept {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, ignored)) {
    if (fingerprint_of(entry.path().string(), kind_)) fs::remove(entry.path(), ignored);
  }
}

void PartFolder::remove() noexcept {
  remove_parts();
  std::error_code ignored;
  fs::remove(folder_, ignored);  // stays when something else is in it
}

}  // namespace lathe
