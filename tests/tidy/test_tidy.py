"""The rules of the house as failing tests: every finding is a `file:line: message`."""
import ast
import re
import statistics
import subprocess
from pathlib import Path

import pytest

from cpp_functions import functions

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES, MAX_FUNCTION_LINES, MAX_COLUMNS, MAX_MEDIAN_LINES = 600, 70, 100, 170
MAX_README_LINES = 40
GENERATED = {"sdk/engine/text/unicode_tables.inc"}
TOP_FOLDERS = ["host", "sdk", "plugins", "weights", "tests", "tools"]

# Boundaries: files below a folder must not include what matches.
TORCH = r"<(torch|ATen|c10)/"
OPENCV = r"<opencv2/"
BOOST = r"<boost/"
FORBIDDEN_INCLUDES = [
    ("host/(?!worker/)", f"{TORCH}|{OPENCV}|sdk/engine/",
     "the host links neither libtorch nor OpenCV"),
    ("host/(?!storage/)", "<sqlite3|<libpq", "SQL databases stay in host/storage"),
    ("host/storage/", r'"host/(?!storage/|base/)', "storage knows base alone"),
    ("host/worker/", TORCH, "the worker reaches libtorch only through sdk/engine/engine.hpp"),
    ("host/worker/(?!imaging/)", OPENCV, "OpenCV stays in host/worker/imaging"),
    ("host/worker/", r'"sdk/engine/(?!engine\.hpp|training\.hpp|image/)',
     "the worker sees engine.hpp, training.hpp and image/ alone"),
    ("host/(?!telemetry/)", "<prometheus/", "metrics are counted in host/telemetry"),
    ("host/telemetry/", r'"host/(cog|cli|web|worker)/', "telemetry watches, and serves no wire"),
    ("sdk/engine/image/", f"{TORCH}|nlohmann|fmt/", "pictures as bytes need the standard library"),
    (r"sdk/include/(?!dream/torch\.hpp)",
     f"nlohmann|fmt/|<filesystem>|<regex>|<iostream>|{TORCH}|{OPENCV}|{BOOST}",
     "public headers are light: the standard library and dream/abi"),
    ("sdk/include/dream/abi/", r"#include <(?!stddef\.h|stdint\.h)", "the ABI is plain C"),
    ("sdk/engine/", f"{OPENCV}|{BOOST}|spdlog|\"host/",
     "the engine needs libtorch, nlohmann_json and fmt alone"),
    ("sdk/engine/", r"<torch/torch\.h>|<torch/nn", "ATen operators on a weight map, no torch::nn"),
    ("sdk/engine/text/(tokenizer|unicode)", TORCH, "the tokenizer is torch-free"),
    ("sdk/engine/engine.hpp", f"{TORCH}|nlohmann", "what the worker sees is plain C++"),
    ("weights/", f"{TORCH}|{OPENCV}|{BOOST}|\"host/|\"sdk/", "weights/ stands below all"),
    ("host/oci/", BOOST + r'|"host/(?!oci/|base/|downloads/|webhooks/curl\.hpp)',
     "images need curl, libarchive and the weights' files alone"),
    ("host/s3/",
     r'<boost/(?!property_tree/)|"host/(?!s3/|storage/blobs\.hpp|base/|webhooks/curl\.hpp)',
     "a store of blobs: curl, XML, and what a blob is"),
    ("host/(?!oci/)", r"<archive(_entry)?\.h>", "archives are written in host/oci"),
    ("plugins/", r'#include "|' + TORCH + "|" + OPENCV, "templates see <dream/…> alone"),
    ("host/platform/(?!platform_server|event_streams)", BOOST,
     "the platform's logic is free of Asio, but for its server and streams"),
    ("host/(?!platform/|cli/platform_command)", '"host/platform/',
     "nothing rests on the platform"),
    ("(host|sdk|plugins)/", r'"weights/formats/', "only weights/ knows file formats"),
]
BANNED_TEXT = [
    (r"\b(TODO|FIXME|XXX|HACK)\b", "unfinished work is an issue, not a comment"),
    (r"\busing namespace std\b", "name what you use"),
    (r"\b(strcpy|strcat|sprintf|gets|system)\s*\(", "unbounded or shell call"),
]


def tracked(*suffixes):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split("\n")
    return [n for n in listed
            if n.endswith(suffixes) and n not in GENERATED and (ROOT / n).is_file()]


