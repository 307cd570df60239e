// What the pipeline does beyond one plain run: interruptions, older outputs, several files, a full
// disk, provenance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>

#include "kernels/tiers.h"
#include "quant/pipeline/provenance.h"
#include "quant/pipeline/quantize.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/identity/build_info.h"
#include "tests/support/error_of.h"
#include "tests/support/golden.h"
#include "tests/support/permuted_source.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");

class Pipeline : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(select_kernels("", &kernels_)); }

  Plan plan(const char* recipe, PlanRequest request = {}) const {
    request.recipe = find_recipe(recipe);
    return make_plan(read_model_header(source_), request);
  }
  QuantizeResult run(const QuantizeJob& job) {
    ThreadPool pool({.n_threads = 2, .pin = false});
    return quantize(job, kernels_, pool);
  }
  // Stops after this many calls of the progress.
  void run_and_stop(QuantizeJob job, int n_calls) {
    job.progress = [&](const QuantizeProgress& p) {
      return p.phase == QuantizePhase::kCheck || --n_calls > 0;
    };
    EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kFailed), testing::HasSubstr("stopped"));
  }
  std::string out(const std::string& name) const { return dir_.file(name); }
  std::size_t n_files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_.path()), fs::directory_iterator{}));
  }

  // The finished files, by name.
  std::vector<std::string> output_files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      if (entry.path().extension() == ".gguf") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  TempDir dir_;
  GgufFile source_ = GgufFile::open(kModel);
  KernelTable kernels_;
};

// ---- sources

// A source without files that makes its rows when they are asked for. Only the name of the source,
// which the file says, differs.
TEST_F(Pipeline, AnySourceOfTheSameTensorsGivesTheSameBytes) {
  const test::PermutedSource memory(source_);
  const Plan p = plan("Q4_K_M", {.rules = {parse_type_rule("attn_k=f16", "--tensor-type")}});
  EXPECT_EQ(decisions_text(make_plan(read_model_header(memory),
                                     {.recipe = find_recipe("Q4_K_M"),
                                      .rules = {parse_type_rule("attn_k=f16", "--tensor-type")}})),
            decisions_text(p));
  for (const bool split : {false, true}) {
    QuantizeJob from_file{source_, p, nullptr, out("file.gguf")};
    QuantizeJob from_memory{memory, p, nullptr, out("memory.gguf")};
    from_file.provenance = from_memory.provenance = false;
    from_file.split.like_source = from_memory.split.like_source = split;
    const QuantizeResult a = run(from_file), b = run(from_memory);
    EXPECT_EQ(b.n_copied, a.n_copied);
    EXPECT_EQ(test::read_bytes(out("memory.gguf")), test::read_bytes(out("file.gguf")));
  }
}

TEST_F(Pipeline, AnySourceCanBeReusedAndResumed) {
  const test::PermutedSource memory(source_);
  const Plan p = plan("Q4_K_M");
  run({source_, p, nullptr, out("whole")});
  const GgufFile whole = GgufFile::open(out("whole"));
  const test::PermutedSource older(whole);
  QuantizeJob job{source_, p, nullptr, out("q")};
  job.reuse = &older;
  EXPECT_EQ(run(job).n_encoded, 0u);
  EXPECT_EQ(test::read_bytes(out("q")), test::read_bytes(out("whole")));

  QuantizeJob stopped{memory, p, nullptr, out("m")};
  run_and_stop(stopped, 60);
  stopped.resume = true;
  EXPECT_GT(run(stopped).n_resumed, 0u);
}

// ---- resume

TEST_F(Pipeline, AResumedRunGivesTheBytesOfAnUninterruptedOne) {
  const Plan p = plan("Q4_K_M");
  run({source_, p, nullptr, out("whole")});
  for (const int n_calls : {12, 60, 140}) {
    QuantizeJob job{source_, p, nullptr, out("q")};
    run_and_stop(job, n_calls);
    EXPECT_FALSE(fs::exists(out("q")));
    const std::size_t left = resumable_tensors(out("q"));
    ASSERT_GT(left, 0u);
    job.resume = true;
    const QuantizeResult result = run(job);
    EXPECT_EQ(result.n_resumed, left);
    EXPECT_EQ(test::read_bytes(out("q")), test::read_bytes(out("whole")));
    EXPECT_EQ(n_files(), 2u) << "no temporary file and no journal remains";
    fs::remove(out("q"));
  }
}

