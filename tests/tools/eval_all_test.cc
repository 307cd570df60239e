// lathe eval all: the same figures as the single measures give, whatever the base is; tables, all
// forms of output, --resume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/base/error.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/card_compare.h"
#include "tools/jobs/card_job.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::run_command;
using testing::HasSubstr;
using testing::Not;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kOtherModel = test::source_path("tests/data/tiny-olmo2-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-evaluation.txt");

class EvalAll : public testing::Test {
 protected:
  EvalAll() {
    ::setenv("XDG_STATE_HOME", dir_.path().c_str(), 1);
    ::setenv("XDG_CACHE_HOME", dir_.path().c_str(), 1);
    write_tests();
    // A second model: the same, worse.
    small_ = file("small.gguf");
    run_command(add_quantize, {"quantize", kModel, small_, "Q3_K_S"});
  }
  ~EvalAll() override {
    ::unsetenv("XDG_STATE_HOME");
    ::unsetenv("XDG_CACHE_HOME");
  }

  std::string file(const std::string& name) const { return dir_.file(name); }

  void write_tests() {
    std::ofstream arc(file("arc.jsonl")), wino(file("wino.csv")), hella(file("hella.txt"));
    const char* const things[] = {"house", "river", "horse", "letter", "garden", "night"};
    for (int i = 0; i < 6; ++i) {
      const std::string thing = things[i];
      arc << json({{"question", "The old " + thing + " was"},
                   {"choices", {"very large", "of the", "not there", "seen by him"}},
                   {"answer", i % 4}})
                 .dump()
          << "\n";
      wino << i << ",The man took the " << thing << " to the _ and left.,door,window," << 1 + i % 2
           << "\n";
      hella << "He looked at the " << thing << "\n"
            << i % 4 << "\nand went away.\nof a the.\nbefore he spoke.\nwith his hands.\n";
    }
    // The peer never reads the last row.
    wino << "6,It was the _ of all.,end,door,1\n";
  }

  std::vector<std::string> tests() const {
    return {"--arc",       file("arc.jsonl"), "--winogrande", file("wino.csv"),
            "--hellaswag", file("hella.txt"), "--tasks",      "5"};
  }
  std::vector<std::string> text() const {
    return {"-f", kText, "-c", "64", "--chunks", "3", "-t", "2"};
  }
  std::string all(std::vector<std::string> args, const std::vector<std::string>& more = {}) const {
    args.insert(args.begin(), {"eval", "all"});
    args.insert(args.end(), more.begin(), more.end());
    return run_command(add_eval, args).text;
  }
  // Both models, the first as base.
  std::string card(std::vector<std::string> form = {}) const {
    std::vector<std::string> args = {"--base", kModel, "-m", small_};
    for (const auto& part : {text(), tests(), form})
      args.insert(args.end(), part.begin(), part.end());
    return all(args);
  }
  json single(const char* measure, std::vector<std::string> args) const {
    args.insert(args.begin(), {"eval", measure, "-m", small_, "--json"});
    return json::parse(run_command(add_eval, args).text);
  }

  TempDir dir_;
  std::string small_;
};

TEST_F(EvalAll, GivesWhatTheSingleMeasuresGive) {
  const json card = json::parse(this->card({"--json"}));
  const json& small = card["models"][1];
  std::vector<std::string> with_base = text();
  with_base.insert(with_base.end(), {"--base", kModel});
  const json kld = single("kld", with_base);
  for (const char* figure : {"ppl", "ppl_error", "kld", "kld_error", "ln_ppl_correlation",
                             "rms_delta_p", "rms_delta_p_error", "same_top"}) {
    EXPECT_EQ(small[figure], kld[figure]) << figure;
  }
  EXPECT_EQ(card["models"][0]["ppl"], kld["ppl_base"]);
  EXPECT_TRUE(card["models"][0]["kld"].is_null()) << "the base";
  EXPECT_EQ(card["models"][0]["is_base"], true);
  EXPECT_EQ(small["model"], kld["model"]);
  const json hella = single("hellaswag", {"-f", file("hella.txt"), "--tasks", "5"});
  EXPECT_EQ(small["hellaswag"], hella["score"]);
  EXPECT_EQ(small["hellaswag_error"], hella["score_error"]);
  EXPECT_EQ(small["winogrande"],
            single("winogrande", {"-f", file("wino.csv"), "--tasks", "5"})["score"]);
  EXPECT_EQ(small["arc"], single("arc", {"-f", file("arc.jsonl"), "--tasks", "5"})["score"]);
  EXPECT_TRUE(small["average"].is_null()) << "two tests are missing";
  EXPECT_EQ(card["tests"].size(), 3u);
  EXPECT_EQ(card["tests"]["arc"]["n_tasks"], 5);
  EXPECT_EQ(card["tests"]["arc"]["n_available"], 6);
  EXPECT_EQ(card["base"], card["models"][0]["model"]);
  ASSERT_EQ(card["differences"].size(), 1u);
  const json& difference = card["differences"][0];
  EXPECT_EQ(difference["against"], small["name"]);
  EXPECT_EQ(difference["name"], card["models"][0]["name"]);
  EXPECT_NEAR(difference["ppl_change"]["value"].get<double>(),
              kld["ppl_base"].get<double>() / kld["ppl"].get<double>() - 1.0, 1e-9);
  EXPECT_EQ(difference["ppl_change"]["noise"], true) << "three chunks tell nothing";
}