CPP = tracked(".cpp", ".hpp", ".h", ".cu")
PYTHON = tracked(".py")
PAGE = tracked(".js", ".css")
SHELL = tracked(".sh", ".cmake", "CMakeLists.txt", "tools/dream", "tools/test", ".ci/run")


def text(name):
    return (ROOT / name).read_text()


def report(findings):
    if findings:
        pytest.fail("\n" + "\n".join(sorted(findings)), pytrace=False)


def test_files_are_short():
    lengths = {n: text(n).count("\n") for n in CPP + PYTHON + PAGE}
    report([f"{n}:1: {count} lines, at most {MAX_LINES}"
            for n, count in lengths.items() if count > MAX_LINES])
    median = statistics.median(lengths.values())
    assert median <= MAX_MEDIAN_LINES, f"median file has {median} lines, at most {MAX_MEDIAN_LINES}"


def test_cpp_functions_are_short():
    report([f"{n}:{line}: {function}() has {count} lines, at most {MAX_FUNCTION_LINES}"
            for n in CPP for function, line, count in functions(text(n))
            if count > MAX_FUNCTION_LINES])


def test_python_functions_are_short():
    report([f"{n}:{node.lineno}: {node.name}() has {count} lines, at most {MAX_FUNCTION_LINES}"
            for n in PYTHON for node in ast.walk(ast.parse(text(n)))
            if isinstance(node, ast.FunctionDef)
            and (count := node.end_lineno - node.lineno + 1) > MAX_FUNCTION_LINES
            # The training script of the bundled model is shipped data: what made the weights.
            and not n.startswith("weights/emoji-sd/")])


def test_lines_fit_100_columns():
    report([f"{n}:{i}: {len(line)} columns, at most {MAX_COLUMNS}"
            for n in CPP + SHELL + PYTHON + PAGE if not n.startswith("weights/emoji-sd/")
            for i, line in enumerate(text(n).splitlines(), 1) if len(line) > MAX_COLUMNS])


def test_headers_say_what_they_are_for():
    report([f"{n}:1: a header opens with a comment: what it is for, and why" for n in CPP
            if n.endswith((".hpp", ".h")) and not text(n).startswith(("//", "/*"))])


def test_headers_are_guarded():
    report([f"{n}:1: no #pragma once or include guard" for n in CPP if n.endswith((".hpp", ".h"))
            and not re.search(r"^#pragma once|^#ifndef \w+_H$", text(n), re.MULTILINE)])


def test_boundaries_hold():
    findings = []
    for folder, include, why in FORBIDDEN_INCLUDES:
        for name in CPP:
            if not re.match(folder, name):
                continue
            for i, line in enumerate(text(name).splitlines(), 1):
                if line.lstrip().startswith("#include") and re.search(include, line):
                    findings.append(f"{name}:{i}: {line.strip()}: {why}")
    report(findings)


def test_no_banned_text():
    report([f"{n}:{i}: {why}" for n in CPP + SHELL + PAGE
            for i, line in enumerate(text(n).splitlines(), 1)
            for pattern, why in BANNED_TEXT if re.search(pattern, line)])


def test_each_top_folder_has_a_short_readme():
    report([f"{folder}/README.md:1: missing" for folder in TOP_FOLDERS
            if not (ROOT / folder / "README.md").is_file()])
    report([f"{n}:1: {count} lines, at most {MAX_README_LINES}" for n in tracked("/README.md")
            if (count := text(n).count("\n")) > MAX_README_LINES])


def test_names_are_snake_case():
    report([f"{n}:1: file names are snake_case" for n in CPP + PYTHON + PAGE
            if not re.fullmatch(r"[a-z0-9_]+\.(cpp|hpp|h|cu|py|js|css)", Path(n).name)])


def test_the_function_finder_finds_functions():
    """The length rule is only as good as its parser."""
    sample = """
namespace a { class B { int c() const noexcept { return 1; } B() : x_(1) { if (x_) { y(); } } };
void d(int x)
{
  auto lambda = [&](int i) { return i; };
  for (;;) { }
}
int table[] = {1, 2};
template <class T> auto e(T t) -> decltype(t) { return t; }
}
"""
    assert [(name, count) for name, _, count in functions(sample)] == [
        ("c", 1), ("B", 1), ("d", 5), ("e", 1)]