TEST_F(Pipeline, ResumingTrustsNoByteThatIsNotWhatTheJournalSays) {
  const Plan p = plan("Q4_K_M");
  run({source_, p, nullptr, out("whole")});
  const std::vector<char> whole = test::read_bytes(out("whole"));
  QuantizeJob job{source_, p, nullptr, out("q")};
  const auto damage = [&](const std::function<void(const std::string&)>& how) {
    job.resume = false;
    run_and_stop(job, 100);
    const std::size_t left = resumable_tensors(out("q"));
    how(out("q.part"));
    job.resume = true;
    const QuantizeResult result = run(job);
    EXPECT_LT(result.n_resumed, left);
    EXPECT_EQ(test::read_bytes(out("q")), whole);
  };
  damage([](const std::string& part) { fs::resize_file(part, fs::file_size(part) / 2); });
  damage([](const std::string& part) { fs::remove(part); });
  damage([](const std::string& part) {
    std::FILE* file = std::fopen(part.c_str(), "r+b");
    std::fseek(file, static_cast<long>(fs::file_size(part)) - 4000, SEEK_SET);
    std::fputc('x', file);
    std::fputc('y', file);
    std::fclose(file);
  });
}

TEST_F(Pipeline, AKilledRunCanBeResumed) {
  const Plan p = plan("Q8_0");
  run({source_, p, nullptr, out("whole")});
  QuantizeJob job{source_, p, nullptr, out("q")};
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // dies in the middle, without any destructor
    int n_calls = 0;
    job.progress = [&](const QuantizeProgress& progress) {
      if (progress.phase != QuantizePhase::kCheck && ++n_calls == 60) ::raise(SIGKILL);
      return true;
    };
    ThreadPool pool({.n_threads = 1, .pin = false});
    quantize(job, kernels_, pool);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(fs::exists(out("q")));
  job.resume = true;
  EXPECT_GT(run(job).n_resumed, 10u);
  EXPECT_EQ(test::read_bytes(out("q")), test::read_bytes(out("whole")));
}

TEST_F(Pipeline, AnotherJobIsNotResumed) {
  const Plan one = plan("Q4_K_M"), other = plan("Q5_K_M");
  run_and_stop({source_, one, nullptr, out("q")}, 60);
  QuantizeJob job{source_, other, nullptr, out("q")};
  job.resume = true;
  EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kUsage),
              testing::HasSubstr("was another one"));
  EXPECT_GT(resumable_tensors(out("q")), 0u) << "nothing is lost";
  job.out_path = out("never");
  EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kUsage),
              testing::HasSubstr("nothing to resume"));
}

// ---- reuse

TEST_F(Pipeline, ReuseEncodesOnlyWhatChanged) {
  const Plan before = plan("Q4_K_M");
  const Plan after =
      plan("Q4_K_M", {.rules = {parse_type_rule("blk.2.attn_k=q6_k", "--tensor-type"),
                                parse_type_rule("blk.5.ffn_up=q5_k", "--tensor-type")}});
  run({source_, before, nullptr, out("old")});
  run({source_, after, nullptr, out("fresh")});
  const GgufFile old = GgufFile::open(out("old"));
  QuantizeJob job{source_, after, nullptr, out("new")};
  job.reuse = &old;
  const QuantizeResult result = run(job);
  EXPECT_EQ(result.n_encoded, 2u);
  EXPECT_GT(result.n_reused, 50u);
  EXPECT_EQ(test::read_bytes(out("new")), test::read_bytes(out("fresh")));
}

TEST_F(Pipeline, ReuseFindsLayersThatPruningRenumbered) {
  const Plan before = plan("Q8_0"), after = plan("Q8_0", {.prune_layers = {2, 3}});
  run({source_, before, nullptr, out("old")});
  run({source_, after, nullptr, out("fresh")});
  const GgufFile old = GgufFile::open(out("old"));
  QuantizeJob job{source_, after, nullptr, out("new")};
  job.reuse = &old;
  EXPECT_EQ(run(job).n_encoded, 0u);
  EXPECT_EQ(test::read_bytes(out("new")), test::read_bytes(out("fresh")));
}

