// The folder of a checkpoint where a GGUF file is taken: the same weights give the same bits,
// whether they were converted before or not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/import/import_checkpoint.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/identity/fingerprint.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/command_run.h"
#include "tests/support/engine_run.h"
#include "tests/support/file_bytes.h"
#include "tests/support/model_variants.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::size_t kVocab = 300;

struct FolderCase {
  const char *name, *class_name;
  TinyModel model;
  CheckpointForm form = CheckpointForm::kHuggingFace;
  std::size_t n_shards = 1;
};

std::vector<FolderCase> folder_cases() {
  TinyModel llama;
  llama.n_vocab = kVocab;
  TinyModel bf16 = llama;
  bf16.format = Format::BF16;
  bf16.tied = true;
  TinyModel mistral3 = bf16;
  mistral3.architecture = "mistral3";
  TinyModel olmo = olmo2(2);
  olmo.n_vocab = kVocab;
  olmo.format = Format::BF16;
  return {{"llama", "LlamaForCausalLM", llama},
          {"llama_bf16_tied_sharded", "LlamaForCausalLM", bf16, CheckpointForm::kHuggingFace, 3},
          {"native", "", llama, CheckpointForm::kNative},
          {"mistral3", "Mistral3ForConditionalGeneration", mistral3},
          {"olmo2", "Olmo2ForCausalLM", olmo}};
}

class Folder : public testing::Test {
 protected:
  std::string out(const std::string& name) const { return dir_.file(name); }
  std::string converted(const std::string& folder) const {
    const std::string file = out("converted.gguf");
    fs::remove(file);
    EXPECT_EQ(
        run_command(add_convert, {"convert", folder, "-o", file, "--no-provenance"}).exit_code, 0);
    return file;
  }

  TempDir dir_;
};

void expect_same_bits(const std::string& folder, const std::string& file) {
  const CheckpointSource checkpoint = import_checkpoint(folder);
  const GgufFile gguf = GgufFile::open(file);
  const std::vector<int> tokens = some_tokens(40, kVocab);
  for (const std::string& tier : supported_tiers()) {
    for (const MatmulPath path : {MatmulPath::kPanel, MatmulPath::kMatvec}) {
      const RunOptions options{.tier = tier, .n_batch = 8, .path = path};
      EXPECT_EQ(run_model(checkpoint, tokens, options), run_model(gguf, tokens, options)) << tier;
    }
  }
  const ModelIdentity a = model_identity(checkpoint, {.cache_folder = {}});
  const ModelIdentity b = model_identity(gguf, {.cache_folder = {}});
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.weights, b.weights);
}

TEST_F(Folder, RunsWithTheBitsOfItsConvertedFile) {
  for (const FolderCase& c : folder_cases()) {
    SCOPED_TRACE(c.name);
    CheckpointBuilder builder(c.model, c.class_name, c.form);
    builder.n_shards = c.n_shards;
    builder.write(out(c.name));
    expect_same_bits(out(c.name), converted(out(c.name)));
  }
}

// Kept whole and given as the source has it, also after the source was moved.
TEST_F(Folder, MadeTensorsStayWhereTheyAre) {
  const FolderCase c = folder_cases()[1];
  CheckpointBuilder(c.model, c.class_name).write(out("a"));
  CheckpointSource first = import_checkpoint(out("a"));
  std::size_t n_made = 0;
  std::vector<std::span<const std::uint8_t>> all;
  for (const TensorInfo& t : first.tensors()) {
    all.push_back(first.data(t));
    n_made += !first.lies_in_file(t);
    std::vector<std::uint8_t> buffer(t.n_bytes);
    const auto rows = first.rows(t, 0, t.rows(), buffer);
    EXPECT_TRUE(std::ranges::equal(all.back(), rows)) << t.name;
  }
  // Queries, keys, and all vectors; of each layer, and the norm before the head.
  EXPECT_EQ(n_made, 4 * c.model.n_layer + 1);
  const CheckpointSource moved = std::move(first);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(moved.data(moved.tensors()[i]).data(), all[i].data());
  }
}

