// The fake dream.annotator/1: "canny", which marks pixels whose right or lower neighbour differs in
// brightness by low_threshold or more. Takes the options low_threshold and high_threshold.
#pragma once

#include <dream/abi/annotator.h>

#include <cstdlib>
#include <dream/testing/fake_engine.hpp>
#include <dream/testing/fake_image.hpp>
#include <map>
#include <string>

struct dream_annotator {
  dream::testing::HostState* host;
};

namespace dream::testing {

struct AnnotatorFunctions {
  static const char* const* names(const dream_host*) {
    static constexpr const char* all[] = {"canny", nullptr};
    return all;
  }

  static dream_status* open(dream_setup* setup, dream_str name, dream_annotator** annotator) {
    return guarded(*setup->host, [&] {
      if (dream::detail::view(name) != "canny") {
        throw Unsupported("there is no annotator \"" + std::string(dream::detail::view(name)) +
                          "\"; this host has canny");
      }
      *annotator = new dream_annotator{setup->host};
      ++setup->host->annotators_open;
    });
  }

  static void close(dream_annotator* annotator) {
    if (annotator == nullptr) return;
    --annotator->host->annotators_open;
    delete annotator;
  }

  static dream_status* annotate(dream_annotator* annotator, dream_run*, const dream_image* image,
                                dream_str settings, dream_image** map) {
    return guarded(*annotator->host, [&] {
      const auto options = read_settings(std::string(dream::detail::view(settings)));
      dream_image* grey = nullptr;
      pass_on(ImageFunctions::convert(image, 1, &grey));
      *map = edges(*grey, options.at("low_threshold"));
      ImageFunctions::release(grey);
    });
  }

  static constexpr dream_annotator_1 table() {
    return {sizeof(dream_annotator_1), 0, names, open, close, annotate};
  }

 private:
  // A flat JSON object of numbers, as dream::Settings writes it.
  static std::map<std::string, double> read_settings(const std::string& json) {
    std::map<std::string, double> options = {{"low_threshold", 100}, {"high_threshold", 200}};
    std::size_t at = 1;
    while (json.size() > 2 && at < json.size() && json[at - 1] != '}') {
      const std::size_t end = json.find("\":", at);
      if (json[at] != '"' || end == std::string::npos) throw InvalidInput("settings: " + json);
      const std::string name = json.substr(at + 1, end - at - 1);
      char* rest = nullptr;
      const double value = std::strtod(json.c_str() + end + 2, &rest);
      if (options.count(name) == 0 || rest == json.c_str() + end + 2 || value < 0 || value > 255) {
        throw InvalidInput("canny: option \"" + name +
                           "\"; allowed are low_threshold and high_threshold, 0 to 255");
      }
      options[name] = value;
      at = static_cast<std::size_t>(rest - json.c_str()) + 1;  // behind the comma or brace
    }
    return options;
  }

  static dream_image* edges(const dream_image& grey, double threshold) {
    dream_image* map = ImageFunctions::make(*grey.host, grey.width, grey.height, 3);
    for (uint32_t y = 0; y < grey.height; ++y) {
      for (uint32_t x = 0; x < grey.width; ++x) {
        const uint8_t* here = &grey.data[uint64_t{y} * grey.width + x];
        const int right = x + 1 < grey.width ? here[1] : *here;
        const int below = y + 1 < grey.height ? here[grey.width] : *here;
        const bool edge =
            std::abs(right - *here) >= threshold || std::abs(below - *here) >= threshold;
        std::fill_n(&map->data[(uint64_t{y} * grey.width + x) * 3], 3, edge ? 255 : 0);
      }
    }
    return map;
  }
};

}  // namespace dream::testing
