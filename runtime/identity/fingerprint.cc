#include "runtime/identity/fingerprint.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "runtime/base/digest.h"
#include "runtime/machine/memory.h"

namespace lathe {
namespace {

// SHA-256 over fields of any content: each text goes in with its length.
class FieldDigest {
 public:
  explicit FieldDigest(std::string_view title) { text(title); }
  void number(std::uint64_t v) {
    std::uint8_t bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(v >> (8 * i));
    digest_.update(bytes);
  }
  void text(std::string_view v) {
    bytes({reinterpret_cast<const std::uint8_t*>(v.data()), v.size()});
  }
  void bytes(std::span<const std::uint8_t> v) {
    number(v.size());
    digest_.update(v);
  }
  std::string hex() { return digest_.hex(); }

 private:
  Sha256 digest_;
};

void add_value(const Value& value, FieldDigest& digest) {
  digest.number(static_cast<std::uint64_t>(value.type()));
  digest.number(static_cast<std::uint64_t>(value.element_type()));
  digest.number(value.size());
  if (const auto text = value.as_text()) return digest.text(*text);
  if (const StringList* texts = value.as_strings()) {
    for (const std::string_view text : *texts) digest.text(text);
    return;
  }
  const auto raw = value.raw_bytes();
  digest.bytes({reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()});
}

// Says how the file is laid out, not what the model is.
bool is_layout_key(std::string_view key) {
  return key.starts_with("split.") || key == "general.alignment";
}

std::string weights_digest(const TensorSource& source, const ModelIdentity& identity) {
  FieldDigest digest("lathe weights 1");
  for (const auto& [name, hash] : identity.tensors) {
    const TensorInfo& info = source.require(name);
    digest.text(name);
    digest.text(format_name(info.format));
    for (const std::uint64_t dim : info.dims) digest.number(dim);
    digest.text(hash);
  }
  return digest.hex();
}

// The hashes of a model's tensors, from the cache as far as that has them.
class TensorHasher {
 public:
  TensorHasher(const TensorSource& source, const IdentityOptions& options)
      : source_(source), options_(options), cache_(options.cache_folder, options.min_age) {
    for (const MappedFile& f : source.files()) known_.push_back(cache_.load(f));
  }

  std::vector<std::string> run() {
    std::vector<std::string> out;
    for (const TensorInfo& info : source_.tensors()) out.push_back(known(info));
    std::vector<bool> wanted;
    bool any = false, any_to_keep = false;
    for (std::size_t t = 0; t < out.size(); ++t) {
      wanted.push_back(out[t].empty());
      any = any || wanted[t];
      any_to_keep = any_to_keep || (wanted[t] && source_.lies_in_file(source_.tensors()[t]));
    }
    if (!any) return out;
    std::vector<bool> sound;
    for (const MappedFile& f : source_.files()) sound.push_back(cache_.is_sound(f));
    const std::vector<std::string> computed = compute(wanted);
    for (std::size_t t = 0; t < out.size(); ++t) {
      if (wanted[t]) out[t] = computed[t];
    }
    if (any_to_keep) store(out, sound);
    return out;
  }

 private:
  std::string known(const TensorInfo& info) const {
    if (!source_.lies_in_file(info)) return {};
    const PlacedHashes& hashes = known_[info.file_index];
    const auto found = hashes.find({info.offset, info.n_bytes});
    return found == hashes.end() ? std::string{} : found->second;
  }

  std::vector<std::string> compute(const std::vector<bool>& wanted) const {
    std::optional<ThreadPool> own;
    if (options_.pool == nullptr) own.emplace(ThreadPoolOptions{.pin = false});
    ThreadPool& pool = own ? *own : *options_.pool;
    const std::uint64_t available = memory_info().available;
    // A model that does not fit in memory would push out what does.
    const bool drop = available > 0 && source_.total_file_bytes() > available / 10 * 9;
    ReadHints hints;
    hints.will_read = [&](const TensorInfo& t, std::uint64_t first, std::uint64_t n) {
      if (!source_.lies_in_file(t)) return;
      source_.files()[t.file_index].advise_will_need(t.offset + first, n);
    };
    hints.was_read = [&](const TensorInfo& t, std::uint64_t first, std::uint64_t n) {
      if (!source_.lies_in_file(t)) return source_.done_with(t);
      const MappedFile& file = source_.files()[t.file_index];
      drop ? file.drop(t.offset + first, n) : file.advise_dont_need(t.offset + first, n);
    };
    return hash_tensors(source_, wanted, pool, options_.progress, hints);
  }

  void store(const std::vector<std::string>& all, const std::vector<bool>& sound) const {
    for (std::size_t f = 0; f < source_.files().size(); ++f) {
      if (!sound[f]) continue;
      PlacedHashes hashes;
      for (std::size_t t = 0; t < all.size(); ++t) {
        const TensorInfo& info = source_.tensors()[t];
        if (info.file_index != f || !source_.lies_in_file(info)) continue;
        hashes[{info.offset, info.n_bytes}] = all[t];
      }
      cache_.store(source_.files()[f], hashes);
    }
  }

  const TensorSource& source_;
  const IdentityOptions& options_;
  HashCache cache_;
  std::vector<PlacedHashes> known_;  // by file
};

ModelIdentity identity_of(const TensorSource& source, const std::vector<std::string>& hashes) {
  ModelIdentity out;
  for (std::size_t t = 0; t < hashes.size(); ++t) {
    out.tensors.emplace(source.tensors()[t].name, hashes[t]);
  }
  out.weights = weights_digest(source, out);
  out.metadata = metadata_fingerprint(source.metadata());
  FieldDigest digest("lathe model 1");
  digest.text(out.metadata);
  digest.text(out.weights);
  out.fingerprint = digest.hex();
  return out;
}

}  // namespace

std::string metadata_fingerprint(const Metadata& metadata) {
  std::map<std::string_view, const Value*> values;
  for (const MetadataEntry& entry : metadata) {
    if (!is_layout_key(entry.key)) values.emplace(entry.key, &entry.value);
  }
  FieldDigest digest("lathe metadata 1");
  for (const auto& [key, value] : values) {
    digest.text(key);
    add_value(*value, digest);
  }
  return digest.hex();
}

ModelIdentity model_identity(const TensorSource& source, const IdentityOptions& options) {
  return identity_of(source, TensorHasher(source, options).run());
}

std::string model_fingerprint(const TensorSource& source) {
  return model_identity(source).fingerprint;
}

}  // namespace lathe
