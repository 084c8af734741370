// What a store answers: small documents in XML, by Boost's parser.
#pragma once

#include <boost/property_tree/ptree_fwd.hpp>
#include <functional>
#include <string>

namespace dream::host::s3 {

// The text at a path ("Error.Code"); empty if there is none, or the text is no XML.
std::string element(const std::string& xml, const std::string& path);

// Calls visit(child) for each element `name` below the root.
void each_element(const std::string& xml, const std::string& root, const std::string& name,
                  const std::function<void(const boost::property_tree::ptree&)>& visit);

}  // namespace dream::host::s3
