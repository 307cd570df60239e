// Which model a result is of. The one place that decides whether two models are the same.
//
// A fingerprint covers every byte that decides what a model computes, and nothing else: the order
// of tensors and keys, how the model is split into files, alignment and padding do not matter. Data
// of tensors go in as hashes of 128 bits (runtime/identity/tensor_hash.h says what those are good
// for); names, shapes, formats and metadata in full, by SHA-256.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/identity/hash_cache.h"
#include "runtime/identity/tensor_hash.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/tensor_source.h"

namespace lathe {

struct ModelIdentity {
  // 64 hexadecimal digits each.
  std::string fingerprint;  // of metadata and all tensors
  std::string weights;      // of all tensors: names, shapes, formats, data
  std::string metadata;     // of all keys but split.* and general.alignment
  // By name: 32 hexadecimal digits over the data.
  std::map<std::string, std::string, std::less<>> tensors;
};

struct IdentityOptions {
  ThreadPool* pool = nullptr;                         // null: threads of its own
  HashProgress progress{};                            // called while data are read; false stops
  std::string cache_folder = hash_cache_folder();     // empty: none
  std::chrono::seconds min_age = HashCache::kMinAge;  // of what the cache keeps
};

// Reads all data of the model, once: later calls take the hashes from the cache where that is
// sound, but for tensors that no file holds as they are (TensorSource::lies_in_file). Call it once
// in a job and hand the result on. Error (kFailed) when stopped.
ModelIdentity model_identity(const TensorSource& source, const IdentityOptions& options = {});

// model_identity().fingerprint
std::string model_fingerprint(const TensorSource& source);

// ModelIdentity::metadata alone: reads nothing but the header.
std::string metadata_fingerprint(const Metadata& metadata);

}  // namespace lathe
