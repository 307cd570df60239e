#include "tools/jobs/combine_imatrices.h"

#include <fmt/format.h>

#include <algorithm>

#include "quant/imatrix/combine.h"
#include "quant/imatrix/legacy.h"

namespace lathe {

void write_imatrix_form(const ImatrixRequest& request, const Imatrix& imatrix,
                        const OutputTarget& target) {
  request.legacy_form ? write_legacy_imatrix(imatrix, target) : write_imatrix(imatrix, target);
}

std::vector<Imatrix> read_parts(const ImatrixRequest& request, const ImatrixOrigin* of,
                                const Notes& notes) {
  std::vector<Imatrix> parts;
  for (const std::string& path : request.in_files) parts.push_back(read_imatrix(path));
  ImatrixOrigin model;
  for (Imatrix& part : parts) {
    if (of != nullptr) model = *of;
    if (model.known() && (of != nullptr || part.model.known())) {
      for (const auto& note : fit_imatrix(part, model, request.allow_foreign)) notes.warn(note);
      part.model = model;
    }
    if (!model.known()) model = part.model;
  }
  const bool any_legacy =
      std::any_of(parts.begin(), parts.end(), [](const Imatrix& p) { return p.chunk_size == 0; });
  if (any_legacy && request.legacy_chunk_size == 0) {
    notes.say(
        fmt::format("legacy files are taken to have chunks of {} tokens (--legacy-chunk-size)",
                    assumed_chunk_size(parts)));
  }
  return parts;
}

Imatrix combine_files(const ImatrixRequest& request, const Notes& notes) {
  return combine_imatrices(read_parts(request, nullptr, notes), request.legacy_chunk_size);
}

}  // namespace lathe
