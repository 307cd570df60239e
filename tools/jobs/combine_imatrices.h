// Importance matrices of several runs as one: those of files, and what was collected just now.
#pragma once

#include <vector>

#include "runtime/base/notes.h"
#include "tools/jobs/imatrix_request.h"

namespace lathe {

// The request's in_files, each made one of the model `of`; without that, of the first file's. Notes
// say what was mapped, and what is taken for granted. Error (kUsage) for one that is not certain to
// be of that model, unless the request allows it.
std::vector<Imatrix> read_parts(const ImatrixRequest& request, const ImatrixOrigin* of,
                                const Notes& notes);

// The request's in_files as one. Error (kBadInput) where they do not fit together.
Imatrix combine_files(const ImatrixRequest& request, const Notes& notes);

}  // namespace lathe
