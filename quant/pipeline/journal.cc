#include "quant/pipeline/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kStart = "{\"job\":";
constexpr std::uint64_t kMostHeaderBytes = std::uint64_t{1} << 30;

// The text of a key; empty for anything else.
std::string text_of(const Json& line, const char* key) {
  if (!line.is_object()) return {};
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::uint64_t count_of(const Json& line, const char* key) {
  if (!line.is_object()) return 0;
  const auto found = line.find(key);
  return found != line.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::vector<JournalPart> parts_of(const Json& line) {
  std::vector<JournalPart> parts;
  const auto found = line.find("parts");
  if (found == line.end() || !found->is_array()) return parts;
  for (const Json& part : *found) {
    const std::string file = text_of(part, "file"), sha256 = text_of(part, "sha256");
    const std::uint64_t n_bytes = count_of(part, "bytes");
    if (file.empty() || file.find('/') != file.npos || n_bytes > kMostHeaderBytes) continue;
    parts.push_back({file, {n_bytes, sha256}});
  }
  return parts;
}

std::string tensor_line(const FinishedTensor& tensor) {
  return Json{{"tensor", tensor.name}, {"sha256", tensor.sha256}}.dump() + "\n";
}

std::string first_line(const JournalContents& contents) {
  Json parts = Json::array();
  for (const JournalPart& part : contents.parts) {
    parts.push_back({{"file", part.file},
                     {"bytes", part.beginning.n_bytes},
                     {"sha256", part.beginning.sha256}});
  }
  return Json{{"job", contents.job}, {"parts", parts}}.dump() + "\n";
}

bool starts_like_a_journal(std::ifstream& file) {
  std::string start(kStart.size(), '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  file.clear();
  file.seekg(0);
  return start == kStart;
}

}  // namespace

FileBeginning JournalContents::beginning_of(const std::string& temporary_path) const {
  for (const JournalPart& part : parts) {
    if (temporary_path.ends_with("/" + part.file)) return part.beginning;
  }
  return {};
}

std::string journal_path(const std::string& out_path) {
  return resolve_path(out_path).path + std::string(kTemporarySuffix) + ".journal";
}

JournalContents read_journal(const std::string& out_path) {
  JournalContents contents;
  const std::string path = journal_path(out_path);
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) return contents;
  std::ifstream file;
  if (S_ISREG(info.st_mode)) file.open(path);
  contents.foreign = !file.is_open() || !starts_like_a_journal(file);
  std::string line;
  while (!contents.foreign && std::getline(file, line)) {
    if (file.eof()) break;  // no end of line: cut off
    const Json json = Json::parse(line, nullptr, false);
    if (contents.job.empty()) {
      contents.job = text_of(json, "job");
      contents.foreign = contents.job.empty();
      if (!contents.foreign) contents.parts = parts_of(json);
      continue;
    }
    FinishedTensor tensor{text_of(json, "tensor"), text_of(json, "sha256")};
    if (tensor.name.empty() || tensor.sha256.empty()) break;
    contents.tensors.push_back(std::move(tensor));
  }
  return contents;
}

JournalWriter::JournalWriter(const OutputTarget& target, const JournalContents& contents)
    : path_(target.path()) {
  std::string text = first_line(contents);
  for (const FinishedTensor& tensor : contents.tensors) text += tensor_line(tensor);
  write_text(target, text);
  fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  if (fd_ < 0) throw failed(path_ + ": cannot open: " + std::strerror(errno));
}

JournalWriter::~JournalWriter() {
  ::close(fd_);
  if (!keep_) ::unlink(path_.c_str());
}

// In one write, so that a line is there or not.
void JournalWriter::add(const FinishedTensor& tensor) {
  const std::string line = tensor_line(tensor);
  const ssize_t n = ::write(fd_, line.data(), line.size());
  if (n == static_cast<ssize_t>(line.size())) return;
  throw failed(path_ + ": cannot write: " + std::strerror(n < 0 ? errno : ENOSPC));
}

}  // namespace lathe
