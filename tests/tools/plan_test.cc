// lathe plan, and quantize with the same options, through the commands' own options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quant/imatrix/imatrix.h"
#include "quant/plan/plan.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/command_run.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");  // 8 layers, tied
const std::string kOther = test::source_path("tests/data/tiny-olmo2-f16.gguf");

using Output = test::CommandOutput;

class PlanCommand : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return dir_.file(name); }
  bool exists(const std::string& name) const { return fs::exists(dir_.file(name)); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
    return file(name);
  }
  Output plan(std::vector<std::string> args) const {
    args.insert(args.begin(), "plan");
    return test::run_command(add_plan, std::move(args));
  }
  Output quantize(std::vector<std::string> args) const {
    args.insert(args.begin(), "quantize");
    return test::run_command(add_quantize, std::move(args));
  }
  json planned(std::vector<std::string> args) const {
    args.push_back("--json");
    return json::parse(plan(std::move(args)).text);
  }
  // The error of a command line that is refused.
  std::string refusal(std::vector<std::string> args, ErrorKind kind = ErrorKind::kUsage,
                      bool quantizing = false) const {
    try {
      quantizing ? quantize(std::move(args)) : plan(std::move(args));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    return "accepted";
  }
  std::string imatrix() const {
    Imatrix m;
    m.datasets = {"x"};
    m.chunk_count = 1;
    const GgufFile model = GgufFile::open(kModel);
    for (const TensorInfo& t : model.tensors()) {
      if (layer_of_tensor(t.name) < 0 || !is_quantizable(t)) continue;
      m.entries[t.name] = {t.cols(), std::vector<float>(t.cols(), 1.0f), {1.0f}};
    }
    write_imatrix(m, test::output(file("imatrix.gguf")));
    return file("imatrix.gguf");
  }
  TempDir dir_;
};

std::string type_in(const json& out, const std::string& name) {
  for (const json& t : out["plan"]["tensors"]) {
    if (t["name"] == name) return t["to"];
  }
  return "absent";
}

TEST_F(PlanCommand, PrintsWhatQuantizeDryRunPrints) {
  const std::vector<std::string> options = {"--tensor-type", "attn_v=q8_0", "--prune-layers",
                                            "2-3"};
  std::vector<std::string> a = {kModel, "--recipe", "Q4_K_M"}, b = {"--dry-run", kModel, "Q4_K_M"};
  a.insert(a.end(), options.begin(), options.end());
  b.insert(b.end(), options.begin(), options.end());
  const Output planned = plan(a);
  EXPECT_EQ(planned.exit_code, 0);
  EXPECT_EQ(planned.text, quantize(b).text);
  EXPECT_THAT(planned.text, AllOf(HasSubstr("tensor"), HasSubstr("becomes"), HasSubstr("reason"),
                                  HasSubstr("bits per weight"), HasSubstr("file: "),
                                  HasSubstr("without layers 2,3"),
                                  HasSubstr("--tensor-type attn_v=q8_0: 6 tensors, original layers "
                                            "0,1,4-7 (new 0-5)")));
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(PlanCommand, ALongTableIsCutInTheMiddle) {
  const std::string cut = plan({kModel, "Q4_K_M"}).text;
  EXPECT_THAT(cut, AllOf(HasSubstr("... 34 more (--full) ..."), HasSubstr("output_norm.weight"),
                         HasSubstr("blk.7.ffn_up.weight"), Not(HasSubstr("blk.4.attn_v.weight"))));
  EXPECT_THAT(plan({kModel, "Q4_K_M", "--full"}).text,
              AllOf(HasSubstr("blk.4.attn_v.weight"), Not(HasSubstr("--full"))));
}

TEST_F(PlanCommand, RulesInTheOrderOfTheCommandLine) {
  const std::string rules = write("rules", "attn_v=q8_0\nffn=q4_0");
  const auto attn_v = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {kModel, "Q4_K_M"});
    return type_in(planned(args), "blk.1.attn_v.weight");
  };
  EXPECT_EQ(attn_v({"--tensor-type", "attn=q5_0", "--tensor-type-file", rules}), "q5_0");
  EXPECT_EQ(attn_v({"--tensor-type-file", rules, "--tensor-type", "attn=q5_0"}), "q8_0");
  EXPECT_EQ(attn_v({"--tensor-type=attn=q5_0", "--tensor-type", "attn_v=q5_1"}), "q5_0");
}

