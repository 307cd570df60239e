// The gate that every written file passes: what a run reads is never written, and what cannot be
// written is refused before the work.
//
//   OutputGate gate;
//   gate.reads(model_path, "the model");
//   const OutputTarget out = gate.admit(out_path, {.what = "the plan", .kind = OutputKind::kText});
//
// Writers take an OutputTarget, which only a gate makes. Refusals are Errors (kUsage), and nothing
// was touched.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/resolve_path.h"

namespace lathe {

inline constexpr std::string_view kTemporarySuffix = ".part";
inline constexpr int kStandardOutput = 1;  // the open file that "-" stands for

// Whether something that is no file, as a pipe or a terminal, can take it.
enum class OutputKind { kBinary, kText };

struct OutputRequest {
  std::string what = "the output";  // in messages
  OutputKind kind = OutputKind::kBinary;
  // The temporary name is fixed, so that a later run finds it (runtime/base/atomic_file.h).
  bool resumable = false;
  std::string instead = {};  // advice for those who wanted no file: "--dry-run writes nothing"
};

class OutputTarget {
 public:
  const std::string& name() const noexcept { return name_; }  // as it was asked for
  // Absolute, links followed. Nothing may be written there while the run reads it.
  const std::string& path() const noexcept { return path_; }
  bool resumable() const noexcept { return resumable_; }
  // A pipe, a device, or an open file: written straight through.
  bool is_stream() const noexcept { return stream_; }
  int descriptor() const noexcept { return descriptor_; }  // of such an open file, or -1
  bool is_standard_output() const noexcept { return descriptor_ == kStandardOutput; }

 private:
  friend class OutputGate;
  OutputTarget() = default;

  std::string name_, path_;
  bool resumable_ = false;
  bool stream_ = false;
  int descriptor_ = -1;
};

class OutputGate {
 public:
  // "-" is standard input; a folder stands for every file in it. A path without a file is fine:
  // whoever opens it will say so.
  void reads(const std::string& path, std::string_view what);

  // Refuses: an input by any of its names (path, link, hard link), also as a temporary name; what
  // another output of this run has; folders; missing folders; folders and file systems that cannot
  // be written; write-protected files; another user's file in a sticky folder; mount points; and
  // for kBinary devices, pipes and "-".
  OutputTarget admit(const std::string& path, const OutputRequest& request);
  // The same refusals, without the claim on the name: for names that are admitted later.
  void check(const std::string& path, const OutputRequest& request) const;

 private:
  struct Input {
    std::string what, name, path;
    std::optional<FileId> id;
    bool is_folder = false;
  };

  OutputTarget checked(const std::string& path, const OutputRequest& request) const;
  void refuse_inputs(const OutputTarget& target, const OutputRequest& request,
                     const std::string& folder) const;
  void refuse_input(const std::string& path, const std::string& message_start) const;
  void refuse_other_outputs(const OutputTarget& target) const;

  std::vector<Input> inputs_;
  std::vector<OutputTarget> outputs_;
};

}  // namespace lathe