TEST_F(Pipeline, ReuseTakesNothingFromOtherWeightsOrOfUnknownOrigin) {
  const GgufFile olmo = GgufFile::open(test::source_path("tests/data/tiny-olmo2-f16.gguf"));
  const Plan p = plan("Q8_0");
  const Plan olmo_plan = make_plan(read_model_header(olmo), {.recipe = find_recipe("Q8_0")});
  run({olmo, olmo_plan, nullptr, out("olmo")});
  QuantizeJob unnamed{source_, p, nullptr, out("unnamed")};
  unnamed.provenance = false;
  run(unnamed);
  for (const char* name : {"olmo", "unnamed"}) {
    const GgufFile old = GgufFile::open(out(name));
    QuantizeJob job{source_, p, nullptr, out("q")};
    job.reuse = &old;
    EXPECT_EQ(run(job).n_reused, 0u) << name;
  }
}

// ---- several files

TEST_F(Pipeline, SplitOutputHoldsTheSameTensors) {
  const Plan p = plan("Q4_K_M");
  run({source_, p, nullptr, out("one.gguf")});
  const GgufFile one = GgufFile::open(out("one.gguf"));
  QuantizeJob job{source_, p, nullptr, out("many.gguf")};
  job.split.max_bytes = 1000000;
  const QuantizeResult result = run(job);
  ASSERT_GE(result.paths.size(), 3u);
  EXPECT_TRUE(result.paths[0].ends_with("many-00001-of-0000" + std::to_string(result.paths.size()) +
                                        ".gguf"));
  const GgufFile many = GgufFile::open(result.paths[0]);
  EXPECT_EQ(many.files().size(), result.paths.size());
  ASSERT_EQ(many.tensors().size(), one.tensors().size());
  for (const TensorInfo& t : one.tensors()) {
    const TensorInfo& other = many.require(t.name);
    const auto a = one.data(t), b = many.data(other);
    EXPECT_EQ(other.format, t.format);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << t.name;
  }
  EXPECT_FALSE(fs::exists(out("many.gguf")));

  // From there, file by file, to another format.
  const Plan again = make_plan(read_model_header(many), {.recipe = find_recipe("Q8_0")});
  QuantizeJob keep{many, again, nullptr, out("kept.gguf")};
  keep.allow_requantize = true;
  keep.split.like_source = true;
  const QuantizeResult kept = run(keep);
  EXPECT_EQ(kept.paths.size(), result.paths.size());
  const GgufFile kept_file = GgufFile::open(kept.paths[0]);
  for (const TensorInfo& t : many.tensors()) {
    EXPECT_EQ(kept_file.require(t.name).file_index, t.file_index) << t.name;
  }
}

TEST_F(Pipeline, AStoppedSplitLeavesNoFileOfItsNameAndCanBeResumed) {
  const Plan p = plan("Q4_K_M");
  QuantizeJob job{source_, p, nullptr, out("q.gguf")};
  job.split.max_tensors = 20;
  run(job);
  std::vector<std::vector<char>> whole;
  for (const auto& path : output_files()) whole.push_back(test::read_bytes(path));
  ASSERT_GE(whole.size(), 3u);
  for (const auto& path : output_files()) fs::remove(path);
  run_and_stop(job, 80);
  EXPECT_TRUE(output_files().empty());
  job.resume = true;
  EXPECT_GT(run(job).n_resumed, 20u);
  const auto files = output_files();
  ASSERT_EQ(files.size(), whole.size());
  for (std::size_t i = 0; i < files.size(); ++i) EXPECT_EQ(test::read_bytes(files[i]), whole[i]);
}

// ---- what is refused, and what the file says

