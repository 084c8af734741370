// Replies to requests with an Idempotency-Key, so that the same request sent twice does its work
// once.
#pragma once

#include <optional>
#include <string>

#include "host/storage/clock.hpp"
#include "host/storage/database.hpp"

namespace dream::host {

class Replies {
 public:
  explicit Replies(sql::Pool& pool) : pool_(pool) {}

  struct Begun {
    enum class Kind {
      fresh,     // do the work, then finish(), forget() or release()
      answered,  // `status` and `body` are the reply
      in_work,   // by another request
      other      // the key belongs to a request with another fingerprint
    } kind = Kind::fresh;
    // Of what the work makes: the same each time, also where the process that began it went away.
    std::string subject;
    int status = 0;
    std::string body;
  };
  // `subject` is kept where the key is new. Who began and has not finished within `patience`
  // microseconds counts as gone. Keys are kept for `lifetime`.
  Begun begin(const std::string& account, const std::string& key, const std::string& fingerprint,
              const std::string& subject, Micros patience, Micros lifetime);
  void finish(const std::string& account, const std::string& key, int status,
              const std::string& body);
  void forget(const std::string& account, const std::string& key);
  // Whoever comes next with the same request goes on with it at once, for the same subject.
  void release(const std::string& account, const std::string& key);

 private:
  sql::Pool& pool_;
};

// A value that all processes on the database share: `value` is kept if there is none yet.
std::string shared_setting(sql::Pool& pool, const std::string& name, const std::string& value);
// The newest counts.
void keep_setting(sql::Pool& pool, const std::string& name, const std::string& value);
std::optional<std::string> find_setting(sql::Pool& pool, const std::string& name);

}  // namespace dream::host
