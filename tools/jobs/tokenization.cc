#include "tools/jobs/tokenization.h"

#include "models/import/import_checkpoint.h"
#include "tools/jobs/texts.h"

namespace lathe {

Tokenization tokenize(const TokenizeRequest& request, const Notes& notes) {
  const auto source = open_source(request.model);
  const Tokenizer tokenizer = Tokenizer::from_metadata(source->metadata(), request.model);
  const EncodeOptions encode = {.add_special = true, .parse_special = request.parse_special};
  for (const std::string& warning :
       reading_warnings(tokenizer, request.text, request.text_name, encode)) {
    notes.warn(warning);
  }
  Tokenization result;
  result.tokens = tokenizer.encode(request.text, encode);
  const bool has_bos = tokenizer.add_bos() && tokenizer.bos() != kNoToken;
  if (request.no_bos && has_bos) result.tokens.erase(result.tokens.begin());
  for (const Token token : result.tokens) result.pieces.push_back(tokenizer.piece(token, true));
  return result;
}

}  // namespace lathe
