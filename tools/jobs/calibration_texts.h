// The texts of a calibration: tokenized, cut into chunks, weighted evenly, some held out.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "quant/calibrate/calibration_set.h"
#include "runtime/tensor_source.h"

namespace lathe {

struct CalibrationTextOptions {
  std::vector<std::string> files;
  std::size_t n_ctx = 0;       // 0: 512
  std::size_t max_tokens = 0;  // of all texts and the vocabulary; 0: kCalibrationTokens
  // Share of the weight that goes to chunks in which every third token is some other of the
  // vocabulary: what keeps tokens safe that the texts lack.
  double vocabulary = 0.3;
};

inline constexpr std::size_t kCalibrationTokens = std::size_t{1} << 16;

// Not to be moved: the set points into it.
class CalibrationTexts {
 public:
  // Each text gives the same number of tokens where it has as many, from chunks spread over all of
  // it, and counts the same in any case; every eighth chunk of each is held out. Error (kUsage) for
  // a text of fewer than two chunks, (kBadInput) for one that cannot be read.
  CalibrationTexts(const TensorSource& file, const CalibrationTextOptions& options);
  CalibrationTexts(const CalibrationTexts&) = delete;
  CalibrationTexts& operator=(const CalibrationTexts&) = delete;

  const CalibrationSet& set() const noexcept { return set_; }
  std::size_t n_ctx() const noexcept { return n_ctx_; }
  const std::vector<std::string>& names() const noexcept { return names_; }
  const std::vector<std::string>& sha256() const noexcept { return sha256_; }  // of each text
  std::string tokens_sha256() const;
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  // What the texts lack of the vocabulary: single ASCII characters that are tokens and never occur,
  // as "\n < |"; empty when none is missing.
  std::string missing_characters(const TensorSource& file) const;

 private:
  void add_text(const TensorSource& file, const std::string& path, std::size_t budget,
                double weight);
  void add_vocabulary(const TensorSource& file, double share);

  std::size_t n_ctx_;
  std::vector<std::vector<BatchItem>> chunks_;
  std::size_t n_text_chunks_ = 0;  // the others are of the vocabulary
  std::vector<std::string> names_, sha256_, warnings_;
  CalibrationSet set_;
};

}  // namespace lathe
