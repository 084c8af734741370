// Everything to test a template without a host: the standard library and these headers alone.
//
//   dream::testing::TestHost host;
//   auto t = host.load(dream_template_entry());            // or load("build/…/hello.so")
//   auto result = t.run({{"prompt", "a fox"}, {"seed", 7}});
//   result.status, .error, .outputs, .files, .logs, .metrics, .progress
//   host.cancel_after(2);                                  // of the next run
//   t.schema_text();                                       // for a snapshot file
//   host.destroy(), host.leaks();                          // "" if all was given back
//
// The fake host checks inputs as the real one does (but for regex), its engine draws small pictures
// that depend on prompt, seed and steps, its files of pictures are PNM whatever they are called.
#pragma once

#include <dream/testing/expect.hpp>
#include <dream/testing/test_host.hpp>
#include <dream/testing/value.hpp>
