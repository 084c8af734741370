// Annotator: turns a picture into a control map (edges, depth, pose …). Opened by name in the
// template's constructor, used in its runs.
#pragma once

#include <dream/abi/annotator.h>

#include <dream/host.hpp>
#include <dream/image.hpp>
#include <dream/json_writer.hpp>
#include <dream/run.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dream {

// Options of an annotator: Settings().set("low_threshold", 100).set("high_threshold", 200).
// Which there are, of which type, is the annotator's to say; it refuses what it does not know.
class Settings {
 public:
  Settings() { json_.begin_object(); }

  // A text, number, bool, or a std::vector of them. Each name once.
  template <class T>
  Settings& set(std::string_view name, const T& value) & {
    json_.member(name, value);
    return *this;
  }
  template <class T>
  Settings&& set(std::string_view name, const T& value) && {
    return std::move(set(name, value));
  }

  std::string json() const { return JsonWriter(json_).end_object().text(); }

 private:
  JsonWriter json_;
};

class Annotator {
 public:
  // Opens one of names(). Throws Unsupported, which names those that exist, for another, and if
  // this host has no annotators at all.
  Annotator(Setup& setup, std::string_view name) : api_(Host(setup).handle(), DREAM_ANNOTATOR_1) {
    detail::check(api_.host(), api_.get(&dream_annotator_1::open, "open")(
                                   setup.handle(), detail::view(name), &handle_));
  }
  ~Annotator() {
    const auto close = api_.find(&dream_annotator_1::close);
    if (close != nullptr && handle_ != nullptr) close(handle_);
  }
  Annotator(const Annotator&) = delete;
  Annotator& operator=(const Annotator&) = delete;

  // The annotators this host knows; none if it has no such interface. Any thread.
  static std::vector<std::string> names(Host host) {
    const detail::Interface<dream_annotator_1> api(host.handle(), DREAM_ANNOTATOR_1);
    const auto names = api.find(&dream_annotator_1::names);
    return names == nullptr ? std::vector<std::string>() : detail::copy_names(names(host.handle()));
  }

  // The control map: 3 channels, same size as `image`. Throws InvalidInput for an unknown or bad
  // option, Canceled, or Error. Any thread.
  Image annotate(Run& run, const Image& image, const Settings& settings = {}) {
    const std::string json = settings.json();
    dream_image* map = nullptr;
    detail::check(api_.host(), api_.get(&dream_annotator_1::annotate, "annotate")(
                                   handle_, detail::RunAccess::handle(run), image.handle(),
                                   detail::view(std::string_view(json)), &map));
    return Image(Host(api_.host()), map);
  }

 private:
  detail::Interface<dream_annotator_1> api_;
  dream_annotator* handle_ = nullptr;
};

}  // namespace dream
