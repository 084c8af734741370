// Names and version ids of trainers and templates, those in old clients' code among them.
#include "host/platform/catalogue.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace dream::host {
namespace {

Catalogue sample() {
  Catalogue catalogue;
  catalogue.add_trainer("dreambooth=http://gpu:5000/");
  catalogue.add_trainer("mine=template:my-trainer");
  catalogue.add_template("vanilla=registry/vanilla");
  catalogue.add_template("controlnet-normal=registry/normal");
  catalogue.add_alias("0123456789abcdef=mine");
  catalogue.add_alias("fedcba98=vanilla");
  return catalogue;
}

std::string trainer(const Catalogue& catalogue, const std::optional<std::string>& version) {
  const Trainer* const found = catalogue.trainer(version);
  return found == nullptr ? "(none)" : found->name;
}
std::string image(const Catalogue& catalogue, const std::optional<std::string>& version) {
  const TemplateImage* const found = catalogue.template_image(version);
  return found == nullptr ? "(none)" : found->name;
}

TEST(Catalogue, FindsTrainers) {
  const Catalogue catalogue = sample();
  EXPECT_EQ(trainer(catalogue, std::nullopt), "dreambooth");
  EXPECT_EQ(catalogue.trainer(std::nullopt)->url, "http://gpu:5000");
  EXPECT_EQ(trainer(catalogue, "mine"), "mine");
  EXPECT_EQ(catalogue.trainer("mine")->template_name, "my-trainer");
  // What clients of the Dreambooth API send.
  const std::string known = "cd3f925f7ab21afaef7d45224790eedbb837eeac40d22e8fefe015489ab644aa";
  EXPECT_EQ(trainer(catalogue, known), "dreambooth");
  EXPECT_EQ(trainer(catalogue, "replicate/dreambooth:" + known), "dreambooth");
  EXPECT_EQ(trainer(catalogue, "0123456789abcdef" + std::string(48, '0')), "mine");
  for (const char* bad : {"", "cd3f", "CD3F925F", "other", "0123456789abcdee"})
    EXPECT_EQ(trainer(catalogue, bad), "(none)") << bad;
}

TEST(Catalogue, FindsTemplates) {
  const Catalogue catalogue = sample();
  EXPECT_EQ(image(catalogue, std::nullopt), "vanilla");
  EXPECT_EQ(image(catalogue, "b65d36e3"), "controlnet-normal");
  EXPECT_EQ(image(catalogue, "3c60cbfc"), "(none)");  // known, but not one of this platform
  EXPECT_EQ(image(catalogue, "fedcba98" + std::string(56, 'a')), "vanilla");
  EXPECT_EQ(image(Catalogue(), std::nullopt), "(none)");
}

TEST(Catalogue, RefusesWhatHasNotTheForm) {
  Catalogue catalogue;
  for (const char* bad : {"", "x", "=http://a", "x=", "x=ftp://a", "x=template:"})
    EXPECT_THROW(catalogue.add_trainer(std::string(bad)), std::invalid_argument) << bad;
  for (const char* bad : {"", "x", "=a", "x="})
    EXPECT_THROW(catalogue.add_template(bad), std::invalid_argument) << bad;
  for (const char* bad : {"", "1234567=a", "xyzxyzxyz=a", "12345678=", "12345678"})
    EXPECT_THROW(catalogue.add_alias(bad), std::invalid_argument) << bad;
}

}  // namespace
}  // namespace dream::host
