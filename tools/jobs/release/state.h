// What of a release is done: a file in its work folder that survives the end of the process.
//
// A step is known by its key and has an identity: a hash of all that decides its result, inputs,
// options and the lathe that ran. An entry counts only for the identity that it was made with, so
// whatever changes is made again and nothing else is.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "runtime/base/output_gate.h"
#include "runtime/identity/run_identity.h"

namespace lathe {

// 64 hexadecimal digits over names and values.
std::string identity_hash(const RunIdentity& identity);

class ReleaseState {
 public:
  // Reads what is there. Error (kBadInput) for a file that is none of a release.
  explicit ReleaseState(OutputTarget target);
  // Without a file to write: of a release that is only looked at. `path` need not exist.
  explicit ReleaseState(const std::string& path);
  ~ReleaseState();

  // The result of a step, or null where it is not done or of another identity.
  const nlohmann::ordered_json* find(const std::string& key, const std::string& identity) const;
  // Whether any identity of the step was begun or done: its files are this release's then.
  bool knows(const std::string& key) const;
  // Whether the step was begun with this identity, and not since with another.
  bool begun(const std::string& key, const std::string& identity) const;

  // Both write the file. Error (kFailed) where that cannot be done.
  void begin(const std::string& key, const std::string& identity);
  void put(const std::string& key, const std::string& identity, nlohmann::ordered_json result);

 private:
  void read(const std::string& path);
  void write() const;

  std::unique_ptr<OutputTarget> target_;
  std::unique_ptr<nlohmann::ordered_json> document_;
};

}  // namespace lathe
