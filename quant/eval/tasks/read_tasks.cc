#include "quant/eval/tasks/read_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "quant/eval/tasks/readers.h"
#include "quant/eval/tasks/text_lines.h"
#include "runtime/base/ascii.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

// Counts and offsets begin with control bytes; texts do not.
bool looks_binary(std::span<const std::uint8_t> bytes) noexcept {
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 8));
  return std::any_of(head.begin(), head.end(), [](std::uint8_t b) { return b < '\t'; });
}

char first_letter(std::string_view text) noexcept {
  const std::string_view all = trimmed(without_bom(text));
  return all.empty() ? '\0' : all.front();
}

Tasks parse_choices(std::string_view text, const std::string& path) {
  if (first_letter(text) == '[') return read_truthful_json(text, path);
  if (first_letter(text) == '{') return read_question_json(text, path);
  return is_truthful_csv(text) ? read_truthful_csv(text, path) : read_mmlu_csv(text, path);
}

Tasks parse_text(TaskKind kind, std::string_view text, const std::string& path) {
  const bool json = first_letter(text) == '{';
  if (kind == TaskKind::kHellaSwag) {
    return json ? read_hellaswag_json(text, path) : read_hellaswag_text(text, path);
  }
  if (kind == TaskKind::kWinoGrande) {
    return json ? read_winogrande_json(text, path) : read_winogrande_csv(text, path);
  }
  return parse_choices(text, path);
}

std::vector<std::string> files_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const bool hidden = it->path().filename().string().starts_with('.');
    if (!hidden && it->is_regular_file(error)) files.push_back(it->path().string());
  }
  if (error) throw bad_input(path, "cannot list the folder: " + error.message());
  if (files.empty()) throw bad_input(path, "the folder has no files");
  std::sort(files.begin(), files.end());
  return files;
}

void add_file(TaskSet& set, const std::string& path) {
  const MappedFile file(path);
  Tasks tasks = parse_tasks(set.kind, file.bytes(), path);
  if (tasks.empty()) throw bad_input(path, "the file has no tasks");
  set.files.push_back({fs::path(path).filename().string(), sha256_hex(file.bytes()), tasks.size()});
  std::move(tasks.begin(), tasks.end(), std::back_inserter(set.tasks));
}

}  // namespace

std::vector<Task> parse_tasks(TaskKind kind, std::span<const std::uint8_t> bytes,
                              const std::string& path) {
  const bool one_form = kind == TaskKind::kHellaSwag || kind == TaskKind::kWinoGrande;
  if (looks_binary(bytes)) {
    if (!one_form) return read_choice_binary(bytes, path);
    throw bad_input(path, fmt::format("not a text: {} is read from text and JSON lines; binary "
                                      "multiple-choice files are for multiple-choice",
                                      task_name(kind)));
  }
  return parse_text(kind, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

std::string task_set_sha256(const TaskSet& set) {
  if (set.files.size() == 1) return set.files.front().sha256;
  std::string all;
  for (const TaskFile& file : set.files) all += file.sha256 + '\n';
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()});
}

TaskSet read_tasks(TaskKind kind, std::span<const std::string> paths) {
  TaskSet set{kind, {}, {}};
  for (const std::string& path : paths) {
    for (const std::string& file : files_of(path)) add_file(set, file);
  }
  return set;
}

}  // namespace lathe
