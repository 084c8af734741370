// @NAME@: makes a negative of a picture.
#include <dream/template.hpp>

namespace {

class Template {
 public:
  struct Inputs {
    dream::File image;
    int size;
  };

  static void describe(dream::Schema<Inputs>& s) {  // the order of the calls is the order users see
    s.in(&Inputs::image, "image").doc("The picture");
    s.in(&Inputs::size, "size").doc("Width of the result in pixels").def(512).ge(8).le(4096);
    s.output<dream::File>();
    s.max_concurrency(4);
  }

  void run(const Inputs& in, dream::Run& run) {
    const dream::Image image = dream::Image::decode(run, in.image).convert(3);
    const auto width = static_cast<uint32_t>(in.size);
    const uint32_t height = image.height() * width / image.width();
    dream::Image negative = image.resize(width, height > 0 ? height : 1);
    const dream::WritablePixels pixels = negative.edit();
    for (uint32_t y = 0; y < pixels.height; ++y) {
      for (uint32_t i = 0; i < pixels.width * pixels.channels; ++i) {
        pixels.row(y)[i] = static_cast<uint8_t>(255 - pixels.row(y)[i]);
      }
    }
    run.emit(negative, "negative.png");
  }
};

}  // namespace

DREAM_TEMPLATE(Template, "@NAME@", "1.0.0", "Makes a negative of a picture.")