// A file size limit stands for a full disk: writing fails in the middle in the same way.
class FullDisk {
 public:
  explicit FullDisk(rlim_t n_bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{n_bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST_F(Pipeline, AFullDiskLeavesWhatIsFinished) {
  const Plan p = plan("Q8_0");
  run({source_, p, nullptr, out("whole")});
  QuantizeJob job{source_, p, nullptr, out("q")};
  for (const bool resumed : {false, true}) {
    job.resume = resumed;
    const FullDisk full(resumed ? 4000000 : 3000000);
    EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kFailed),
                testing::AllOf(testing::HasSubstr(out("q")), testing::HasSubstr("cannot write"),
                               testing::HasSubstr("finished tensors are kept"),
                               testing::HasSubstr("--resume")));
    EXPECT_FALSE(fs::exists(out("q")));
  }
  EXPECT_GT(run(job).n_resumed, 10u);
  EXPECT_EQ(test::read_bytes(out("q")), test::read_bytes(out("whole")));
  EXPECT_EQ(n_files(), 2u) << "no temporary file and no journal remains";
}

TEST_F(Pipeline, AFullDiskLeavesNothingWhereNothingIsFinished) {
  const Plan p = plan("Q8_0");
  const FullDisk full(50000);  // in the header
  EXPECT_THAT(message_of(
                  [&] {
                    run({source_, p, nullptr, out("q")});
                  },
                  ErrorKind::kFailed),
              testing::HasSubstr("cannot write"));
  EXPECT_EQ(n_files(), 0u);
}

// Blocks whose scales are NaN, by a disk that lies: the run fails, and an older file is still
// there.
TEST_F(Pipeline, WhatDoesNotVerifyGetsNoName) {
  const Plan p = plan("Q8_0");
  run({source_, p, nullptr, out("q.gguf")});
  const std::vector<char> older = test::read_bytes(out("q.gguf"));
  QuantizeJob job{source_, p, nullptr, out("q.gguf")};
  bool damaged = false;
  job.progress = [&](const QuantizeProgress& progress) {
    if (damaged || progress.phase == QuantizePhase::kCheck) return true;
    if (progress.n_tensors_done < p.tensors.size() / 2) return true;
    std::FILE* file = std::fopen(out("q.gguf.part").c_str(), "r+b");
    std::fseek(file, static_cast<long>(fs::file_size(out("q.gguf.part")) / 2), SEEK_SET);
    std::fputs(std::string(200, '\xff').c_str(), file);
    std::fclose(file);
    return damaged = true;
  };
  EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kFailed),
              testing::AllOf(testing::HasSubstr("does not verify"),
                             testing::HasSubstr("values that are not finite")));
  EXPECT_TRUE(damaged);
  EXPECT_EQ(test::read_bytes(out("q.gguf")), older);
  EXPECT_EQ(n_files(), 1u) << "neither a temporary file nor a journal remains";
}

// A disk that changes one bit of a tensor after it was written. check_loads sees the finished
// temporary file, so the test does it there.
void flip_bit(const GgufFile& file, const std::string& tensor, std::uint64_t at) {
  const TensorInfo& info = file.require(tensor);
  std::FILE* stream = std::fopen(file.files()[info.file_index].path().c_str(), "r+b");
  std::fseek(stream, static_cast<long>(info.offset + at), SEEK_SET);
  const int byte = std::fgetc(stream);
  std::fseek(stream, -1, SEEK_CUR);
  std::fputc(byte ^ 1, stream);
  std::fclose(stream);
}

TEST_F(Pipeline, EveryBitOfTheFileIsVerified) {
  const Plan p = plan("Q4_K_M", {.rules = {parse_type_rule("ffn_down=f16", "--tensor-type")}});
  run({source_, p, nullptr, out("old")});
  const GgufFile old = GgufFile::open(out("old"));
  const auto message = [&](const std::string& tensor, std::uint64_t at, bool reuse) {
    QuantizeJob job{source_, p, nullptr, out("q")};
    if (reuse) job.reuse = &old;
    job.check_loads = [&](const GgufFile& written) {
      flip_bit(written, tensor, at);
      return std::string();
    };
    const std::string text = message_of([&] { run(job); }, ErrorKind::kFailed);
    EXPECT_EQ(n_files(), 1u) << "only the older file remains";
    return text;
  };
  for (const bool reuse : {false, true}) {  // encoded or reused: by hash
    EXPECT_THAT(message("blk.3.attn_q.weight", 7000, reuse),
                testing::HasSubstr("blk.3.attn_q.weight: its bytes are not those"));
  }
  EXPECT_THAT(message("blk.3.ffn_down.weight", 2 * 512 * 5 + 2, false),
              testing::HasSubstr("blk.3.ffn_down.weight, row 5: differs from the source"));
  EXPECT_THAT(message("blk.7.ffn_norm.weight", 8, false),
              testing::HasSubstr("blk.7.ffn_norm.weight, row 0: differs from the source"));
}

