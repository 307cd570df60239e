// lathe cpu: what this machine is, which kernels serve which format on it, and how fast it can be.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/tiers.h"
#include "runtime/machine/placement.h"
#include "runtime/machine/probes.h"
#include "tools/commands/commands.h"
#include "tools/jobs/engine.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

struct CpuOptions {
  int n_threads = 0;
  bool json = false;
};

struct Limits {
  int n_threads = 1;
  double read = 0;  // bytes per second
  PeakRates peaks;
};

Limits measure(const Topology& topology, const KernelTable& kernels, int n_threads) {
  constexpr double kSeconds = 0.25;
  ThreadPool pool({.n_threads = n_threads, .topology = &topology});
  Limits limits;
  limits.n_threads = pool.size();
  limits.peaks = measure_peaks(pool, kernels, kSeconds);
  limits.read = BandwidthProbe(pool, kernels, dram_probe_bytes(topology)).measure(2 * kSeconds);
  return limits;
}

std::vector<Limits> measure_all(const Topology& topology, const KernelTable& kernels,
                                int n_threads) {
  std::vector<Limits> all = {measure(topology, kernels, 1)};
  if (n_threads > 1) all.push_back(measure(topology, kernels, n_threads));
  return all;
}

// ---- JSON

Json topology_json(const Topology& t) {
  Json out = {{"model", t.cpu_model},         {"sockets", t.n_packages},
              {"cores", t.cores.size()},      {"hardware_threads", t.n_cpus()},
              {"kinds_of_core", t.n_kinds()}, {"numa_nodes", t.nodes.size()}};
  out["cgroup_cpus"] = t.cpu_quota > 0 ? Json(t.cpu_quota) : Json(nullptr);
  out["caches"] = Json::array();
  for (const CacheInfo& cache : t.caches) {
    out["caches"].push_back({{"name", cache.name}, {"bytes", cache.bytes}, {"count", cache.count}});
  }
  return out;
}

Json tiers_json(const KernelTable& kernels) {
  Json available = Json::array();
  for (std::size_t i = 0; i < tier_count(); ++i) {
    if (tier(i).supported()) available.push_back(tier(i).name);
  }
  return {{"available", available}, {"active", kernels.tier}};
}

Json formats_json(const KernelTable& kernels) {
  Json out = Json::array();
  for (std::size_t i = 0; i < kFormatCount; ++i) {
    out.push_back({{"format", kFormatInfo[i].name},
                   {"bits_per_weight", kFormatInfo[i].bits_per_weight()},
                   {"one_token", kernels.matmul[i].matvec_name},
                   {"many_tokens", kernels.matmul[i].panel_name}});
  }
  return out;
}

Json limits_json(const std::vector<Limits>& all) {
  Json out = Json::array();
  for (const Limits& l : all) {
    const auto rate = [](double per_second) {
      return per_second > 0 ? Json(per_second / 1e9) : Json(nullptr);
    };
    out.push_back({{"n_threads", l.n_threads},
                   {"read_gb_per_s", rate(l.read)},
                   {"int8_gmac_per_s", rate(l.peaks.int8)},
                   {"fma_gmac_per_s", rate(l.peaks.fma)},
                   {"bf16_gmac_per_s", rate(l.peaks.bf16)}});
  }
  return out;
}

// ---- text

std::string plural(std::size_t n, const char* one) {
  return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s");
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = 1 << 20;
  return bytes >= kMebi && bytes % kMebi == 0 ? fmt::format("{} MiB", bytes / kMebi)
                                              : fmt::format("{} KiB", bytes / 1024);
}

std::string caches_text(const Topology& t) {
  std::string out;
  for (const CacheInfo& cache : t.caches) {
    out += fmt::format("{}{} {} x {}", out.empty() ? "" : ", ", cache.name, cache.count,
                       size_text(cache.bytes));
  }
  return out.empty() ? "unknown" : out;
}

