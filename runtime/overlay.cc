#include "runtime/overlay.h"

#include <string>

#include "runtime/base/error.h"
#include "runtime/gguf/shape_text.h"

namespace lathe {
namespace {

[[noreturn]] void refuse(TensorId id, const std::string& why) {
  throw usage_error("the overlay's " + tensor_name(id) + " " + why);
}

// A tied model has no output head; one that is laid over it has the shape of the embeddings.
const WeightView& expected(const WeightSet& own, TensorId id) {
  const WeightView& view = own.get(id.role, id.layer, id.part);
  const bool added_head = id.role == TensorRole::kOutput && id.part == TensorPart::kWeight && !view;
  return added_head ? own.get(TensorRole::kTokenEmbd, -1) : view;
}

void check_view(const WeightSet& own, const WeightSet& overlay, TensorId id) {
  const WeightView& mine = own.get(id.role, id.layer, id.part);
  const WeightView& theirs = overlay.get(id.role, id.layer, id.part);
  if (mine.data == theirs.data && mine.format == theirs.format && mine.rows == theirs.rows &&
      mine.cols == theirs.cols) {
    return;
  }
  if (!theirs) refuse(id, "is missing");
  const WeightView& shape = expected(own, id);
  if (!shape) refuse(id, "is none of the model's tensors");
  if (id.role == TensorRole::kRopeFreqs)
    refuse(id, "cannot replace the one the model was loaded with");
  if (theirs.rows != shape.rows || theirs.cols != shape.cols) {
    refuse(id, "has shape " + shape_text(theirs.cols, theirs.rows) + ", expected " +
                   shape_text(shape.cols, shape.rows));
  }
  if (shape.rows == 1 && theirs.format != Format::F32) {
    refuse(id, "is " + std::string(format_name(theirs.format)) + ", expected f32");
  }
}

}  // namespace

void check_overlay(const Model& model, const WeightSet& overlay) {
  const std::size_t n_layer = model.traits().n_layer;
  if (overlay.n_layer() != n_layer) {
    throw usage_error("an overlay of " + std::to_string(overlay.n_layer()) +
                      " layers for a model of " + std::to_string(n_layer));
  }
  for (std::size_t r = 0; r < kTensorRoleCount; ++r) {
    const auto role = static_cast<TensorRole>(r);
    const int begin = role_is_per_layer(role) ? 0 : -1;
    const int end = role_is_per_layer(role) ? static_cast<int>(n_layer) : 0;
    for (int layer = begin; layer < end; ++layer) {
      for (const TensorPart part : {TensorPart::kWeight, TensorPart::kBias}) {
        check_view(model.weights(), overlay, {role, layer, part});
      }
    }
  }
}

}  // namespace lathe
