// A main for fuzz targets where there is no libFuzzer: runs the target over the files and folders
// given, and over damaged copies of each.
//
//   fuzz_NAME [--damaged=N] PATH...
//
// N copies of each file with a few bytes changed, or cut short; which ones depends on the file's
// bytes only, so a crash comes back in every run.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;
namespace fs = std::filesystem;

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A copy of its own, exactly as long as the input: a sanitizer then sees every step beyond the end.
void run_one(const Bytes& bytes) {
  const Bytes copy(bytes);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

Bytes damaged(const Bytes& whole, std::mt19937& random) {
  static constexpr std::uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  Bytes out = whole;
  if (random() % 4 == 0) out.resize(random() % (out.size() + 1));
  for (unsigned left = 1 + random() % 6; left > 0 && !out.empty(); --left) {
    std::uint8_t& byte = out[random() % out.size()];
    byte = random() % 2 == 0 ? kEdges[random() % std::size(kEdges)]
                             : static_cast<std::uint8_t>(byte ^ (1U << (random() % 8)));
  }
  return out;
}

void run_file(const fs::path& path, int n_damaged) {
  const Bytes whole = read_file(path);
  run_one(whole);
  const std::string_view text(reinterpret_cast<const char*>(whole.data()), whole.size());
  std::mt19937 random(static_cast<std::uint32_t>(std::hash<std::string_view>{}(text)));
  for (int i = 0; i < n_damaged; ++i) run_one(damaged(whole, random));
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr std::string_view kOption = "--damaged=";
  int n_damaged = 0;
  int n_files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg.starts_with(kOption)) {
      n_damaged = std::atoi(argv[i] + kOption.size());
    } else if (fs::is_directory(arg)) {
      for (const fs::directory_entry& entry : fs::directory_iterator(arg)) {
        run_file(entry.path(), n_damaged);
        ++n_files;
      }
    } else {
      run_file(arg, n_damaged);
      ++n_files;
    }
  }
  std::printf("%d files, %d damaged copies of each\n", n_files, n_damaged);
  return n_files > 0 ? 0 : 1;
}
