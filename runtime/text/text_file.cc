#include "runtime/text/text_file.h"

#include <fmt/format.h>
#include <zstd.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr std::string_view kParquetMagic = "PAR1";
constexpr std::size_t kMaxTextBytes = std::size_t{16} << 30;

std::string decompressed(std::string_view bytes, const std::string& path) {
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(),
                                                                          ZSTD_freeDStream);
  if (stream == nullptr) throw failed("zstd: no memory");
  std::string out, piece(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::size_t left = 1;  // of the current frame; 0 at its end
  while (in.pos < in.size || left > 0) {
    const std::size_t before = in.pos;
    ZSTD_outBuffer to{piece.data(), piece.size(), 0};
    left = ZSTD_decompressStream(stream.get(), &to, &in);
    if (ZSTD_isError(left)) {
      throw bad_input(path, fmt::format("zstd: {}, at byte {}", ZSTD_getErrorName(left), in.pos));
    }
    out.append(piece.data(), to.pos);
    if (out.size() > kMaxTextBytes) throw bad_input(path, "more than 16 GB of text");
    if (left > 0 && in.pos == before && to.pos == 0) {
      throw bad_input(path, "zstd: the data is cut off");
    }
  }
  return out;
}

bool is_json_lines(std::string_view path) {
  if (path.ends_with(".zst")) path.remove_suffix(4);
  return path.ends_with(".jsonl") || path.ends_with(".ndjson");
}

std::string document_of(std::string_view line, std::size_t number, const std::string& path) {
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  if (object.is_object()) {
    for (const char* key : {"text", "content"}) {
      const auto found = object.find(key);
      if (found != object.end() && found->is_string()) return found->get<std::string>();
    }
  }
  throw bad_input(fmt::format("{}, line {}", path, number),
                  "expected a JSON object with a text under \"text\" or \"content\"");
}

std::string json_lines(std::string_view bytes, const std::string& path) {
  std::string out;
  for (std::size_t number = 1; !bytes.empty(); ++number) {
    const std::size_t end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    out += document_of(line, number, path);
    if (!out.ends_with('\n')) out += '\n';
  }
  return out;
}

}  // namespace

std::string text_of_file(std::string bytes, const std::string& path) {
  if (bytes.starts_with(kZstdMagic)) bytes = decompressed(bytes, path);
  if (bytes.starts_with(kParquetMagic)) {
    throw bad_input(path,
                    "this is a Parquet file, expected text; one line of Python turns it into JSON "
                    "lines: pandas.read_parquet(IN).to_json('text.jsonl', orient='records', "
                    "lines=True)");
  }
  return is_json_lines(path) ? json_lines(bytes, path) : bytes;
}

}  // namespace lathe
