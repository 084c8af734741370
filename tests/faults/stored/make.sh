#!/usr/bin/env bash
# How echo-1.0.so was made: echo.cpp, built against the installed SDK 1.0 by g++ 12 and stripped.
#   tests/faults/stored/make.sh SDK_PREFIX OUT.so
# Run it once for each released minor version of the SDK, from that version's tree, and never again:
# every later host must run what was built then.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
prefix=$(readlink -f "$1") out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/../echo.cpp" "$work"
cat >"$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(echo LANGUAGES CXX)
find_package(DreamSdk REQUIRED)
dream_add_template(NAME echo SOURCES echo.cpp)
END
cmake -G Ninja -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_CXX_FLAGS="-ffile-prefix-map=$work=." >/dev/null
cmake --build "$work/build" >/dev/null
strip -s -R .comment -o "$out" "$work/build/lib/dream/templates/echo.so"
