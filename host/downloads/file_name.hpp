// What a downloaded file is called here: a name that users know again and that leads nowhere.
#pragma once

#include <string>
#include <string_view>

namespace dream::host {

// Out of a URL: the last segment of its path, percent-decoded, no separators, at most 200 bytes
// (the suffix is kept); "file" if nothing is left.
std::string file_name_of_url(const std::string& url);

// Out of a Content-Disposition header (RFC 6266: filename*=UTF-8''… before filename=…), made as
// safe; "" if it names none.
std::string file_name_of_disposition(std::string_view header);

}  // namespace dream::host
