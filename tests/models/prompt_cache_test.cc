// Keys and values in a file: the bits afterwards are those without it, and nothing that is not
// whole, or of another run, is used.
#include "runtime/prompt_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/support/engine_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/model_variants.h"
#include "tests/support/output.h"
#include "tests/support/safetensors_builder.h"
#include "tests/support/temp_dir.h"

namespace lathe::test {
namespace {

using testing::HasSubstr;

const RunIdentity kIdentity = {{"model", "abc"}, {"instruction set", "scalar"}};

class PromptCacheFile : public testing::Test {
 protected:
  PromptCacheFile() { model_.head_dim = 32; }

  std::string path() const { return dir_.file("cache"); }
  // What the model says after `tokens`, of which the first are taken from the file where they are
  // there. In batches of n_batch.
  Rows run(const std::vector<int>& tokens, const RunOptions& options, bool with_file,
           std::size_t* n_taken = nullptr) {
    const GgufFile file = tiny_model(model_);
    Engine engine(file, options, 128);
    std::vector<BatchItem> items = items_of(tokens);
    std::size_t n = 0;
    if (with_file) {
      const std::vector<Token> prompt(tokens.begin(), tokens.end() - 1);
      n = read_prompt_cache(path(), kIdentity, prompt, engine.session()).n_taken;
    }
    if (n_taken != nullptr) *n_taken = n;
    const Rows rows = engine.run({items.begin() + static_cast<std::ptrdiff_t>(n), items.end()});
    return {rows.end() - 5, rows.end()};
  }
  void write(const std::vector<int>& tokens, const RunOptions& options,
             const RunIdentity& identity = kIdentity) {
    const GgufFile file = tiny_model(model_);
    Engine engine(file, options, 128);
    engine.run(items_of(tokens));
    write_prompt_cache(engine.session(), tokens, identity, output(path()));
  }
  std::string refusal(ErrorKind kind, const RunIdentity& identity = kIdentity,
                      const RunOptions& options = {}) {
    const GgufFile file = tiny_model(model_);
    Engine engine(file, options, 128);
    const std::vector<Token> prompt = tokens_;
    return message_of([&] { read_prompt_cache(path(), identity, prompt, engine.session()); }, kind);
  }

  TempDir dir_;
  TinyModel model_;
  std::vector<int> tokens_ = some_tokens(60, model_.n_vocab);
};

TEST_F(PromptCacheFile, TheBitsAreThoseOfReadingItAll) {
  for (const std::string& tier : supported_tiers()) {
    for (const Format k : kCacheFormats) {
      SCOPED_TRACE(tier + " " + std::string(format_name(k)));
      const Format v = k == Format::Q8_0 ? Format::F16 : k;
      const RunOptions options{.tier = tier, .n_batch = 16, .k_format = k, .v_format = v};
      write({tokens_.begin(), tokens_.begin() + 40}, options);
      std::size_t n_taken = 0;
      EXPECT_EQ(run(tokens_, options, true, &n_taken), run(tokens_, options, false));
      EXPECT_EQ(n_taken, 40u);
      // Another text after a common beginning, in other batches.
      std::vector<int> other = tokens_;
      for (std::size_t i = 23; i < other.size(); ++i) {
        other[i] = (other[i] + 1) % static_cast<int>(model_.n_vocab);
      }
      RunOptions batches = options;
      batches.n_batch = 7;
      EXPECT_EQ(run(other, batches, true, &n_taken), run(other, options, false));
      EXPECT_EQ(n_taken, 23u);
    }
  }
}

TEST_F(PromptCacheFile, CellsMayLieAnywhere) {
  const GgufFile file = tiny_model(model_);
  Engine engine(file, {}, 128);
  // Another sequence has the cells between those of ours.
  const std::vector<BatchItem> ours = items_of(tokens_);
  for (const BatchItem& item : ours) {
    BatchItem other = item;
    other.sequences = sequence_bit(3);
    if (item.pos % 3 == 0) engine.run({other});
    engine.run({item});
  }
  engine.session().truncate(3, 0);
  engine.session().truncate(0, 41);
  engine.run({ours.begin() + 41, ours.end()});  // these are in the gaps
  write_prompt_cache(engine.session(), tokens_, kIdentity, output(path()));
  std::vector<int> longer = tokens_;
  longer.insert(longer.end(), {1, 2, 3, 4, 5, 6});
  std::size_t n_taken = 0;
  EXPECT_EQ(run(longer, {}, true, &n_taken), run(longer, {}, false));
  EXPECT_EQ(n_taken, tokens_.size());
}

TEST_F(PromptCacheFile, AFileThatIsNotThereHoldsNothing) {
  std::size_t n_taken = 1;
  EXPECT_EQ(run(tokens_, {}, true, &n_taken), run(tokens_, {}, false));
  EXPECT_EQ(n_taken, 0u);
  std::ofstream(path()).close();
  EXPECT_EQ(run(tokens_, {}, true), run(tokens_, {}, false));
}

TEST_F(PromptCacheFile, RefusesAnotherRun) {
  write(tokens_, {});
  EXPECT_THAT(
      refusal(ErrorKind::kUsage, {{"model", "xyz"}, {"instruction set", "scalar"}}),
      testing::AllOf(HasSubstr("its model was 'abc', now it is 'xyz'"), HasSubstr("Delete it")));
  EXPECT_THAT(refusal(ErrorKind::kUsage, {{"model", "abc"}, {"instruction set", "avx2"}}),
              HasSubstr("its instruction set was 'scalar'"));
  EXPECT_THAT(refusal(ErrorKind::kUsage, {{"model", "abc"}, {"new", "1"}}), HasSubstr("its new"));
  // What cannot be where the identity is right.
  EXPECT_THAT(refusal(ErrorKind::kBadInput, kIdentity, {.k_format = Format::F16}),
              HasSubstr("not those of this model"));
}

TEST_F(PromptCacheFile, RefusesDamage) {
  model_.n_layer = 1;
  tokens_.resize(3);
  write(tokens_, {});
  const std::vector<std::uint8_t> whole = read_file_bytes(path());
  const GgufFile file = tiny_model(model_);
  Engine engine(file, {}, 128);
  const auto refused = [&](const std::vector<std::uint8_t>& bytes) {
    write_bytes(path(), bytes);
    EXPECT_THROW(read_prompt_cache(path(), kIdentity, tokens_, engine.session()), Error);
    EXPECT_EQ(engine.session().cache().n_used(), 0u);
  };
  for (std::size_t n = 1; n < whole.size(); n += n < 300 ? 1 : 37) {
    refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)});
  }
  for (std::size_t at = 0; at < whole.size(); at += at < 300 ? 1 : 37) {
    std::vector<std::uint8_t> changed = whole;
    changed[at] ^= 0x81;
    refused(changed);
  }
  std::vector<std::uint8_t> longer = whole;
  longer.push_back(0);
  refused(longer);
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  EXPECT_THAT(refusal(ErrorKind::kBadInput), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace lathe::test
