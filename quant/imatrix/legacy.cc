#include "quant/imatrix/legacy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "runtime/base/atomic_file.h"
#include "runtime/base/byte_reader.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMaxEntries = 1U << 20;
constexpr std::uint64_t kMaxValues = 1U << 24;
constexpr std::uint64_t kMinEntryBytes = 3 * sizeof(std::int32_t) + 1 + sizeof(float);
constexpr std::uint64_t kMaxNameBytes = 255;
constexpr std::uint64_t kMaxDatasetBytes = 1U << 16;

// A count that must be positive and have room for what it counts.
std::uint64_t read_count(ByteReader& in, std::string_view what, std::uint64_t item_bytes,
                         std::uint64_t max) {
  const std::size_t at = in.offset();
  const auto n = in.read<std::int32_t>(what);
  if (n <= 0) in.fail_at(at, fmt::format("the number of {} is {}, expected at least 1", what, n));
  in.check_count(static_cast<std::uint64_t>(n), item_bytes, max, what);
  return static_cast<std::uint64_t>(n);
}

std::string read_text(ByteReader& in, std::string_view what, std::uint64_t max_bytes) {
  const auto text = in.take(read_count(in, what, 1, max_bytes), what);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

ImatrixEntry read_entry(ByteReader& in) {
  const std::size_t at = in.offset();
  const auto n_calls = in.read<std::int32_t>("number of calls");
  if (n_calls < 0) in.fail_at(at, fmt::format("number of calls is {}", n_calls));
  ImatrixEntry entry;
  entry.n_cols = read_count(in, "values", sizeof(float), kMaxValues);
  entry.sum2.resize(entry.n_cols);
  const std::size_t values_at = in.offset();
  const auto bytes = in.take(entry.n_cols * sizeof(float), "values");
  std::memcpy(entry.sum2.data(), bytes.data(), bytes.size());
  for (std::size_t i = 0; i < entry.n_cols; ++i) {
    if (entry.sum2[i] >= 0.0f && std::isfinite(entry.sum2[i])) continue;
    in.fail_at(
        values_at + i * sizeof(float),
        fmt::format("value {}, expected finite values that are not negative", entry.sum2[i]));
  }
  entry.counts = {static_cast<float>(n_calls == 0 ? 1 : n_calls)};
  return entry;
}

}  // namespace

Imatrix parse_legacy_imatrix(std::span<const std::uint8_t> bytes, const std::string& where) {
  ByteReader in(bytes, where);
  in.set_context("importance matrix");
  Imatrix out;
  out.origin = where;
  const std::uint64_t n_entries = read_count(in, "entries", kMinEntryBytes, kMaxEntries);
  for (std::uint64_t i = 0; i < n_entries; ++i) {
    in.set_context(fmt::format("entry {} of {}", i, n_entries));
    const std::size_t at = in.offset();
    std::string name = read_text(in, "bytes of the name", kMaxNameBytes);
    in.set_context("entry " + quoted(name));
    if (out.entries.contains(name)) in.fail_at(at, "a second entry of this name");
    out.entries.emplace(std::move(name), read_entry(in));
  }
  if (in.remaining() == 0) return out;
  in.set_context("trailer");
  const auto n_chunks = in.read<std::int32_t>("number of chunks");
  if (n_chunks > 0) out.chunk_count = static_cast<std::uint32_t>(n_chunks);
  if (in.remaining() > 0) {
    out.datasets.push_back(read_text(in, "bytes of the data set's name", kMaxDatasetBytes));
  }
  return out;
}

namespace {

void put(AtomicFile& out, std::size_t v) {
  const auto n = static_cast<std::int32_t>(v);
  out.write({reinterpret_cast<const std::uint8_t*>(&n), sizeof n});
}

void put(AtomicFile& out, const std::string& text) {
  put(out, text.size());
  out.write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void put(AtomicFile& out, const ImatrixEntry& entry, std::uint32_t chunk_size) {
  const float most = *std::max_element(entry.counts.begin(), entry.counts.end());
  const double calls = std::ceil(static_cast<double>(most) / std::max(chunk_size, 1U));
  std::vector<float> values;
  for (std::size_t mat = 0; mat < entry.n_mat(); ++mat) {
    const double count = static_cast<double>(entry.counts[mat]);
    for (std::size_t c = 0; c < entry.n_cols; ++c) {
      const double sum2 = static_cast<double>(entry.sum2[mat * entry.n_cols + c]);
      // 1 for a matrix without tokens, as everywhere; also where no matrix has any (0 calls).
      const double mean = count > 0.0 ? sum2 / count : 1.0;
      values.push_back(static_cast<float>(calls > 0.0 ? mean * calls : mean));
    }
  }
  put(out, static_cast<std::size_t>(calls));
  put(out, values.size());
  out.write({reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)});
}

}  // namespace

void write_legacy_imatrix(const Imatrix& imatrix, const OutputTarget& target) {
  AtomicFile out(target);
  put(out, imatrix.entries.size());
  for (const auto& [name, entry] : imatrix.entries) {
    put(out, name);
    put(out, entry, imatrix.chunk_size);
  }
  put(out, imatrix.chunk_count);
  if (!imatrix.datasets.empty()) put(out, imatrix.datasets.front());
  out.commit();
}

}  // namespace lathe
