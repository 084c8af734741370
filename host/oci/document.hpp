// JSON documents of strangers: bounded in size and depth before anything is done with them.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dream::host::oci {

// Keeps the order of keys: a document that is edited stays the same elsewhere.
using Document = nlohmann::ordered_json;

inline constexpr std::size_t most_document_bytes = 8u << 20;  // registries take 4 MiB

// `where` names the document in messages. Throws InputError for what is larger than
// most_document_bytes, nested deeper than 64, no JSON, or no object.
Document parse_document(std::string_view bytes, const std::string& where);

// Compact; throws InputError for text that is not UTF-8.
std::string write_document(const Document& document, const std::string& where);

// A member that must be of its type when it is there. Throws InputError.
std::string text_member(const Document& object, const char* key, const std::string& where);
// An array, or null where there is none.
const Document* array_member(const Document& object, const char* key, const std::string& where);
const Document* object_member(const Document& object, const char* key, const std::string& where);

}  // namespace dream::host::oci