// A header of an odd number of bytes puts all data where no float32 may stand.
TEST_F(Folder, DataAtOddPlacesAreCopied) {
  const FolderCase c = folder_cases()[0];
  const CheckpointBuilder builder(c.model, c.class_name);
  SafetensorsBuilder tensors;
  for (const auto& t : builder.tensors()) tensors.add(t.name, t.dtype, t.shape, t.bytes);
  builder.write(out("a"));
  const std::string file = converted(out("a"));
  for (const std::size_t n_spaces : {0, 1, 2, 3}) {
    const std::string header = tensors.header.dump() + std::string(n_spaces, ' ');
    write_bytes(out("a") + "/model.safetensors", tensors.with_header(header));
    expect_same_bits(out("a"), file);
  }
}

// ---- every command that runs a model

class FolderCommands : public Folder {
 protected:
  FolderCommands() {
    TinyModel m;
    m.n_vocab = kVocab;
    m.n_layer = 3;
    m.n_embd = m.n_ff = 256;
    m.format = Format::BF16;
    folder_ = out("checkpoint");
    CheckpointBuilder(m, "LlamaForCausalLM").write(folder_);
    file_ = converted(folder_);
    std::string text;
    for (int i = 0; i < 300; ++i) text += "the old house no. " + std::to_string(i * i) + "\n";
    write_text(out("text.txt"), text);
  }

  static CommandOutput run(AddCommand add, std::vector<std::string> args) {
    const CommandOutput o = run_command(add, std::move(args));
    EXPECT_EQ(o.exit_code, 0) << o.messages;
    return o;
  }
  // What the command prints of the folder and of the converted file.
  void expect_same_text(AddCommand add, std::vector<std::string> args) const {
    std::vector<std::string> of_file = args;
    for (std::string& arg : of_file) {
      if (arg == "MODEL") arg = file_;
    }
    for (std::string& arg : args) {
      if (arg == "MODEL") arg = folder_;
    }
    const std::string text = run(add, args).text;
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text, run(add, of_file).text);
  }
  nlohmann::json json_of(AddCommand add, std::vector<std::string> args) const {
    return nlohmann::json::parse(run(add, std::move(args)).text);
  }
  // quantize's result with these options, of the folder and of the converted file.
  void expect_same_file(std::vector<std::string> options) const {
    std::vector<std::uint8_t> bytes[2];
    for (const bool is_folder : {true, false}) {
      std::vector<std::string> args = options;
      args.insert(args.begin(), "quantize");
      args.insert(args.end(), {"--no-provenance", is_folder ? folder_ : file_, out("q"), "Q4_K_M"});
      run(add_quantize, args);
      bytes[is_folder] = read_file_bytes(out("q"));
    }
    EXPECT_TRUE(bytes[0] == bytes[1]);
  }

  std::string folder_, file_;
};

TEST_F(FolderCommands, Run) {
  expect_same_text(add_run,
                   {"run", "-m", "MODEL", "-p", "the old", "-n", "12", "--temp", "0", "-c", "64"});
  expect_same_text(add_run, {"run", "-m", "MODEL", "--chat-template", "chatml", "-p", "the old",
                             "-n", "5", "--temp", "0", "-c", "64"});
}

TEST_F(FolderCommands, Evaluation) {
  const auto figures = [&](const std::string& model) {
    return json_of(add_eval, {"eval", "ppl", "-m", model, "-f", out("text.txt"), "-c", "64",
                              "--chunks", "3", "--json"});
  };
  EXPECT_EQ(figures(folder_)["ppl"], figures(file_)["ppl"]);
  // A divergence of nothing: the base is the folder, the other the file.
  const auto kld = json_of(add_eval, {"eval", "kld", "--base", folder_, "-m", file_, "-f",
                                      out("text.txt"), "-c", "64", "--chunks", "3", "--json"});
  EXPECT_NEAR(kld["kld"].get<double>(), 0.0, 1e-9) << kld;
}

