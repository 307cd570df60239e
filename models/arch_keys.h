// The metadata under the architecture's prefix ("llama.", "olmo2."): read, or refused by name, or
// named as unknown. Nothing that changes results is ignored without a word.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gguf/metadata.h"

namespace lathe {

// A view of these metadata.
class ArchKeys {
 public:
  explicit ArchKeys(const Metadata& metadata);

  const Metadata& metadata() const noexcept { return metadata_; }
  const std::string& architecture() const noexcept { return architecture_; }
  std::string key(std::string_view name) const { return architecture_ + "." + std::string(name); }

  // Error (kBadInput) when the key is there with another value than the one that changes nothing.
  void refuse_unless(std::string_view name, double neutral, std::string_view what) const;

 private:
  const Metadata& metadata_;
  std::string architecture_;
};

// Looks at every key. `own`: what the architecture reads beyond what all do (hparams.h). Error
// (kBadInput) for a key that lathe knows, does not do, and that asks for something else than what
// it does. Comes back with a warning that lists the keys that it knows nothing about.
std::vector<std::string> check_arch_keys(const ArchKeys& keys,
                                         std::span<const std::string_view> own);

}  // namespace lathe
