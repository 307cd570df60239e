// The model that an importance matrix was collected from, and whether another one may use it.
//
// Of each layer three hashes are kept. `kept` covers the norms and biases, which every conversion
// (F16, BF16, Q8_0 ...) leaves as they are and every full fine-tune changes: it tells a copy of the
// same checkpoint in another type from another checkpoint, and finds a layer again after pruning.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gguf/metadata.h"

namespace lathe {

class TensorSource;
struct Imatrix;
struct ModelIdentity;

struct LayerMark {
  std::string weights;  // of all tensors: names, shapes, formats, data; empty where unknown
  std::string kept;     // of vectors in F32; empty where the layer has none
  std::string formats;  // of matrices, where all are floats; else empty

  bool operator==(const LayerMark&) const = default;
};

struct ImatrixOrigin {
  std::string name;                  // file
  std::string fingerprint, weights;  // ModelIdentity; empty where unknown
  std::vector<LayerMark> layers;     // empty where unknown: legacy files, other programs'
  std::vector<int> pruned;           // layers of the original that the model lacks

  bool known() const noexcept { return !layers.empty(); }
  bool operator==(const ImatrixOrigin&) const = default;
};

// With `identity` nullptr only the vectors are read, and `weights` stay unknown.
ImatrixOrigin origin_of(const TensorSource& model, const ModelIdentity* identity);

// As keys lathe.imatrix.model*. Reading never fails: what is not as it should be is unknown.
void put_origin(const ImatrixOrigin& origin, Metadata& metadata);
ImatrixOrigin read_origin(const Metadata& metadata);

// How the layers of one model are found in another.
struct ModelMatch {
  std::vector<int> layers;  // by layer of the first: the number in the second, -1 where it is gone
  bool converted = false;   // the same checkpoint, in other types
  std::string obstacle;     // why it is not certain that they belong together; empty when it is
};
ModelMatch match_models(const ImatrixOrigin& from, const ImatrixOrigin& to);

// Makes the matrix one of `model`: its layers get the numbers that they have there, those that the
// model lacks go. Returns what is worth saying. Error (kUsage) where it is not certain that it
// belongs to the model, unless `allow_foreign`: that is said then.
std::vector<std::string> fit_imatrix(Imatrix& imatrix, const ImatrixOrigin& model,
                                     bool allow_foreign);

}  // namespace lathe