TEST_F(PlanCommand, RulesDoNotSwallowTheArgumentsBehindThem) {
  EXPECT_EQ(plan({"--tensor-type", "attn_v=q8_0", kModel, "Q4_K_M"}).exit_code, 0);
  EXPECT_EQ(quantize({"--dry-run", "--tensor-type", "[0-9].attn_v=q8_0", "--override-kv",
                      "general.name=str:a,b", kModel, "Q4_K_M"})
                .exit_code,
            0);
}

TEST_F(PlanCommand, WarnsOfRulesWithoutEffect) {
  const Output out = plan({kModel, "Q4_K_M", "--tensor-type", "atn_v=q8_0", "--tensor-type",
                           "attn_v=q8_0", "--leave-output-tensor"});
  EXPECT_EQ(out.exit_code, 0);
  EXPECT_THAT(out.messages,
              AllOf(HasSubstr("warning: --tensor-type atn_v=q8_0: matched nothing"),
                    HasSubstr("--leave-output-tensor: matched nothing"), Not(HasSubstr("attn_v"))));
}

TEST_F(PlanCommand, JsonIsTheWholeAnswer) {
  const json out = planned({kModel, "Q4_K_M", "--tensor-type", "attn_v=q8_0"});
  EXPECT_EQ(out["kind"], "plan");
  EXPECT_EQ(out["schema"], 1);
  EXPECT_EQ(out["plan"]["lathe_plan"], 1);
  EXPECT_EQ(out["plan"]["tensors"].size(), 74u);
  EXPECT_EQ(out["rules"][0]["n_tensors"], 8);
  EXPECT_TRUE(out["problems"].empty());
  std::uint64_t n_bytes = 0;
  for (const json& type : out["types"]) n_bytes += type["bytes"].get<std::uint64_t>();
  EXPECT_EQ(n_bytes, out["bytes"].get<std::uint64_t>());
  EXPECT_NEAR(out["bits_per_weight"].get<double>(),
              8.0 * out["bytes"].get<double>() / out["n_elements"].get<double>(), 1e-12);
}

TEST_F(PlanCommand, PlanEditReplay) {
  EXPECT_EQ(plan({kModel, "Q4_K_M", "-o", file("plan.json")}).exit_code, 0);
  std::ifstream in(file("plan.json"));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const std::string line = "\"blk.1.ffn_up.weight\",\"shape\":[256,512],\"from\":\"f16\",\"to\":\"";
  const std::size_t at = text.find(line);
  ASSERT_NE(at, text.npos);
  text.replace(at + line.size(), 4, "Q8_0");
  const std::string edited = write("edited.json", text);
  const Output out = quantize({"--plan", edited, kModel, file("q.gguf"), "2"});
  EXPECT_EQ(out.exit_code, 0);
  EXPECT_EQ(out.messages, "");
  const json again = planned({kModel, "--plan", edited});
  const GgufFile written = GgufFile::open(file("q.gguf"));
  EXPECT_EQ(written.total_file_bytes(), again["file_bytes"].get<std::uint64_t>());
  EXPECT_EQ(written.require("blk.1.ffn_up.weight").format, Format::Q8_0);
  EXPECT_THAT(out.text, HasSubstr("Q4_K_M, edited: "));
  EXPECT_EQ(written.metadata().text("lathe.quantize.plan"), "edited.json");
  for (const TensorInfo& t : written.tensors()) {
    EXPECT_EQ(type_in(again, t.name), format_name(t.format)) << t.name;
  }
}

TEST_F(PlanCommand, APlanForAnotherModelIsABadFile) {
  plan({kModel, "Q4_K_M", "-o", file("plan.json")});
  EXPECT_THAT(
      refusal({"--plan", file("plan.json"), kOther, file("q.gguf")}, ErrorKind::kBadInput, true),
      HasSubstr("made for another model: the architecture is"));
  EXPECT_FALSE(exists("q.gguf"));
}

TEST_F(PlanCommand, OptionsThatAPlanHasAreRefusedByName) {
  plan({kModel, "Q4_K_M", "-o", file("plan.json")});
  const std::vector<std::vector<std::string>> options = {{"--recipe", "Q8_0"},
                                                         {"--tensor-type", "a=q8_0"},
                                                         {"--tensor-type-file", "x"},
                                                         {"--output-tensor-type", "q8_0"},
                                                         {"--pure"},
                                                         {"--token-embedding-type", "q8_0"},
                                                         {"--leave-output-tensor"},
                                                         {"--include-weights", "a"},
                                                         {"--override-kv", "a=int:1"},
                                                         {"--exclude-weights", "a"},
                                                         {"--prune-layers", "1"},
                                                         {"--tensor-type-after-prune"}};
  for (std::vector<std::string> option : options) {
    const std::string name = option[0];
    option.insert(option.end(), {"--plan", file("plan.json"), kModel, file("q.gguf")});
    EXPECT_THAT(refusal(option, ErrorKind::kUsage, true), HasSubstr(name));
  }
  EXPECT_THAT(refusal({"--plan", file("plan.json"), kModel, file("q.gguf"), "Q4_K_M"},
                      ErrorKind::kUsage, true),
              HasSubstr("leave out 'Q4_K_M'"));
  EXPECT_FALSE(exists("q.gguf"));
}

