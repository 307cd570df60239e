#include "quant/pipeline/journal.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

// The text of a key; empty for anything else.
std::string text_of(const Json& line, const char* key) {
  if (!line.is_object()) return {};
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace

std::string journal_path(const std::string& out_path) { return out_path + ".part.journal"; }

JournalContents read_journal(const std::string& out_path) {
  JournalContents contents;
  std::ifstream file(journal_path(out_path));
  std::string line;
  while (std::getline(file, line)) {
    if (file.eof()) break;  // no end of line: cut off
    const Json json = Json::parse(line, nullptr, false);
    if (contents.job.empty()) {
      contents.job = text_of(json, "job");
      if (contents.job.empty()) return {};
      continue;
    }
    FinishedTensor tensor{text_of(json, "tensor"), text_of(json, "sha256")};
    if (tensor.name.empty() || tensor.sha256.empty()) break;
    contents.tensors.push_back(std::move(tensor));
  }
  return contents;
}

JournalWriter::JournalWriter(const std::string& out_path, const JournalContents& contents)
    : path_(journal_path(out_path)), file_(std::fopen(path_.c_str(), "we")) {
  if (file_ == nullptr) throw failed(path_ + ": cannot create: " + std::strerror(errno));
  try {
    write_line(Json{{"job", contents.job}}.dump());
    for (const FinishedTensor& tensor : contents.tensors) add(tensor);
  } catch (...) {  // the destructor will not run
    std::fclose(file_);
    std::remove(path_.c_str());
    throw;
  }
}

JournalWriter::~JournalWriter() {
  std::fclose(file_);
  if (!keep_) std::remove(path_.c_str());
}

void JournalWriter::add(const FinishedTensor& tensor) {
  write_line(Json{{"tensor", tensor.name}, {"sha256", tensor.sha256}}.dump());
}

void JournalWriter::write_line(const std::string& line) {
  if (std::fputs((line + "\n").c_str(), file_) < 0 || std::fflush(file_) != 0) {
    throw failed(path_ + ": cannot write: " + std::strerror(errno));
  }
}

}  // namespace lathe
