# Writes every file below FOLDER into OUTPUT, a C++ source that defines dream::host::assets().
# The entity tag is the beginning of the content's SHA-256.
file(GLOB_RECURSE files "${FOLDER}/*")
list(SORT files)
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS files)
  file(RELATIVE_PATH name "${FOLDER}" "${file}")
  if(name MATCHES "\\.html$")
    set(type "text/html; charset=utf-8")
  elseif(name MATCHES "\\.css$")
    set(type "text/css; charset=utf-8")
  elseif(name MATCHES "\\.js$")
    set(type "text/javascript; charset=utf-8")
  elseif(name MATCHES "\\.svg$")
    set(type "image/svg+xml")
  else()
    message(FATAL_ERROR "${file}: pages have html, css, js and svg files alone")
  endif()
  file(READ "${file}" hex HEX)
  file(SHA256 "${file}" digest)
  string(SUBSTRING "${digest}" 0 16 tag)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char bytes_${index}[] = {\n${bytes}};\n")
  string(APPEND table "    {\"${name}\", \"${type}\", view(bytes_${index}), \"${tag}\"},\n")
  math(EXPR index "${index} + 1")
endforeach()

file(WRITE "${OUTPUT}.new" "// Written by host/web/embed.cmake.
#include \"host/web/assets.hpp\"

namespace dream::host {
namespace {

template <std::size_t N>
std::string_view view(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N};
}

${arrays}
const Asset table[] = {
${table}};

}  // namespace

std::span<const Asset> assets() {
  return table;
}

}  // namespace dream::host
")
file(COPY_FILE "${OUTPUT}.new" "${OUTPUT}" ONLY_IF_DIFFERENT)
file(REMOVE "${OUTPUT}.new")
file(TOUCH_NOCREATE "${OUTPUT}")
