#include "tools/cli/foreign_names.h"

#include <algorithm>
#include <array>

namespace lathe {
namespace {

constexpr std::string_view kCpu = "lathe runs on the CPU";
constexpr std::string_view kMapped = "models are always read from the mapped file";
constexpr std::string_view kAttention = "attention always works in pieces, as flash attention does";
constexpr std::string_view kOneCache = "there is one KV cache for all sequences";
constexpr std::string_view kNuma = "pages and threads are placed by node on their own";
constexpr std::string_view kThreads = "prompts and generation use the same threads (-t)";
constexpr std::string_view kPool = "the thread pool has no such setting";
constexpr std::string_view kRepack = "weights are never repacked";
constexpr std::string_view kText =
    "lathe run answers once or goes on with a text: use `lathe chat`";
constexpr std::string_view kPlain = "lathe prints plain text and no logs";
constexpr std::string_view kNoWarmUp = "only lathe bench has a run to warm up";
constexpr std::string_view kShift = "a full context ends the text";
constexpr std::string_view kOneDraft = "a draft has the context and the cache of its model";
constexpr std::string_view kDownload = "lathe downloads nothing: give a GGUF file with -m";
constexpr std::string_view kSystemFile = "use --system TEXT";
constexpr std::string_view kNoAdapter = "adapters are not in lathe";
constexpr std::string_view kGrammar = "`lathe run` and `lathe chat` take a grammar";
constexpr std::string_view kUseKld = "use `lathe eval kld --base BASE -m MODEL -f TEXT`";
constexpr std::string_view kUseTasks = "use `lathe eval tasks` (see lathe eval tasks --help)";

constexpr auto kNone = ForeignValue::kNone;
constexpr auto kSwitch = ForeignValue::kSwitch;
constexpr auto kOne = ForeignValue::kOne;

constexpr ForeignOption kOptions[] = {
    {"-ngl --gpu-layers --n-gpu-layers", kOne, true, kCpu},
    {"-sm --split-mode", kOne, true, kCpu},
    {"-ts --tensor-split", kOne, true, kCpu},
    {"-mg --main-gpu", kOne, true, kCpu},
    {"-dev --device", kOne, true, kCpu},
    {"-ot --override-tensor", kOne, true, kCpu},
    {"-cmoe --cpu-moe", kNone, true, kCpu},
    {"-ncmoe --n-cpu-moe", kOne, true, kCpu},
    {"-nkvo --no-kv-offload", kSwitch, true, kCpu},
    {"-kvo --kv-offload", kNone, true, kCpu},
    {"-nopo --no-op-offload --op-offload", kSwitch, true, kCpu},
    {"-fit --fit", kSwitch, true, kCpu},
    {"-fa --flash-attn", kSwitch, true, kAttention},
    {"-kvu --kv-unified --no-kv-unified", kNone, true, kOneCache},
    {"--swa-full", kNone, true, kOneCache},
    {"-dt --defrag-thold", kOne, true, kOneCache},
    {"-cb --cont-batching -nocb --no-cont-batching", kNone, true, kOneCache},
    {"-mmp --mmap --no-mmap", kSwitch, true, kMapped},
    {"--mlock --direct-io -dio --no-direct-io -ndio", kSwitch, true, kMapped},
    {"--no-host --check-tensors", kSwitch, true, kMapped},
    {"-nr --no-repack --repack", kNone, true, kRepack},
    {"--numa", kOne, true, kNuma},
    {"-tb --threads-batch -td --threads-draft -tbd --threads-batch-draft", kOne, true, kThreads},
    {"-ngld --gpu-layers-draft --n-gpu-layers-draft -devd --device-draft", kOne, true, kCpu},
    {"-cd --ctx-size-draft -ctkd --cache-type-k-draft -ctvd --cache-type-v-draft", kOne, true,
     kOneDraft},
    {"-C --cpu-mask -Cb --cpu-mask-batch -Cr --cpu-range -Crb --cpu-range-batch", kOne, true,
     kPool},
    {"--cpu-strict --cpu-strict-batch --prio --prio-batch --poll --poll-batch --delay", kOne, true,
     kPool},
    {"-cnv --conversation -no-cnv --no-conversation -st --single-turn --jinja --no-jinja", kNone,
     true, kText},
    {"--simple-io --color -co --log-disable --log-prefix --log-timestamps --no-perf --perf "
     "--no-escape --show-timings --no-show-timings",
     kSwitch, true, kPlain},
    {"-lv --verbosity --log-verbosity --log-file", kOne, true, kPlain},
    {"--warmup --no-warmup", kNone, true, kNoWarmUp},
    {"--context-shift --no-context-shift", kNone, true, kShift},
    {"-hf -hfr --hf-repo -hff --hf-file -hft --hf-token -mu --model-url -dr --docker-repo", kOne,
     false, kDownload},
    {"-sysf --system-prompt-file", kOne, false, kSystemFile},
    {"-i --interactive -if --interactive-first -mli --multiline-input", kNone, false, kText},
    {"-r --reverse-prompt", kOne, false, "use --stop TEXT"},
    {"--lora --lora-scaled --control-vector --control-vector-scaled", kOne, false, kNoAdapter},
    {"--grammar --grammar-file -j --json-schema -jf --json-schema-file", kOne, false, kGrammar},
    {"--kl-divergence", kNone, false, kUseKld},
    {"--kl-divergence-base --save-all-logits", kOne, false, kUseKld},
    {"--hellaswag --winogrande --multiple-choice", kNone, false, kUseTasks},
    {"--hellaswag-tasks --winogrande-tasks --multiple-choice-tasks", kOne, false, kUseTasks},
};

struct ForeignCommand {
  std::string_view names;  // separated by a space
  std::string_view answer;
};

constexpr ForeignCommand kForeignCommands[] = {
    {"perplexity llama-perplexity ppl", "use `lathe eval ppl`"},
    {"kl-divergence kl kld divergence", "use `lathe eval kld`"},
    {"tasks hellaswag winogrande mmlu arc truthfulqa multiple-choice", "use `lathe eval tasks`"},
    {"quantise quantization quantisation llama-quantize llama-quantise convert-type",
     "use `lathe quantize`"},
    {"llama-imatrix importance importance-matrix", "use `lathe imatrix`"},
    {"llama-bench benchmark llama-batched-bench speed", "use `lathe bench`"},
    {"completion llama-completion main generate simple llama-simple", "use `lathe run`"},
    {"cli llama-cli conversation talk", "use `lathe chat`, or `lathe run` for one text"},
    {"llama-tokenize tokens", "use `lathe tokenize`"},
    {"gguf-dump gguf_dump dump show info metadata", "use `lathe inspect`"},
    {"gguf-split llama-gguf-split split merge",
     "use `lathe quantize IN OUT COPY`, with --split-max-size to split"},
    {"prune", "use `lathe stats --blocks` to choose layers, `lathe quantize --prune-layers`"},
    {"statistics show-statistics", "use `lathe stats`"},
    {"serve server llama-server", "a server is not in lathe yet; `lathe chat` talks with a model"},
    {"convert-hf convert_hf_to_gguf convert_hf_to_gguf.py", "use `lathe convert`"},
    {"export-lora llama-export-lora lora", "adapters are not in lathe"},
    {"pull download", kDownload},
    {"version", "use `lathe --version`"},
    {"help", "use `lathe --help`, or `lathe COMMAND --help`"},
};

bool is_word_of(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

}  // namespace

const ForeignOption* find_foreign_option(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kOptions), std::end(kOptions),
                   [&](const ForeignOption& o) { return is_word_of(o.names, name); });
  return found == std::end(kOptions) ? nullptr : &*found;
}

std::string_view answer_to_foreign_command(std::string_view name) {
  for (const ForeignCommand& command : kForeignCommands) {
    if (is_word_of(command.names, name)) return command.answer;
  }
  return {};
}

bool is_switch_value(std::string_view text) {
  constexpr std::array<std::string_view, 7> kValues = {"on", "off",  "auto", "0",
                                                       "1",  "true", "false"};
  return std::find(kValues.begin(), kValues.end(), text) != kValues.end();
}

}  // namespace lathe
