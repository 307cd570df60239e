// What work has to say to a person while it goes on. The library and the jobs never print: whoever
// calls them decides where it goes, if anywhere.
#pragma once

#include <functional>
#include <string_view>

namespace lathe {

struct Notes {
  std::function<void(std::string_view)> on_info{};     // "going on after 12 chunks"
  std::function<void(std::string_view)> on_warning{};  // the result may not be what was meant

  void say(std::string_view text) const {
    if (on_info) on_info(text);
  }
  void warn(std::string_view text) const {
    if (on_warning) on_warning(text);
  }
};

}  // namespace lathe
