// The journal of a job: which tensors of the temporary files are finished.
//
// One JSON object a line in OUT.part.journal: first {"job": fingerprint}, then {"tensor": name,
// "sha256": hash of its data} for each finished one, in writing order. A line that was cut off by
// the end of the process does not count. Resuming trusts nothing: the fingerprint must be that of
// the job, and each tensor's bytes must have their hash.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace lathe {

struct FinishedTensor {
  std::string name, sha256;
};

struct JournalContents {
  std::string job;  // empty: there is no journal
  std::vector<FinishedTensor> tensors;
};

std::string journal_path(const std::string& out_path);
// Empty contents for a file that does not exist, or whose first line is no journal's.
JournalContents read_journal(const std::string& out_path);

class JournalWriter {
 public:
  // Starts a new journal with what is known to be finished. Error (kFailed) when it cannot.
  JournalWriter(const std::string& out_path, const JournalContents& contents);
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  void add(const FinishedTensor& tensor);
  // Whether the file stays when this is destroyed.
  void keep(bool keep) noexcept { keep_ = keep; }

 private:
  void write_line(const std::string& line);

  std::string path_;
  std::FILE* file_ = nullptr;
  bool keep_ = false;
};

}  // namespace lathe
