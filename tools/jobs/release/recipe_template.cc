#include <fmt/format.h>

#include "tools/jobs/release/recipe.h"

namespace lathe {
namespace {

// A basic string of TOML.
std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += fmt::format("\\{}", c);
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

constexpr std::string_view kTemplate = R"(# A release: lathe release THIS.toml   (docs/releasing.md)
# Paths are relative to the folder that this file is in. What begins with # is an example.

source = @SOURCE@
output = "release"
# name = "my-model"                  # files are NAME-VARIANT.gguf
# allow_requantize = true            # of a source that is quantized already

# The variants: plain recipes ...
recipes = ["Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "IQ4_NL", "IQ4_XS",
           "Q3_K_M", "Q3_K_S", "IQ3_M", "IQ3_S", "Q2_K"]
# calibrated = true                  # rounding calibrated on the texts below, for all of them

[calibration]                        # texts like those that the model is used for, well mixed
texts = ["calibration.txt"]
# context = 512
# chunks = 0                         # of the importance matrix; 0: all
# tokens = 65536                     # of calibrated rounding
# imatrix = "imatrix.gguf"           # use this one, collect none

[evaluation]                         # texts that calibration has not seen
texts = ["evaluation.txt"]
# context = 512
# chunks = 0
# arc = ["ARC-Easy.jsonl", "ARC-Challenge.jsonl"]
# hellaswag = "hellaswag_val_full.txt"
# mmlu = "mmlu/validation"
# truthfulqa = "mc_task.json"
# winogrande = "winogrande_xl.csv"
# tasks = 750                        # of each test, drawn at random; 0: all
# seed = 1

[speed]
# measure = true                     # pp512, tg128, pp1024+tg1024
# repetitions = 5

[card]                               # what is left out comes from the source's metadata
# title = "My model, quantized"
# license = "apache-2.0"
# base_model = "org/model"
# language = ["en"]
# tags = ["tag"]
# quantized_by = "me"
# repository = "me/my-model-GGUF"
# intro = "What there is to say."

# ... and those with something of their own. Beside each stands the plain recipe of its size.
# [[variant]]
# name = "Q4_K_M-attn"
# recipe = "Q4_K_M"                  # or plan = "plan.json", or size = "4.5GB", or "Q4_K_M"'s
# rules = ["attn_v=q8_0"]            # as --tensor-type
# rules_file = "rules.txt"
# output_type = "q8_0"
# embedding_type = "q8_0"
# pure = false
# prune = 2                          # layers: those whose loss costs least ...
# prune_layers = [4, 5]              # ... or these
# heal = true                        # refit what remains
# calibrated = true
# imatrix = true
# naive = "nearest"                  # or a recipe, or "none"

# Several models, each into a folder of its own: tables [[source]] in the place of `source`, which
# share all of the above. `output` is the folder above theirs.
# [[source]]
# model = "other-f16.gguf"
# name = "other"
# [source.card]
# title = "The other model"
# [[source.variant]]                 # of this model alone
# recipe = "IQ4_XS"
)";

}  // namespace

std::string release_template(const std::string& model) {
  std::string text(kTemplate);
  const std::string_view place = "@SOURCE@";
  text.replace(text.find(place), place.size(), toml_text(model.empty() ? "model.gguf" : model));
  return text;
}

}  // namespace lathe
