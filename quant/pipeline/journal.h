// The journal of a job: whose its temporary files are, and which of their tensors are finished.
//
// One JSON object a line in OUT.part.journal: first {"job": fingerprint, "parts": [...]} with name
// and beginning of each temporary file, then {"tensor": name, "sha256": hash of its data} for each
// finished one, in writing order. A line that was cut off by the end of the process does not count.
// Resuming trusts nothing: the fingerprint must be that of the job, each file must begin as it is
// said to, and each tensor's bytes must have their hash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/atomic_file.h"

namespace lathe {

struct FinishedTensor {
  std::string name, sha256;
};

// A temporary file of the job.
struct JournalPart {
  std::string file;  // name, without the folder
  FileBeginning beginning;
};

struct JournalContents {
  std::string job{};  // empty: there is no journal
  std::vector<JournalPart> parts{};
  std::vector<FinishedTensor> tensors{};
  bool foreign = false;  // a file has the journal's name, and is none

  // How the temporary file of this path begins; empty for one that is not of the job.
  FileBeginning beginning_of(const std::string& temporary_path) const;
};

// Beside the file that `out_path` leads to. Error (kUsage) as resolve_path() has it.
std::string journal_path(const std::string& out_path);
JournalContents read_journal(const std::string& out_path);

class JournalWriter {
 public:
  // Starts a new journal with what is known to be finished, in the place of an older one. Error
  // (kFailed) when it cannot.
  JournalWriter(const OutputTarget& target, const JournalContents& contents);
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  void add(const FinishedTensor& tensor);
  // Whether the file stays when this is destroyed.
  void keep(bool keep) noexcept { keep_ = keep; }

 private:
  std::string path_;
  int fd_ = -1;
  bool keep_ = false;
};

}  // namespace lathe
