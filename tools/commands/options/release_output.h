// Writing the documents of a release: what somebody else wrote under their names stays.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/output_gate.h"
#include "tools/report/release/release_files.h"

namespace lathe {

// Error (kUsage) where a file of that name is there that is none of lathe's.
void refuse_foreign_documents(const std::string& folder);

// Writes those that differ from what is there. Errors as above, and (kFailed).
void write_documents(const std::vector<ReleaseDocument>& documents, const std::string& folder,
                     OutputGate& gate);

}  // namespace lathe
