// lathe imatrix by its own options: what it keeps, goes on from, and refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "quant/imatrix/imatrix.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/identity/fingerprint.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/model_file.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/collect_imatrix.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-calibration.txt");

class ImatrixCommand : public testing::Test {
 protected:
  std::string out(const std::string& name) const { return dir_.file(name); }
  test::CommandOutput run(std::vector<std::string> args) const {
    args.insert(args.begin(), "imatrix");
    return test::run_command(add_imatrix, std::move(args));
  }
  std::vector<std::string> collecting(const std::string& name,
                                      std::vector<std::string> more) const {
    std::vector<std::string> args = {"-m", kModel,     "-f", kText,     "-c", "64", "--chunks",
                                     "3",  "--no-ppl", "-o", out(name), "-t", "1"};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }
  std::string refusal(std::vector<std::string> args) const {
    return message_of([&] { run(args); }, ErrorKind::kUsage);
  }

  // A run of the job that stops after this many chunks.
  void leave_checkpoint(const std::string& name, std::size_t n_chunks, ImatrixRequest request) {
    request.engine.model = kModel;
    request.engine.n_ctx = 64;
    request.engine.n_threads = 1;
    request.text.files = {kText};
    request.text.max_chunks = 3;
    request.perplexity = false;
    const ImatrixFiles files{test::output(out(name)), test::output(out(name + ".resume"))};
    const Notes notes;
    ImatrixRun run(request, files, "", notes, {});
    EXPECT_THROW(run.run([&](std::size_t n, const auto&, double, auto) { return n < n_chunks; }),
                 Error);
    EXPECT_TRUE(run.saved());
    EXPECT_TRUE(fs::exists(out(name + ".resume")));
  }

  TempDir dir_;
};

TEST_F(ImatrixCommand, SaysWhichModelItIsOf) {
  const auto result = run(collecting("im.gguf", {}));
  const std::string fingerprint = model_fingerprint(GgufFile::open(kModel));
  EXPECT_THAT(result.text,
              AllOf(HasSubstr("3 chunks of 64 tokens"), HasSubstr(fingerprint.substr(0, 16))));
  const Imatrix imatrix = read_imatrix(out("im.gguf"));
  EXPECT_EQ(imatrix.model.fingerprint, fingerprint);
  EXPECT_EQ(imatrix.model.layers.size(), 8u);
  EXPECT_EQ(imatrix.model.name, "tiny-llama-f16.gguf");
}

TEST_F(ImatrixCommand, GoesOnAfterAStop) {
  run(collecting("whole.gguf", {}));
  leave_checkpoint("im.gguf", 2, {});
  EXPECT_EQ(read_imatrix(out("im.gguf")).chunk_count, 2u);
  const auto result = run(collecting("im.gguf", {"--resume"}));
  EXPECT_THAT(result.messages, HasSubstr("going on after chunk 2"));
  EXPECT_EQ(read_file_bytes(out("im.gguf")), read_file_bytes(out("whole.gguf")));
  EXPECT_FALSE(fs::exists(out("im.gguf.resume")));
}

