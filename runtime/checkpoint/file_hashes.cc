#include "runtime/checkpoint/file_hashes.h"

#include <algorithm>
#include <cstdint>

#include "runtime/base/digest.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{16} << 20;

}  // namespace

std::vector<std::string> sha256_of_files(std::span<const MappedFile> files, ThreadPool& pool,
                                         const std::function<bool(double)>& progress) {
  std::vector<Sha256> digests(files.size());
  std::vector<std::size_t> done(files.size(), 0);
  std::uint64_t total = 0, n_done = 0;
  for (const MappedFile& file : files) total += file.bytes().size();
  while (n_done < total) {
    std::vector<std::size_t> active;  // the first that are not finished, one for each thread
    for (std::size_t f = 0; f < files.size(); ++f) {
      const bool more = done[f] < files[f].bytes().size();
      if (more && active.size() < static_cast<std::size_t>(pool.size())) active.push_back(f);
    }
    pool.for_each(active.size(), [&](std::size_t i, int) noexcept {
      const std::size_t f = active[i];
      const auto rest = files[f].bytes().subspan(done[f]);
      const auto piece = rest.first(std::min(kPieceBytes, rest.size()));
      digests[f].update(piece);
      files[f].advise_dont_need(done[f], piece.size());
      done[f] += piece.size();
    });
    n_done = 0;
    for (const std::size_t bytes : done) n_done += bytes;
    if (progress && !progress(static_cast<double>(n_done) / static_cast<double>(total))) {
      throw failed(files.front().path() + ": stopped");
    }
  }
  std::vector<std::string> out;
  for (Sha256& digest : digests) out.push_back(digest.hex());
  return out;
}

}  // namespace lathe
