#include "host/s3/xml.hpp"

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

namespace dream::host::s3 {
namespace {

namespace tree = boost::property_tree;

tree::ptree parse(const std::string& xml) {
  tree::ptree document;
  std::istringstream text(xml);
  try {
    tree::read_xml(text, document);
  } catch (const tree::xml_parser_error&) {
    document.clear();
  }
  return document;
}

}  // namespace

std::string element(const std::string& xml, const std::string& path) {
  return parse(xml).get<std::string>(path, "");
}

void each_element(const std::string& xml, const std::string& root, const std::string& name,
                  const std::function<void(const tree::ptree&)>& visit) {
  const tree::ptree document = parse(xml);
  const auto found = document.get_child_optional(root);
  if (!found) return;
  for (const auto& [child, content] : *found) {
    if (child == name) visit(content);
  }
}

}  // namespace dream::host::s3