std::string tiers_text(const KernelTable& kernels) {
  std::string out;
  for (std::size_t i = 0; i < tier_count(); ++i) {
    if (!tier(i).supported()) continue;
    const bool active = tier(i).name == kernels.tier;
    out += fmt::format("{}{}{}", out.empty() ? "" : " ", tier(i).name, active ? " (active)" : "");
  }
  return out;
}

void print_topology(const Topology& t, const KernelTable& kernels, int n_threads) {
  std::string cores = plural(t.cores.size(), "core") + ", " +
                      plural(static_cast<std::size_t>(t.n_cpus()), "hardware thread") + ", " +
                      plural(static_cast<std::size_t>(t.n_packages), "socket") + ", " +
                      plural(t.nodes.size(), "NUMA node");
  if (t.n_kinds() > 1) cores += fmt::format(", {} kinds of core", t.n_kinds());
  if (t.cpu_quota > 0) cores += fmt::format(", cgroup grants {:.1f} CPUs", t.cpu_quota);
  fmt::print("cpu      {}\n", t.cpu_model);
  fmt::print("cores    {}\n", cores);
  fmt::print("caches   {}\n", caches_text(t));
  fmt::print("tiers    {}\n", tiers_text(kernels));
  fmt::print("threads  {}\n\n", n_threads);
}

void print_formats(const KernelTable& kernels) {
  TextTable table({"format", "bits/weight", "one token", "many tokens"});
  for (std::size_t i = 0; i < kFormatCount; ++i) {
    table.add_row({std::string(kFormatInfo[i].name),
                   fmt::format("{:.4g}", kFormatInfo[i].bits_per_weight()),
                   kernels.matmul[i].matvec_name, kernels.matmul[i].panel_name});
  }
  fmt::print("{}\n", table.aligned());
}

void print_limits(const std::vector<Limits>& all) {
  std::vector<std::string> header = {"limit"};
  for (const Limits& l : all) {
    header.push_back(plural(static_cast<std::size_t>(l.n_threads), "thread"));
  }
  TextTable table(header);
  const auto add = [&](const char* name, const char* unit, auto rate_of) {
    std::vector<std::string> row = {name};
    for (const Limits& l : all) {
      const double rate = rate_of(l);
      row.push_back(rate > 0 ? fmt::format("{:.1f} {}", rate / 1e9, unit) : "-");
    }
    table.add_row(row);
  };
  add("memory read", "GB/s", [](const Limits& l) { return l.read; });
  add("int8 dot", "GMAC/s", [](const Limits& l) { return l.peaks.int8; });
  add("float FMA", "GMAC/s", [](const Limits& l) { return l.peaks.fma; });
  add("bfloat16 dot", "GMAC/s", [](const Limits& l) { return l.peaks.bf16; });
  fmt::print("{}", table.aligned());
}

void run_cpu(const CpuOptions& options, const ToolContext& context) {
  const KernelTable kernels = kernels_of(context.isa);
  const Topology topology = read_topology();
  const int n_threads = options.n_threads > 0 ? options.n_threads : default_thread_count(topology);
  if (options.json) {
    const Json out = {{"cpu", topology_json(topology)},
                      {"n_threads", n_threads},
                      {"tiers", tiers_json(kernels)},
                      {"formats", formats_json(kernels)},
                      {"limits", limits_json(measure_all(topology, kernels, n_threads))}};
    fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
    return;
  }
  print_topology(topology, kernels, n_threads);
  print_formats(kernels);
  std::fflush(stdout);  // the measurements take a moment
  print_limits(measure_all(topology, kernels, n_threads));
}

}  // namespace

void add_cpu(CLI::App& root, ToolContext& context) {
  const auto options = std::make_shared<CpuOptions>();
  CLI::App* command = root.add_subcommand(
      "cpu", "Show the machine, which kernels serve which format, and its measured limits");
  command->add_option("-t,--threads", options->n_threads, "Threads (default: one per core)")
      ->check(CLI::Range(1, 4096));
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &context] { run_cpu(*options, context); });
}

}  // namespace lathe
