// The text that a file holds: plain, compressed with zstd, or one JSON object a line.
//
// zstd is told by content, JSON lines by name (.jsonl, .ndjson, also with .zst behind it). Of each
// object the text "text" is taken, or "content" where that is missing; documents are separated by
// line ends. Parquet is refused with advice.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// `bytes` are the file's; `path` names it. Error (kBadInput) for compressed data that is damaged or
// cut off or grows beyond 16 GB, for a line that is no such object, and for Parquet.
std::string text_of_file(std::string bytes, const std::string& path);

}  // namespace lathe