TEST_F(PlanCommand, RequestsThatMakeNoSense) {
  EXPECT_THAT(refusal({kModel}), HasSubstr("no recipe"));
  EXPECT_THAT(refusal({kModel, "Q99"}), HasSubstr("unknown recipe 'Q99'"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--recipe", "Q8_0"}), HasSubstr("two recipes"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--tensor-type", "attn_v"}), HasSubstr("PATTERN=TYPE"));
  EXPECT_THAT(
      refusal({kModel, "Q8_0", "--tensor-type-file", write("r", "\na=q9")}, ErrorKind::kBadInput),
      HasSubstr("r:2 a=q9"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--output-tensor-type", "q9"}),
              HasSubstr("--output-tensor-type: unknown tensor type 'q9'"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--prune-layers", "8"}), HasSubstr("there is no layer 8"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--prune-layers", "0-7"}), HasSubstr("all 8 layers"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--prune-layers", ""}), HasSubstr("no layer"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--tensor-type-after-prune"}), HasSubstr("--prune-layers"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--exclude-weights", "a"}), HasSubstr("--imatrix"));
  EXPECT_THAT(refusal({kModel, "Q8_0", "--override-kv", "a"}), HasSubstr("KEY=TYPE:VALUE"));
}

TEST_F(PlanCommand, TypesThatNeedImportanceAreRefusedBeforeAnyWork) {
  for (const char* recipe :
       {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S"}) {
    const Output out = plan({kModel, recipe, "-o", file("plan.json")});
    EXPECT_EQ(out.exit_code, 2) << recipe;
    EXPECT_THAT(
        out.messages,
        AllOf(HasSubstr("needs an importance matrix, and none is given (--imatrix); so do "),
              HasSubstr("plan.json was not written")))
        << recipe;
  }
  for (const char* recipe : {"IQ3_S", "IQ3_M", "IQ4_NL", "IQ4_XS", "Q2_K", "Q3_K_S"}) {
    EXPECT_THAT(plan({kModel, recipe}).messages, Not(HasSubstr("importance"))) << recipe;
  }
  EXPECT_FALSE(exists("plan.json"));
}

TEST_F(PlanCommand, TheImportanceMatrixChangesThePlanAndIsChecked) {
  EXPECT_EQ(type_in(planned({kModel, "IQ4_XS"}), "blk.0.ffn_down.weight"), "q5_K");
  const std::string file_name = imatrix();
  EXPECT_EQ(type_in(planned({kModel, "IQ4_XS", "--imatrix", file_name}), "blk.0.ffn_down.weight"),
            "iq4_xs");
  EXPECT_THAT(refusal({kOther, "Q4_K_M", "--imatrix", file_name}), HasSubstr("does not belong to"));
  // Of another model with the same names, but longer rows in ffn_down.
  const Output other = plan({kOther, "Q4_K_M", "--imatrix", file_name, "--allow-foreign-imatrix",
                             "-o", file("plan.json")});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.messages, HasSubstr("blk.0.ffn_down.weight: the importance matrix has 1 x 512 "
                                        "columns, the tensor 1 x 768"));
  Imatrix part = read_imatrix(file_name);
  part.entries.erase("blk.3.ffn_up.weight");
  write_imatrix(part, test::output(file("part.gguf")));
  EXPECT_THAT(plan({kModel, "Q4_K_M", "--imatrix", file("part.gguf")}).messages,
              AllOf(HasSubstr("lacks 1 of the 56"), HasSubstr("blk.3.ffn_up.weight")));
  const Output excluded =
      plan({kModel, "IQ3_XXS", "--imatrix", file_name, "--exclude-weights", "attn_k"});
  EXPECT_EQ(excluded.exit_code, 2);
  EXPECT_THAT(
      excluded.messages,
      HasSubstr(
          "blk.0.attn_k.weight: iq2_s needs an importance matrix, and its entry is excluded"));
}

}  // namespace
}  // namespace lathe
