#include "runtime/base/output_gate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/base/error.h"
#include "runtime/base/writable.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

// Longest that follows a name while it is written (runtime/base/atomic_file.cc, the journal of
// quant/pipeline/journal.h).
constexpr const char* kLongestSuffix = ".part.journal";

const char* kind_name(mode_t mode) {
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "no regular file";
}

// For people: paths that may not exist, and need no error here.
std::string resolved_or_given(const std::string& path) {
  try {
    return resolve_path(path).path;
  } catch (const Error&) {
    return path;
  }
}

std::string temporary_of(const OutputTarget& target) {
  return target.path() + std::string(kTemporarySuffix);
}

[[noreturn]] void refuse_stream(const std::string& path, const char* kind,
                                const OutputRequest& request) {
  std::string what =
      path + ": " + kind + ", where " + request.what + " cannot go: expected the name of a file";
  if (!request.instead.empty()) what += " (" + request.instead + ")";
  throw usage_error(what);
}

}  // namespace

void OutputGate::reads(const std::string& path, std::string_view what) {
  if (path.empty()) return;
  Input input{std::string(what), path, {}, {}};
  struct stat info = {};
  const bool found =
      path == "-" ? ::fstat(STDIN_FILENO, &info) == 0 : ::stat(path.c_str(), &info) == 0;
  if (found && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return;  // nothing to destroy
  if (path == "-" && !found) return;
  if (found) input.id = FileId{info.st_dev, info.st_ino};
  if (path != "-") input.path = resolved_or_given(path);
  input.is_folder = found && S_ISDIR(info.st_mode);
  inputs_.push_back(std::move(input));
  for (const OutputTarget& target : outputs_) refuse_input(target.path(), target.name() + ": ");
}

OutputTarget OutputGate::admit(const std::string& path, const OutputRequest& request) {
  outputs_.push_back(checked(path, request));
  return outputs_.back();
}

void OutputGate::check(const std::string& path, const OutputRequest& request) const {
  checked(path, request);
}

OutputTarget OutputGate::checked(const std::string& path, const OutputRequest& request) const {
  OutputTarget target;
  target.name_ = path;
  target.resumable_ = request.resumable;
  ResolvedPath resolved;
  if (path == "-") {
    resolved.descriptor = kStandardOutput;
  } else {
    resolved = resolve_path(path);
    target.path_ = resolved.path;
  }
  struct stat info = {};
  const bool is_open_file = resolved.descriptor >= 0;
  const bool found = is_open_file ? ::fstat(resolved.descriptor, &info) == 0
                                  : ::stat(resolved.path.c_str(), &info) == 0;
  if (is_open_file && !found) throw usage_error(path + ": that file is not open");
  if (found && S_ISDIR(info.st_mode)) {
    throw usage_error(path + ": there is a folder of that name, expected the name of a file");
  }
  refuse_inputs(target, request, resolved.folder);
  target.stream_ = is_open_file || (found && !S_ISREG(info.st_mode));
  target.descriptor_ = resolved.descriptor;
  if (target.stream_) {
    const bool possible = request.kind == OutputKind::kText && !S_ISSOCK(info.st_mode);
    const char* const kind = is_open_file ? "an open file" : kind_name(info.st_mode);
    if (!possible) refuse_stream(path, path == "-" ? "standard output" : kind, request);
    return target;
  }
  refuse_other_outputs(target);
  check_writable(resolved, path, request.resumable ? kLongestSuffix : "");
  return target;
}

// Of a stream, that the open file is an input. Of a file, also by its temporary name.
void OutputGate::refuse_inputs(const OutputTarget& target, const OutputRequest& request,
                               const std::string& folder) const {
  refuse_input(
      target.path().empty() ? "/proc/self/fd/" + std::to_string(kStandardOutput) : target.path(),
      target.name() + ": ");
  if (target.path().empty()) return;
  if (request.resumable) {
    refuse_input(temporary_of(target), target.name() + ": while it is written it is called " +
                                           temporary_of(target) + ": ");
  }
  const auto in = file_id(folder);
  for (const Input& input : inputs_) {
    if (!input.is_folder || input.id != in) continue;
    throw usage_error(target.name() + ": lies in the folder " + input.name +
                      ", which this run reads (" + input.what + "): write elsewhere");
  }
}

void OutputGate::refuse_input(const std::string& path, const std::string& message_start) const {
  const auto id = file_id(path);
  for (const Input& input : inputs_) {
    const bool same = (id && input.id == id) || (!input.path.empty() && input.path == path);
    if (!same) continue;
    throw usage_error(message_start + "this run reads that file (" + input.what +
                      (input.name == "-" ? ", standard input" : "") + "): write to another");
  }
}

void OutputGate::refuse_other_outputs(const OutputTarget& target) const {
  const auto id = file_id(target.path());
  for (const OutputTarget& other : outputs_) {
    if (other.is_stream()) continue;
    const bool same = other.path() == target.path() || (id && id == file_id(other.path())) ||
                      other.path() == temporary_of(target) || temporary_of(other) == target.path();
    if (!same) continue;
    throw usage_error(target.name() + ": another output of this run is called so (" + other.name() +
                      "): each needs a file of its own");
  }
}

}  // namespace lathe
