#include "weights/store/control_reference.hpp"

#include <gtest/gtest.h>

#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

void expect(std::string_view text, const ControlReference& wanted) {
  const auto parsed = parse_control_reference(text);
  EXPECT_EQ(parsed.name, wanted.name) << text;
  EXPECT_EQ(parsed.reference, wanted.reference) << text;
  EXPECT_EQ(parsed.scale, wanted.scale) << text;
  EXPECT_EQ(parsed.guidance_start, wanted.guidance_start) << text;
  EXPECT_EQ(parsed.guidance_end, wanted.guidance_end) << text;
}

TEST(ControlReference, has_parts_that_may_be_left_out) {
  expect("canny=photo.png", {"canny", "photo.png"});
  expect("canny=photo.png@0.8", {"canny", "photo.png", 0.8});
  expect("canny=photo.png@0.8[0,0.5]", {"canny", "photo.png", 0.8, 0, 0.5});
  expect("canny=photo.png[0.25,1]", {"canny", "photo.png", 1, 0.25, 1});
  expect("t2i-adapter-canny=a@b.png@2", {"t2i-adapter-canny", "a@b.png", 2});
  expect("seg=http://me@host/x?a=[1,2&b=1", {"seg", "http://me@host/x?a=[1,2&b=1"});
  expect("seg=data:image/png;base64,AA==@0.5", {"seg", "data:image/png;base64,AA==", 0.5});
  expect("seg=photo@large[a,b]", {"seg", "photo@large[a,b]"});
}

TEST(ControlReference, reads_what_it_writes) {
  for (const ControlReference& control :
       {ControlReference{"canny", "/a/photo@2.png", 0.1, 0.2, 0.7}, {"x", "y[0,1]"}}) {
    EXPECT_NO_FATAL_FAILURE(expect(control_reference_text(control), control));
  }
}

TEST(ControlReference, says_what_is_wrong) {
  const auto error = [](std::string_view text) -> std::string {
    try {
      parse_control_reference(text);
      return "";
    } catch (const Error& caught) {
      return caught.what();
    }
  };
  for (const char* text : {"photo.png", "", "=photo.png", "Canny=photo.png", "a b=photo.png"})
    EXPECT_NE(error(text).find("does not begin with a control's name"), std::string::npos) << text;
  EXPECT_NE(error("canny=").find("names no picture"), std::string::npos);
  EXPECT_NE(error("canny=@0.5").find("names no picture"), std::string::npos);
  EXPECT_NE(error("canny=x@2.5").find("the scale 2.5: allowed are 0 to 2"), std::string::npos);
  EXPECT_NE(error("canny=x@-1").find("the scale -1"), std::string::npos);
  EXPECT_NE(error("canny=x@1[0.6,0.5]").find("[0.6,0.5]"), std::string::npos);
  EXPECT_NE(error("canny=x[-0.1,1]").find("within 0 to 1"), std::string::npos);
  EXPECT_NE(error("canny=x[0,1.5]").find("within 0 to 1"), std::string::npos);
}

}  // namespace
}  // namespace dream::weights
