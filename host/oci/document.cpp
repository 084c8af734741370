#include "host/oci/document.hpp"

#include <fmt/format.h>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr int deepest = 64;

const Document* member(const Document& object, const char* key, Document::value_t type,
                       const char* name, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  if (found->type() != type)
    throw InputError(fmt::format("{}: \"{}\" must be {}", where, key, name));
  return &*found;
}

}  // namespace

Document parse_document(std::string_view bytes, const std::string& where) {
  if (bytes.size() > most_document_bytes)
    throw InputError(fmt::format("{}: {} bytes are more than the {} that are allowed", where,
                                 bytes.size(), most_document_bytes));
  // Writing a value calls itself once per level: what is too deep is not even built.
  const auto watch = [&](int depth, Document::parse_event_t, Document&) {
    if (depth > deepest)
      throw InputError(fmt::format("{}: is nested deeper than {} levels", where, deepest));
    return true;
  };
  Document document = Document::parse(bytes.begin(), bytes.end(), watch, false);
  if (document.is_discarded()) throw InputError(fmt::format("{}: is no JSON", where));
  if (!document.is_object()) throw InputError(fmt::format("{}: is no JSON object", where));
  return document;
}

std::string write_document(const Document& document, const std::string& where) {
  try {
    return document.dump();
  } catch (const Document::type_error&) {
    throw InputError(fmt::format("{}: has text that is not UTF-8", where));
  }
}

std::string text_member(const Document& object, const char* key, const std::string& where) {
  const Document* const found = member(object, key, Document::value_t::string, "a text", where);
  return found != nullptr ? found->get<std::string>() : "";
}

const Document* array_member(const Document& object, const char* key, const std::string& where) {
  return member(object, key, Document::value_t::array, "a list", where);
}

const Document* object_member(const Document& object, const char* key, const std::string& where) {
  return member(object, key, Document::value_t::object, "an object", where);
}

}  // namespace dream::host::oci