TEST_F(ImatrixCommand, DoesNotGoOnWithAnythingElse) {
  leave_checkpoint("im.gguf", 2, {});
  const auto with = [&](std::vector<std::string> more) {
    more.push_back("--resume");
    return refusal(collecting("im.gguf", more));
  };
  EXPECT_THAT(with({"--process-output"}), HasSubstr("--process-output"));
  EXPECT_THAT(with({"--parse-special"}), HasSubstr("--parse-special"));
  EXPECT_THAT(with({"--from-chunk", "1"}), HasSubstr("first chunk"));
  EXPECT_THAT(with({"--cache-type-k", "q8_0"}), HasSubstr("--cache-type-k"));
  EXPECT_THAT(with({"--in-file", out("im.gguf")}), testing::Not(HasSubstr("nothing to resume")));
  fs::copy_file(out("im.gguf"), out("old.gguf"));
  EXPECT_THAT(with({"--in-file", out("old.gguf")}), HasSubstr("--in-file"));
  ModelFile changed = ModelFile::of(GgufFile::open(kModel));
  changed.tensor("blk.7.ffn_down.weight").data[50'000] ^= 1;
  changed.write(out("changed.gguf"));
  std::vector<std::string> args = collecting("im.gguf", {"--resume"});
  args[1] = out("changed.gguf");
  EXPECT_THAT(refusal(args), HasSubstr("its model was"));
  args = collecting("im.gguf", {"--resume"});
  args[7] = "1";
  EXPECT_THAT(refusal(args), HasSubstr("holds 2 chunks, more than the 1"));
  EXPECT_TRUE(fs::exists(out("im.gguf.resume"))) << "nothing is lost";
  EXPECT_THAT(refusal(collecting("never.gguf", {"--resume"})), HasSubstr("nothing to resume"));
  // A new run says that it gives up the old one.
  EXPECT_THAT(run(collecting("im.gguf", {})).messages, HasSubstr("given up"));
}

TEST_F(ImatrixCommand, GoesOnFromAFile) {
  run(collecting("first.gguf", {}));
  run(collecting("second.gguf", {"--from-chunk", "3"}));
  run({"--in-file", out("first.gguf"), "--in-file", out("second.gguf"), "-o", out("sum.gguf")});
  run(collecting("both.gguf", {"--from-chunk", "3", "--in-file", out("first.gguf")}));
  const Imatrix sum = read_imatrix(out("sum.gguf")), both = read_imatrix(out("both.gguf"));
  EXPECT_EQ(both.chunk_count, 6u);
  EXPECT_EQ(both.datasets.size(), 2u);
  EXPECT_EQ(both.model, read_imatrix(out("first.gguf")).model);
  EXPECT_EQ(read_file_bytes(out("both.gguf")), read_file_bytes(out("sum.gguf")));
}

TEST_F(ImatrixCommand, DoesNotMixModels) {
  run(collecting("im.gguf", {}));
  ModelFile tuned = ModelFile::of(GgufFile::open(kModel));
  tuned.tensor("blk.2.ffn_norm.weight").data[1] ^= 1;
  tuned.write(out("tuned.gguf"));
  std::vector<std::string> args = collecting("other.gguf", {});
  args[1] = out("tuned.gguf");
  run(args);
  std::vector<std::string> add = args;
  add[10] = out("both.gguf");
  add.insert(add.end(), {"--in-file", out("im.gguf")});
  EXPECT_THAT(refusal(add), AllOf(HasSubstr("does not belong to"), HasSubstr("layer 2")));
  EXPECT_FALSE(fs::exists(out("both.gguf")));
  add.push_back("--allow-foreign-imatrix");
  EXPECT_THAT(run(add).messages, HasSubstr("all the same"));
  EXPECT_THAT(
      refusal({"--in-file", out("im.gguf"), "--in-file", out("other.gguf"), "-o", out("sum.gguf")}),
      HasSubstr("does not belong to"));
}

// The packaged models are tied: the head is token_embd.weight.
TEST_F(ImatrixCommand, CollectsForATiedHead) {
  const bool tied = GgufFile::open(kModel).find("output.weight") == nullptr;
  const std::string head = tied ? "token_embd.weight" : "output.weight";
  run(collecting("im.gguf", {}));
  EXPECT_EQ(read_imatrix(out("im.gguf")).find(head), nullptr);
  run(collecting("im.gguf", {"--process-output"}));
  ASSERT_NE(read_imatrix(out("im.gguf")).find(head), nullptr);
}

TEST_F(ImatrixCommand, AnswersTheHabitsOfTheField) {
  EXPECT_THAT(refusal({"--in-file", "x.gguf", "--show-statistics"}),
              HasSubstr("lathe stats x.gguf"));
  EXPECT_THAT(refusal(collecting("im.gguf", {"--save-frequency", "10"})),
              HasSubstr("--save-every"));
  EXPECT_THAT(refusal({}), HasSubstr("needs a model"));
  EXPECT_THAT(refusal({"-m", kModel, "--in-file", "x.gguf"}), HasSubstr("and a text"));
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

}  // namespace
}  // namespace lathe