TEST_F(EvalAll, ABaseFileStandsInForTheModel) {
  const json with_model = json::parse(card({"--json"}));
  std::vector<std::string> args = text();
  args.insert(args.begin(), {"eval", "ppl", "-m", kModel, "--save-logits", file("logits")});
  run_command(add_eval, args);
  const json with_file =
      json::parse(all({"--base", file("logits"), "-m", small_, "--json"}, text()));
  ASSERT_EQ(with_file["models"].size(), 1u);
  EXPECT_NEAR(with_file["models"][0]["kld"].get<double>(),
              with_model["models"][1]["kld"].get<double>(), 1e-5);
  EXPECT_EQ(with_file["models"][0]["ppl"], with_model["models"][1]["ppl"]);
  EXPECT_THAT(with_file["base"]["description"].get<std::string>(), HasSubstr("logits"));
  const json without = json::parse(all({"-m", kModel, "-m", small_, "--json"}, text()));
  EXPECT_NEAR(without["models"][0]["ppl"].get<double>(),
              with_model["models"][0]["ppl"].get<double>(), 1e-6);
  EXPECT_NEAR(without["models"][1]["ppl"].get<double>(),
              with_model["models"][1]["ppl"].get<double>(), 1e-6);
  EXPECT_TRUE(without["models"][1]["kld"].is_null());
}

TEST_F(EvalAll, TablesHoldWhatWasMeasured) {
  const std::string all_of_it = card();
  for (const char* part :
       {"GB", "BPW", "μPPL", "ρPPL %", "μKLD", "RMS Δp %", "ARC", "HellaSwag", "WinoGrande",
        "tiny-llama-f16 (base)", "\nsmall ", "against small", "demo-evaluation.txt",
        "3 chunks of 64 tokens", "5 of 6 tasks, seed 1"}) {
    EXPECT_THAT(all_of_it, HasSubstr(part));
  }
  EXPECT_THAT(all_of_it, Not(HasSubstr("MMLU")));
  EXPECT_THAT(all_of_it, Not(HasSubstr("Avg")));
  const std::string tests_only = all({"-m", small_}, tests());
  EXPECT_THAT(tests_only, Not(HasSubstr("PPL")));
  EXPECT_THAT(tests_only, Not(HasSubstr("against"))) << "one model";
  EXPECT_THAT(card({"--md"}), HasSubstr("| model "));
  const std::string csv = card({"--csv"});
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3) << csv;
  EXPECT_THAT(csv, HasSubstr(",kld,kld_error,"));
  EXPECT_THAT(csv, testing::StartsWith("lathe.version,lathe.commit,lathe.build,schema,kind,"));
  for (const char* name : {",text.sha256,", ",tests.arc.sha256,", ",tests.arc.n_tasks,", ",seed,",
                           ",compat,", ",tier,", ",cache_type_k,", ",model.weights,"}) {
    EXPECT_THAT(csv, HasSubstr(name));
  }
}

TEST_F(EvalAll, EveryPairIsComparedWhenAsked) {
  const json pairs = json::parse(all(
      {"-m", kModel, "-m", small_, "-m", kModel, "--all-pairs", "--json"}, text()))["differences"];
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[1]["ppl_change"]["value"], 0.0) << "the same model twice";
  EXPECT_EQ(pairs[1]["name"], "tiny-llama-f16 (2)");
  EXPECT_EQ(pairs[2]["against"], "small");
}

std::vector<std::string> names_of(const std::vector<std::string>& paths) {
  std::vector<ModelInput> models;
  for (const std::string& path : paths) models.push_back({.path = path});
  name_models(models);
  std::vector<std::string> names;
  for (const ModelInput& model : models) names.push_back(model.name);
  return names;
}

