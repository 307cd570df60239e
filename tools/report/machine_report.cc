#include "tools/report/machine_report.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "kernels/tiers.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

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

Json limits_json(const std::vector<MachineLimits>& all) {
  Json out = Json::array();
  for (const MachineLimits& l : all) {
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

std::string cache_size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = 1 << 20;
  return bytes >= kMebi && bytes % kMebi == 0 ? fmt::format("{} MiB", bytes / kMebi)
                                              : fmt::format("{} KiB", bytes / 1024);
}

std::string caches_text(const Topology& t) {
  std::string out;
  for (const CacheInfo& cache : t.caches) {
    out += fmt::format("{}{} {} x {}", out.empty() ? "" : ", ", cache.name, cache.count,
                       cache_size_text(cache.bytes));
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

std::string topology_text(const Machine& machine) {
  const Topology& t = machine.topology;
  std::string cores = plural(t.cores.size(), "core") + ", " +
                      plural(static_cast<std::size_t>(t.n_cpus()), "hardware thread") + ", " +
                      plural(static_cast<std::size_t>(t.n_packages), "socket") + ", " +
                      plural(t.nodes.size(), "NUMA node");
  if (t.n_kinds() > 1) cores += fmt::format(", {} kinds of core", t.n_kinds());
  if (t.cpu_quota > 0) cores += fmt::format(", cgroup grants {:.1f} CPUs", t.cpu_quota);
  return fmt::format("cpu      {}\ncores    {}\ncaches   {}\ntiers    {}\nthreads  {}\n\n",
                     t.cpu_model, cores, caches_text(t), tiers_text(machine.kernels),
                     machine.n_threads);
}

std::string formats_text(const KernelTable& kernels) {
  TextTable table({"format", "bits/weight", "one token", "many tokens"});
  for (std::size_t i = 0; i < kFormatCount; ++i) {
    table.add_row({std::string(kFormatInfo[i].name),
                   fmt::format("{:.4g}", kFormatInfo[i].bits_per_weight()),
                   kernels.matmul[i].matvec_name, kernels.matmul[i].panel_name});
  }
  return table.aligned() + "\n";
}

}  // namespace

std::string machine_text(const Machine& machine) {
  return topology_text(machine) + formats_text(machine.kernels);
}

std::string limits_text(const std::vector<MachineLimits>& limits) {
  std::vector<std::string> header = {"limit"};
  for (const MachineLimits& l : limits) {
    header.push_back(plural(static_cast<std::size_t>(l.n_threads), "thread"));
  }
  TextTable table(header);
  const auto add = [&](const char* name, const char* unit, auto rate_of) {
    std::vector<std::string> row = {name};
    for (const MachineLimits& l : limits) {
      const double rate = rate_of(l);
      row.push_back(rate > 0 ? fmt::format("{:.1f} {}", rate / 1e9, unit) : "-");
    }
    table.add_row(row);
  };
  add("memory read", "GB/s", [](const MachineLimits& l) { return l.read; });
  add("int8 dot", "GMAC/s", [](const MachineLimits& l) { return l.peaks.int8; });
  add("float FMA", "GMAC/s", [](const MachineLimits& l) { return l.peaks.fma; });
  add("bfloat16 dot", "GMAC/s", [](const MachineLimits& l) { return l.peaks.bf16; });
  return table.aligned();
}

Json machine_json(const Machine& machine, const std::vector<MachineLimits>& limits) {
  Json out = result_document("cpu");
  out["cpu"] = topology_json(machine.topology);
  out["n_threads"] = machine.n_threads;
  out["tiers"] = tiers_json(machine.kernels);
  out["formats"] = formats_json(machine.kernels);
  out["limits"] = limits_json(limits);
  return out;
}

}  // namespace lathe