TEST_F(FolderCommands, ImportanceAndQuantizing) {
  const auto imatrix = [&](const std::string& model, const std::string& name) {
    run(add_imatrix, {"imatrix", "-m", model, "-f", out("text.txt"), "-c", "64", "--chunks", "3",
                      "-o", out(name)});
    return out(name);
  };
  const std::string a = imatrix(folder_, "a.gguf"), b = imatrix(file_, "b.gguf");
  const GgufFile of_folder = GgufFile::open(a), of_file = GgufFile::open(b);
  for (const TensorInfo& t : of_file.tensors()) {
    EXPECT_TRUE(std::ranges::equal(of_folder.data(of_folder.require(t.name)), of_file.data(t)))
        << t.name;
  }
  // It is the same model: no warning, whichever it was made of and is used for.
  for (const std::string& model : {folder_, file_}) {
    const CommandOutput o =
        run(add_quantize, {"quantize", "--imatrix", a, model, out("q.gguf"), "Q4_K_M"});
    EXPECT_THAT(o.messages, testing::Not(HasSubstr("warning: " + a)));
    fs::remove(out("q.gguf"));
  }
  expect_same_file({"--imatrix", a});
}

TEST_F(FolderCommands, Calibrating) {
  expect_same_file({"--calibrate", out("text.txt"), "--calibrate-tokens", "512",
                    "--calibrate-context", "64", "--sweeps", "0"});
}

TEST_F(FolderCommands, Healing) {
  expect_same_file({"--prune-layers", "1", "--heal", out("text.txt"), "--heal-chunks", "16",
                    "--heal-context", "64"});
}

// A folder lists its tensors in an order of its own.
nlohmann::json by_name(nlohmann::json list) {
  if (!list.is_array()) return list;
  std::sort(list.begin(), list.end(), [](const nlohmann::json& a, const nlohmann::json& b) {
    return a.value("name", "") < b.value("name", "");
  });
  return list;
}

TEST_F(FolderCommands, Inspect) {
  const auto of = [&](const std::string& model) {
    return json_of(add_inspect, {"inspect", model, "--json", "--full"});
  };
  const nlohmann::json a = of(folder_), b = of(file_);
  for (const char* key : {"metadata", "n_elements", "tensor_bytes", "by_layer"}) {
    EXPECT_EQ(a[key], b[key]) << key;
  }
  EXPECT_EQ(by_name(a["by_role"]), by_name(b["by_role"]));
  EXPECT_TRUE(a["gguf_version"].is_null());
  EXPECT_THAT(run(add_inspect, {"inspect", folder_}).text, HasSubstr("checkpoint"));
}

TEST_F(FolderCommands, MeasureStatsAndBench) {
  const auto costs = [&](const std::string& model) {
    run(add_measure, {"measure", model, "--calibrate", out("text.txt"), "-c", "64", "--tokens",
                      "256", "--types", "q4_0", "-o", out("costs.json")});
    nlohmann::json json = nlohmann::json::parse(read_file_bytes(out("costs.json")));
    fs::remove(out("costs.json"));
    return by_name(json["tensors"]);
  };
  EXPECT_EQ(costs(folder_), costs(file_));
  const auto stats = [&](const std::string& model) {
    return json_of(add_stats, {"stats", "-m", model, "--json"})["layers"];
  };
  EXPECT_EQ(stats(folder_), stats(file_));
  const auto rows =
      json_of(add_bench, {"bench", "-m", folder_, "-p", "8", "-n", "1", "-r", "1", "-o", "json"});
  EXPECT_EQ(rows.size(), 2U) << rows;
}

TEST_F(FolderCommands, AFolderWithoutAModelIsRefusedByName) {
  fs::create_directory(out("empty"));
  for (const AddCommand add : {add_run, add_inspect}) {
    const char* name = add == add_run ? "run" : "inspect";
    try {
      run_command(add, {name, "-m", out("empty")});
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_THAT(error.what(), HasSubstr("no checkpoint: expected config.json"));
    }
  }
}

// ---- the packaged models

TEST(FolderShared, TheTrainedModelsRunWithTheBitsOfTheirFiles) {
  for (const char* name : {"tiny-llama", "tiny-olmo2"}) {
    const std::string folder = source_path(std::string("../shared/models/") + name);
    if (!fs::exists(folder)) GTEST_SKIP() << "shared models are absent";
    const TempDir dir;
    const std::string made = dir.file("a.gguf");
    EXPECT_EQ(run_command(add_convert, {"convert", folder, "-o", made}).exit_code, 0);
    const std::vector<int> tokens = some_tokens(30, 4096);
    const Rows rows = run_model(import_checkpoint(folder), tokens, {});
    EXPECT_EQ(rows, run_model(GgufFile::open(made), tokens, {}));
  }
}

}  // namespace
}  // namespace lathe::test