// What a wrong encoder writes is found by its error: here it got other rows than the verifier.
TEST_F(Pipeline, AnEncoderThatIsWrongIsFound) {
  test::PermutedSource source(source_);
  for (const char* recipe : {"Q8_0", "Q4_K_M", "Q2_K", "IQ4_XS", "IQ3_S", "TQ1_0", "F32", "BF16"}) {
    const Plan p = plan(recipe);
    QuantizeJob job{source, p, nullptr, out("q")};
    source.give_wrong_order(true);
    job.progress = [&](const QuantizeProgress& progress) {
      if (progress.phase == QuantizePhase::kVerify) source.give_wrong_order(false);
      return true;
    };
    EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kFailed),
                testing::AllOf(testing::HasSubstr("token_embd.weight: an error of 1"),
                               testing::HasSubstr("does not explain")))
        << recipe;
    EXPECT_EQ(n_files(), 0u);
  }
}

TEST_F(Pipeline, WhatDoesNotLoadGetsNoNameAndNotesAreHandedOn) {
  const Plan p = plan("Q8_0");
  QuantizeJob job{source_, p, nullptr, out("q")};
  job.check_loads = [](const GgufFile&) -> std::string { throw bad_input("q", "no such key"); };
  EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kFailed),
              testing::AllOf(testing::HasSubstr("does not load as a model"),
                             testing::HasSubstr("no such key")));
  EXPECT_EQ(n_files(), 0u);
  job.check_loads = [](const GgufFile&) { return std::string("not looked at"); };
  EXPECT_THAT(run(job).warnings, testing::ElementsAre("not looked at"));
}

TEST_F(Pipeline, VerificationShowsProgressAndCanBeStoppedAndResumed) {
  const Plan p = plan("Q8_0");
  run({source_, p, nullptr, out("whole")});
  QuantizeJob job{source_, p, nullptr, out("q")};
  std::uint64_t most = 0;
  job.progress = [&](const QuantizeProgress& progress) {
    if (progress.phase != QuantizePhase::kVerify) return true;
    most = std::max(most, progress.elements_done);
    return progress.n_tensors_done < p.tensors.size() / 2;
  };
  EXPECT_THAT(message_of([&] { run(job); }, ErrorKind::kFailed), testing::HasSubstr("stopped"));
  EXPECT_GT(most, 0u);
  EXPECT_LT(most, p.n_elements());
  EXPECT_FALSE(fs::exists(out("q")));
  EXPECT_EQ(resumable_tensors(out("q")), p.tensors.size());
  job.progress = {};
  job.resume = true;
  EXPECT_EQ(run(job).n_resumed, p.tensors.size());
  EXPECT_EQ(test::read_bytes(out("q")), test::read_bytes(out("whole")));
}

TEST_F(Pipeline, TheFileSaysHowItWasMade) {
  const Plan p = plan(
      "Q4_K_M", {.rules = {parse_type_rule("attn_v=q8_0", "--tensor-type")}, .prune_layers = {1}});
  QuantizeJob job{source_, p, nullptr, out("q")};
  run(job);
  const GgufFile file = GgufFile::open(out("q"));
  const Metadata& metadata = file.metadata();
  EXPECT_EQ(metadata.require_text("lathe.version"), build_version());
  EXPECT_EQ(metadata.require_text("lathe.quantize.recipe"), "Q4_K_M");
  EXPECT_EQ(metadata.require_text("lathe.quantize.source"), "tiny-llama-f16.gguf");
  EXPECT_EQ(metadata.require_text("lathe.quantize.source_fingerprint").size(), 64u);
  EXPECT_THAT(*metadata.uint_list("lathe.prune.layers"), testing::ElementsAre(1u));
  const StringList* rules = metadata.string_array("lathe.quantize.rules");
  ASSERT_NE(rules, nullptr);
  EXPECT_THAT(std::string((*rules)[0]), testing::HasSubstr("attn_v=q8_0"));
  job.provenance = false;
  run(job);
  const GgufFile plain = GgufFile::open(out("q"));
  for (const MetadataEntry& e : plain.metadata()) {
    EXPECT_FALSE(e.key.starts_with("lathe.")) << e.key;
  }
}

}  // namespace
}  // namespace lathe
