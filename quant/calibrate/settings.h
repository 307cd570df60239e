// What calibrated rounding is told: chosen by the divergence of whole files of two small models.
#pragma once

namespace lathe {

struct CalibrationSettings {
  // Share of what the weights before have changed that a product corrects.
  float correction = 0.75f;
  bool choose_correction = true;  // by held-out tokens, input by input, from here on
  // Added to the diagonal of H, as a share of its mean.
  float damping = 0.03f;
  // How far the off-diagonal of H is shrunk for the choice of codes: what keeps tokens safe that
  // the text lacks.
  float shrinkage = 0.2f;
  bool choose_shrinkage = true;  // likewise
  int sweeps = 2;
};

}  // namespace lathe
