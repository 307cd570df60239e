#include "quant/eval/base/compact_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/base/byte_reader.h"

namespace lathe {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Of a row: nll, tail, largest, range, length of the list.
constexpr std::size_t kNumbers = 2 * sizeof(double) + 2 * sizeof(float) + sizeof(std::uint32_t);

template <typename T>
void put(Bytes& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

// LEB128: 7 bits a byte, most differences of ids take one.
void put_varint(Bytes& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

std::uint32_t read_varint(ByteReader& in) {
  std::uint32_t value = 0;
  for (int shift = 0; shift < 32; shift += 7) {
    const auto byte = in.read<std::uint8_t>("token");
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  in.fail("a token of more than 32 bits");
}

Token read_token(ByteReader& in, std::uint64_t token, std::size_t n_vocab) {
  if (token >= n_vocab) {
    in.fail(fmt::format("token {} is outside of the vocabulary of {}", token, n_vocab));
  }
  return static_cast<Token>(token);
}

void read_numbers(ByteReader& in, CompactRow& row) {
  row.nll = in.read<double>("nll");
  row.tail = in.read<double>("tail");
  row.ln_top = in.read<float>("largest probability");
  row.range = in.read<float>("range");
  const bool good = std::isfinite(row.nll) && row.nll >= 0.0 && row.tail >= 0.0 && row.tail < 1.0 &&
                    row.ln_top <= 0.0f && std::isfinite(row.ln_top) && row.range >= 0.0f &&
                    std::isfinite(row.range);
  if (!good) in.fail("numbers that no distribution has");
}

void read_ids(ByteReader& in, std::size_t n, std::size_t n_vocab, CompactRow& row) {
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < n; ++i) {
    next += read_varint(in);
    row.ids.push_back(read_token(in, next, n_vocab));
    ++next;
  }
}

}  // namespace

std::vector<std::uint8_t> pack_rows(std::span<const CompactRow> rows) {
  Bytes out;
  for (const CompactRow& row : rows) {
    put(out, row.nll);
    put(out, row.tail);
    put(out, row.ln_top);
    put(out, row.range);
    put(out, static_cast<std::uint32_t>(row.ids.size()));
  }
  for (const CompactRow& row : rows) {
    for (const Token t : row.top) put(out, t);
  }
  for (const CompactRow& row : rows) {
    std::uint32_t next = 0;
    for (const Token id : row.ids) {
      put_varint(out, static_cast<std::uint32_t>(id) - next);
      next = static_cast<std::uint32_t>(id) + 1;
    }
  }
  for (const int shift : {8, 0}) {  // high bytes compress, low bytes do not
    for (const CompactRow& row : rows) {
      for (const std::uint16_t level : row.levels) {
        out.push_back(static_cast<std::uint8_t>(level >> shift));
      }
    }
  }
  return out;
}

std::vector<CompactRow> unpack_rows(std::span<const std::uint8_t> bytes, std::size_t n_rows,
                                    std::size_t n_vocab, const std::string& where) {
  ByteReader in(bytes, where);
  in.check_count(n_rows, kNumbers, n_rows, "rows");
  std::vector<CompactRow> rows(n_rows);
  std::vector<std::size_t> n_ids(n_rows);
  for (std::size_t r = 0; r < n_rows; ++r) {
    read_numbers(in, rows[r]);
    n_ids[r] = in.read<std::uint32_t>("length of a list");
    if (n_ids[r] == 0) in.fail("an empty list of tokens");
    in.check_count(n_ids[r], 1, n_vocab, "listed tokens");
  }
  for (CompactRow& row : rows) {
    for (std::size_t i = 0; i < std::min(kTopOverlap, n_vocab); ++i) {
      row.top.push_back(read_token(in, in.read<std::uint32_t>("likeliest token"), n_vocab));
    }
  }
  for (std::size_t r = 0; r < n_rows; ++r) read_ids(in, n_ids[r], n_vocab, rows[r]);
  for (const int shift : {8, 0}) {
    for (std::size_t r = 0; r < n_rows; ++r) {
      rows[r].levels.resize(n_ids[r]);
      for (std::uint16_t& level : rows[r].levels) {
        level = static_cast<std::uint16_t>(level | in.read<std::uint8_t>("level") << shift);
      }
    }
  }
  if (in.remaining() != 0) in.fail(fmt::format("{} bytes too many", in.remaining()));
  return rows;
}

std::size_t packed_bytes_bound(std::size_t n_rows, std::size_t n_vocab) noexcept {
  constexpr std::size_t kVarint = 5, kLevel = 2;
  return n_rows * (kNumbers + kTopOverlap * sizeof(Token) + n_vocab * (kVarint + kLevel));
}

}  // namespace lathe
