#include "runtime/model.h"

#include "runtime/gradient/model_gradient.h"

namespace lathe {

std::unique_ptr<ModelGradient> Model::make_gradient() const { return nullptr; }

}  // namespace lathe
