// What requests for lists say, and how their answers are cut into pages.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/http/message.hpp"
#include "host/platform/problem.hpp"
#include "host/storage/page.hpp"

namespace dream::host {

inline constexpr std::int64_t page_size = 100;

// The value of a query's parameter, decoded; "" if it has none. Throws Refusal (422) for one that
// is not UTF-8 or holds a NUL.
std::string query_of(const Request& request, std::string_view name);
// A time of RFC 3339. Throws Refusal (422) naming the parameter.
std::optional<Micros> query_time(const Request& request, std::string_view name);

// A text for a query: all but letters, digits, '-', '.', '_' and '~' as %XX.
std::string percent_encode(std::string_view text);

// What a cursor says is nobody's secret; it is opaque so that clients do not make their own.
std::string cursor_text(const PageStart& place);
// The request's cursor. Throws Refusal (422) for one that is none.
std::optional<PageStart> read_cursor(const Request& request);

// {"previous", "next", "results"} of `rows`, of which page_size + 1 were asked for. `url` is the
// list's, with or without a query; place(row) is {created_at, id}, view(row) its JSON.
template <typename Row, typename Place, typename View>
Json page_of(std::vector<Row> rows, const std::optional<PageStart>& start, const std::string& url,
             Place place, View view) {
  const bool backwards = start && start->backwards;
  const bool more = rows.size() > static_cast<std::size_t>(page_size);
  if (more) rows.erase(backwards ? rows.begin() : rows.end() - 1);
  const auto link = [&](const Row& row, bool back) {
    PageStart at = place(row);
    at.backwards = back;
    return fmt::format("{}{}cursor={}", url, url.find('?') == std::string::npos ? '?' : '&',
                       cursor_text(at));
  };
  Json body = {{"previous", nullptr}, {"next", nullptr}, {"results", Json::array()}};
  for (const Row& row : rows) body["results"].push_back(view(row));
  if (!rows.empty() && start && (!backwards || more)) body["previous"] = link(rows.front(), true);
  if (!rows.empty() && (backwards || more)) body["next"] = link(rows.back(), false);
  return body;
}

}  // namespace dream::host