TEST(ModelNames, TellModelsApart) {
  using testing::ElementsAre;
  EXPECT_THAT(names_of({"/m/a.gguf", "/m/b.gguf"}), ElementsAre("a", "b"));
  EXPECT_THAT(names_of({"/x/m/a.gguf", "/y/m/a.gguf", "/y/m/b.gguf"}),
              ElementsAre("x/m/a", "y/m/a", "b"));
  EXPECT_THAT(names_of({"/m/a.gguf", "/m/sub/../a.gguf"}), ElementsAre("a", "a (2)"));
  EXPECT_THAT(names_of({"/m/a.gguf", "/m/a"}), ElementsAre("m/a", "m/a (2)"));
}

TEST_F(EvalAll, TheReferenceIsFoundByAnyOfItsNames) {
  fs::create_directory(file("sub"));
  const std::string other = file("sub/small.gguf");
  fs::copy_file(kModel, other);
  const std::string indirect = file("sub") + "/../small.gguf";
  const json out =
      json::parse(all({"-m", other, "-m", small_, "--against", indirect, "--json"}, text()));
  EXPECT_EQ(out["models"][0]["name"], "sub/small");
  ASSERT_EQ(out["differences"].size(), 1u);
  EXPECT_EQ(out["differences"][0]["name"], "sub/small");
  EXPECT_EQ(out["differences"][0]["against"], out["models"][1]["name"]);
  std::vector<std::string> twice = {"eval", "all", "-m", kModel, "-m", kModel};
  for (const std::string& arg : text()) twice.push_back(arg);
  EXPECT_THAT(run_command(add_eval, twice).messages, HasSubstr("is given twice"));
}

TEST_F(EvalAll, ResumeTakesOverWhatIsDone) {
  const std::string whole = card({"--json"});
  EXPECT_THAT(message_of([&] { card({"--resume"}); }, ErrorKind::kUsage),
              HasSubstr("nothing to resume"));
  // A run that is interrupted after its text: what it leaves is what a complete part leaves.
  CardOptions options;
  options.base = kModel;
  options.models = {small_};
  options.eval.engine.n_ctx = 64;
  options.eval.engine.n_threads = 2;
  options.text.files = {kText};
  options.text.max_chunks = 3;
  options.test_files[1] = {file("hella.txt")};
  options.selection.n_tasks = 2;
  bool stop = false;
  CardCallbacks callbacks;
  callbacks.on_part_done = [&](const CardPart&, std::string_view) { stop = true; };
  callbacks.on_progress = [&](double, std::string_view) { return !stop; };
  message_of([&] { run_card(options, callbacks); }, ErrorKind::kFailed);
  const json resumed = json::parse(card({"--resume", "--json"})), want = json::parse(whole);
  EXPECT_EQ(resumed["models"], want["models"]);
  EXPECT_EQ(resumed["differences"], want["differences"]);
  EXPECT_THAT(message_of([&] { card({"--resume"}); }, ErrorKind::kUsage),
              HasSubstr("nothing to resume"))
      << "done";
}

TEST_F(EvalAll, RefusesWhatMakesNoSense) {
  const auto message = [&](std::vector<std::string> args) {
    return message_of([&] { all(args); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(message({"-m", kModel}), HasSubstr("nothing to measure"));
  EXPECT_THAT(message({"-m", small_, "--base", kModel, "--arc", file("arc.jsonl")}),
              HasSubstr("needs a text"));
  EXPECT_THAT(message({"-m", small_, "-m", kModel, "--against", "other.gguf", "-f", kText}),
              HasSubstr("not one of the models"));
  EXPECT_THAT(message({"-m", small_, "--against", small_, "-f", kText}),
              HasSubstr("several models"));
  EXPECT_THAT(message({"-m", small_, "--all-pairs", "-f", kText}), HasSubstr("several models"));
  EXPECT_THAT(message({"-m", small_, "-f", kText, "--compat"}), HasSubstr("--compat"));
  EXPECT_THAT(message({"-m", small_, "-f", kText, "--tasks", "5"}), HasSubstr("--tasks needs"));
  EXPECT_THAT(message({"-m", small_, "--arc", file("arc.jsonl"), "--chunks", "2"}),
              HasSubstr("--chunks needs"));
  EXPECT_THAT(message({"-m", small_, "--arc", file("arc.jsonl"), "-c", "64"}),
              HasSubstr("--ctx-size needs"));
  EXPECT_THROW(all({"-m", small_, "--against", small_, "--all-pairs", "-f", kText}),
               test::CommandLineError);
}

}  // namespace
}  // namespace lathe
