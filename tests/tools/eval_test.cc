// lathe eval through its options: forms of output, base files, orders, interruption and --resume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "quant/eval/perplexity.h"
#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/cli/command.h"
#include "tools/cli/number_checks.h"
#include "tools/jobs/ppl_job.h"
#include "tools/report/document.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::run_command;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-evaluation.txt");

class Eval : public testing::Test {
 protected:
  Eval() {
    ::setenv("XDG_STATE_HOME", dir_.path().c_str(), 1);
    ::setenv("XDG_CACHE_HOME", dir_.path().c_str(), 1);
  }
  ~Eval() override {
    ::unsetenv("XDG_STATE_HOME");
    ::unsetenv("XDG_CACHE_HOME");
  }

  std::string file(const std::string& name) const { return dir_.file(name); }
  std::string eval(const char* measure, std::vector<std::string> more) const {
    std::vector<std::string> args = {"eval", measure, "-m", kModel, "-f",
                                     kText,  "-c",    "64", "-t",   "2"};
    args.insert(args.end(), more.begin(), more.end());
    return run_command(add_eval, args).text;
  }
  std::string eval3(const char* measure, std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--chunks", "3"});
    return eval(measure, std::move(more));
  }
  TempDir dir_;
};

TEST_F(Eval, JsonNamesWhatItIsOf) {
  const json out = json::parse(eval3("ppl", {"--json"}));
  EXPECT_EQ(out["model"]["file"], kModel);
  EXPECT_EQ(out["model"]["fingerprint"].get<std::string>().size(), 64u);
  EXPECT_EQ(out["text"]["sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(out["text"]["files"][0], "demo-evaluation.txt");
  EXPECT_EQ(out["n_ctx"], 64);
  EXPECT_EQ(out["n_chunks"], 3);
  EXPECT_EQ(out["running_ppl"].size(), 3u);
  EXPECT_EQ(out["kind"], "eval ppl");
  EXPECT_EQ(out["schema"], kResultSchema);
  EXPECT_EQ(out["lathe"]["commit"], build_commit());
  EXPECT_EQ(out["lathe"]["build"], build_id());
  EXPECT_EQ(out["model"]["weights"].get<std::string>().size(), 64u);
  for (const char* name : {"tier", "cache_type_k", "cache_type_v", "compat", "skip_layers"}) {
    EXPECT_TRUE(out.contains(name)) << name;
  }
  const double ppl = out["ppl"];
  EXPECT_LE(out["ppl_low"].get<double>(), ppl);
  EXPECT_GE(out["ppl_high"].get<double>(), ppl);
}

// A result that went to a file says what it is of.
TEST_F(Eval, TextNamesWhatItIsOf) {
  const json out = json::parse(eval3("ppl", {"--json"}));
  const std::string fingerprint = out["model"]["fingerprint"].get<std::string>().substr(0, 16),
                    text = out["text"]["sha256"].get<std::string>().substr(0, 16);
  for (const std::string& of : {eval3("ppl", {"--skip-layers", "2"}),
                                eval3("kld", {"--skip-layers", "2", "--base", kModel})}) {
    EXPECT_THAT(of, testing::StartsWith("# lathe " + build_words()));
    EXPECT_THAT(of, HasSubstr(" kernels, KV cache f16 and f16\n"));
    EXPECT_THAT(of, HasSubstr("# model: " + kModel + " (fingerprint " + fingerprint));
    EXPECT_THAT(of, HasSubstr("# text: demo-evaluation.txt (sha256 " + text +
                              "), 3 chunks of 64 tokens, without layers 2\n"));
  }
}

TEST_F(Eval, NamesOfFilesMayHoldAnyBytes) {
  const std::string model = file("caf\xe9|.gguf");  // Latin-1
  fs::copy_file(kModel, model);
  const auto run = [&](const char* form) {
    return run_command(add_eval,
                       {"eval", "ppl", "-m", model, "-f", kText, "-c", "64", "--chunks", "2", form})
        .text;
  };
  EXPECT_THAT(json::parse(run("--json"))["model"]["file"].get<std::string>(),
              HasSubstr("caf\xef\xbf\xbd|.gguf"));
  EXPECT_THAT(run("--csv"), HasSubstr(model));
  EXPECT_THAT(run("--md"), HasSubstr("\\|.gguf"));
}

TEST_F(Eval, CsvIsALineOfNamesAndALineOfValues) {
  const std::string csv = eval3("kld", {"--base", kModel, "--csv"});
  std::istringstream lines(csv);
  std::string names, values, rest;
  std::getline(lines, names);
  std::getline(lines, values);
  EXPECT_FALSE(std::getline(lines, rest));
  EXPECT_EQ(std::count(names.begin(), names.end(), ','),
            std::count(values.begin(), values.end(), ','));
  EXPECT_THAT(names, HasSubstr(",kld,kld_error,kld_percentiles.100,"));
  EXPECT_THAT(names, HasSubstr(",text.files,text.sha256,"));
  EXPECT_THAT(values, HasSubstr(",demo-evaluation.txt,"));
  EXPECT_THAT(eval3("ppl", {"--md"}), HasSubstr("| ppl "));
  EXPECT_THROW(eval3("ppl", {"--md", "--json"}), test::CommandLineError);
}

TEST_F(Eval, CompatLeavesTheWindowsOfAStrideWithoutBos) {
  EngineOptions engine;
  engine.model = kModel;
  engine.n_ctx = 64;
  TextOptions text;
  text.files = {kText};
  text.stride = 16;
  const OpenModel open(engine, {});
  const TextChunks with = open_text(open.file, text, engine);
  text.compat = true;
  const TextChunks without = open_text(open.file, text, engine);
  EXPECT_EQ(with.text_tokens(), without.text_tokens());
  EXPECT_NE(with.chunk(1)[0], without.chunk(1)[0]);
  EXPECT_EQ(without.chunk(1)[0], without.chunk(0)[16]);
  text.stride = 0;  // chunks side by side have it in llama.cpp, too
  EXPECT_EQ(open_text(open.file, text, engine).chunk(1)[0], with.chunk(1)[0]);
  const auto ppl = [&](std::vector<std::string> more) -> double {
    more.insert(more.end(), {"--json", "--stride", "16"});
    return json::parse(eval3("ppl", more))["ppl"];
  };
  EXPECT_NE(ppl({}), ppl({"--compat"}));
}

TEST_F(Eval, LayerByLayerPrintsTheSame) {
  EXPECT_EQ(eval3("ppl"), eval3("ppl", {"--layer-major", "on"}));
  EXPECT_EQ(eval3("kld", {"--base", kModel, "--skip-layers", "2"}),
            eval3("kld", {"--base", kModel, "--skip-layers", "2", "--layer-major", "on", "--spill",
                          dir_.path()}));
}

TEST_F(Eval, BaseFilesStandInForTheModel) {
  eval3("ppl", {"--save-base", file("compact"), "--save-logits", file("logits")});
  const auto kld = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--skip-layers", "5", "--json"});
    return json::parse(eval3("kld", more));
  };
  const json model = kld({"--base", kModel}), compact = kld({"--base", file("compact")}),
             logits = kld({"--kl-divergence-base", file("logits")}),
             compat = kld({"--base", kModel, "--compat"});
  EXPECT_EQ(compact["ppl_base"], model["ppl_base"]);
  EXPECT_EQ(compact["same_top"], model["same_top"]);
  EXPECT_NEAR(compact["kld"].get<double>(), model["kld"].get<double>(),
              0.01 * model["kld"].get<double>());
  EXPECT_NEAR(logits["kld"].get<double>(), model["kld"].get<double>(), 1e-5);
  EXPECT_EQ(compat["kld"], logits["kld"]);
  EXPECT_THAT(compact["base"]["description"].get<std::string>(), HasSubstr("tiny-llama-f16.gguf"));

  EXPECT_THAT(message_of(
                  [&] {
                    eval("kld", {"--base", file("compact"), "--chunks", "4"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("use --chunks 3"));
  EXPECT_THAT(message_of(
                  [&] {
                    run_command(add_eval, {"eval", "kld", "-m", kModel, "-f", kText, "--base",
                                           file("compact"), "-c", "32"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("context"));
  const json as_file = json::parse(run_command(add_eval, {"eval", "kld", "-m", kModel, "-f", kText,
                                                          "--base", file("compact"), "--json"})
                                       .text);
  EXPECT_EQ(as_file["n_ctx"], 64) << "the file's";
  EXPECT_EQ(as_file["n_chunks"], 3);
  EXPECT_THAT(message_of(
                  [&] {
                    eval3("kld", {"--base", file("logits"), "--compat"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("--compat"));
  EXPECT_THAT(message_of(
                  [&] {
                    eval3("ppl", {"--save-base", file("b"), "--resume"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("--resume"));
  EXPECT_THAT(message_of(
                  [&] {
                    eval3("ppl", {"--save-base", file("b"), "--stride", "8"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("stride"));
  EXPECT_FALSE(fs::exists(file("b")));
}

// The model would be gone, or one base in the place of the other.
TEST_F(Eval, BaseFilesDoNotTakeThePlaceOfWhatIsRead) {
  const std::string model = file("model.gguf");
  fs::copy_file(kModel, model);
  fs::create_symlink(model, file("link"));
  const auto message = [&](std::vector<std::string> more) {
    std::vector<std::string> args = {"eval", "ppl", "-m", model,      "-f",
                                     kText,  "-c",  "64", "--chunks", "2"};
    args.insert(args.end(), more.begin(), more.end());
    return message_of([&] { run_command(add_eval, args); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(message({"--save-logits", model}), HasSubstr("this run reads that file"));
  EXPECT_THAT(message({"--save-base", file("link")}), HasSubstr("this run reads that file"));
  EXPECT_THAT(message({"--save-base", kText}), HasSubstr("this run reads that file"));
  EXPECT_THAT(message({"--save-base", file("b"), "--save-logits", file("b")}),
              HasSubstr("another output of this run"));
  EXPECT_EQ(fs::file_size(model), fs::file_size(kModel));
  EXPECT_FALSE(fs::exists(file("b")));
}

// Two bases of one form, text and size are not the same base: a run with one does not go on with
// the other.
TEST_F(Eval, BaseFilesAreToldApartByContent) {
  eval3("ppl", {"--save-logits", file("a")});
  eval3("ppl", {"--save-logits", file("b"), "--skip-layers", "2"});
  const auto base = [&](const char* name) {
    return json::parse(eval3("kld", {"--base", file(name), "--json"}))["base"];
  };
  EXPECT_EQ(base("a")["content"].get<std::string>().size(), 32u);
  EXPECT_NE(base("a")["content"], base("b")["content"]);
}

// What a run of two chunks has measured, as a run that was interrupted there leaves it.
void leave_checkpoint(const std::string& path) {
  PplOptions options;
  options.eval.engine.model = kModel;
  options.eval.engine.n_ctx = 64;
  options.eval.resume.checkpoint = path;
  options.text.files = {kText};
  std::size_t n_chunks = 0;
  PplCallbacks callbacks;
  callbacks.on_chunk = [&](const PerplexityResult& r) { n_chunks = r.running.size(); };
  callbacks.on_progress = [&](double, std::string_view) { return n_chunks < 2; };
  message_of([&] { run_ppl(options, callbacks); }, ErrorKind::kFailed);
}

TEST_F(Eval, ResumeGoesOnAndEndsWithTheSame) {
  const json whole = json::parse(eval3("ppl", {"--json"}));
  EXPECT_THAT(message_of([&] { eval3("ppl", {"--resume"}); }, ErrorKind::kUsage),
              HasSubstr("nothing to resume"));
  const std::string checkpoint = file("checkpoint");
  leave_checkpoint(checkpoint);
  ASSERT_TRUE(fs::exists(checkpoint));
  const std::vector<std::string> resume = {"--json", "--resume", "--checkpoint", checkpoint};
  EXPECT_THAT(message_of(
                  [&] {
                    eval3("kld", {"--base", kModel, "--resume", "--checkpoint", checkpoint});
                  },
                  ErrorKind::kUsage),
              HasSubstr("its measure was 'eval ppl', now it is 'eval kld'"));
  const json resumed = json::parse(eval3("ppl", resume));
  EXPECT_EQ(resumed["running_ppl"], whole["running_ppl"]);
  EXPECT_EQ(resumed["ppl_error"], whole["ppl_error"]);
  EXPECT_FALSE(fs::exists(checkpoint)) << "done";
}

// The checkpoint of a longer run serves a shorter one, and is kept for the longer.
TEST_F(Eval, ResumingWithFewerChunksUsesThoseOnly) {
  const std::string checkpoint = file("checkpoint");
  leave_checkpoint(checkpoint);
  const json one =
      json::parse(eval("ppl", {"--chunks", "1", "--json", "--resume", "--checkpoint", checkpoint}));
  EXPECT_EQ(one["running_ppl"].size(), 1u);
  EXPECT_EQ(one["running_ppl"],
            json::parse(eval("ppl", {"--chunks", "1", "--json"}))["running_ppl"]);
  EXPECT_TRUE(fs::exists(checkpoint));
}

TEST_F(Eval, CheckpointsDoNotTakeThePlaceOfOtherFiles) {
  const std::string model = file("model.gguf"), text = file("notes");
  fs::copy_file(kModel, model);
  std::ofstream(text) << "not a checkpoint";
  for (const std::string& other : {model, text}) {
    EXPECT_THAT(message_of(
                    [&] {
                      eval3("ppl", {"--checkpoint", other});
                    },
                    ErrorKind::kUsage),
                HasSubstr("is no checkpoint"));
    EXPECT_TRUE(fs::exists(other));
  }
}

TEST_F(Eval, NumbersThatAreNoneAreNamedInWords) {
  EXPECT_THROW(eval("ppl", {"--chunks", "0"}), test::CommandLineError);
  EXPECT_EQ(one_or_more("0"), "expected a whole number of 1 or more, found '0'");
  for (const char* bad : {"", "-1", "1.5", "ten", "00"}) EXPECT_NE(one_or_more(bad), "") << bad;
  for (const char* good : {"1", "10", "007"}) EXPECT_EQ(one_or_more(good), "");
  EXPECT_EQ(zero_or_more("0"), "");
}

// A name that stands twice would be compared with the value of the other.
TEST_F(Eval, IdentitiesNameThingsOnce) {
  Metadata metadata;
  EXPECT_THROW(put_identity({{"tasks", "a"}, {"tasks", "b"}}, metadata), Error);
}

TEST_F(Eval, OptionsThatDoNothingAreRefused) {
  const auto message = [&](const char* measure, std::vector<std::string> more) {
    return message_of([&] { eval3(measure, more); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(message("ppl", {"--compat"}), HasSubstr("without --stride"));
  EXPECT_THAT(message("ppl", {"--base-tokens", "5"}), HasSubstr("--save-base"));
  EXPECT_THAT(message("ppl", {"--save-base", file("b"), "--checkpoint", file("c")}),
              HasSubstr("--checkpoint"));
  EXPECT_THAT(message("ppl", {"--layer-major", "off", "--spill", dir_.path()}),
              HasSubstr("--spill"));
  const auto tasks = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"eval", "arc", "-m", kModel, "-f", "none.jsonl"});
    return message_of([&] { run_command(add_eval, more); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(tasks({"--compat"}), HasSubstr("changes nothing of ARC"));
  EXPECT_THAT(tasks({"--seed", "3"}), HasSubstr("all tasks are scored"));
}

TEST_F(Eval, CheckpointsAreListedAndCleanedUp) {
  const auto list = [](std::vector<std::string> more) {
    more.insert(more.begin(), "checkpoints");
    return run_command(add_checkpoints, more).text;
  };
  EXPECT_THAT(list({}), HasSubstr("no checkpoints in " + dir_.path()));
  leave_checkpoint("");
  EXPECT_THAT(list({}), HasSubstr("2 chunks"));
  EXPECT_THAT(list({}), HasSubstr("eval ppl of " + kModel + " on demo-evaluation.txt"));
  EXPECT_EQ(json::parse(list({"--json"}))["checkpoints"].size(), 1u);
  EXPECT_THAT(list({"--remove-older", "1"}), HasSubstr("2 chunks"));
  EXPECT_THAT(list({"--remove-older", "0"}), HasSubstr("removed:"));
  EXPECT_THAT(list({}), HasSubstr("no checkpoints in"));
  EXPECT_THROW(list({"--remove-older", "-1"}), test::CommandLineError);
}

}  // namespace
}  // namespace lathe
