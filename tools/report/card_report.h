// What `lathe eval all` found, as the table of a published card, and how its models differ.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "quant/eval/card/card_difference.h"
#include "quant/eval/card/card_figures.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {

struct CardRow {
  const GgufFile* file;
  bool is_base;
  CardModel figures;
};

// A model a line, its standard errors below; Markdown: errors in the same cell. Only columns that
// were measured.
std::string card_table(std::span<const CardRow> rows, bool markdown);

// Every other row minus row `reference`; a mark where the difference may be noise.
// `differences`: of the other rows, in their order.
std::string difference_table(std::span<const CardRow> rows, std::size_t reference,
                             std::span<const CardDifference> differences, bool markdown);

// One object a model; all have the same names, null where there is no figure.
nlohmann::ordered_json card_json(std::span<const CardRow> rows);
// One object for every other row.
nlohmann::ordered_json difference_json(std::span<const CardRow> rows, std::size_t reference,
                                       std::span<const CardDifference> differences);

// What a model is called in tables: its file's name without folder and ".gguf".
std::string card_name(const CardRow& row);

}  // namespace lathe
