"""Every C++ and CMake block of a guide is, line for line, part of a file that the tests compile.

    snippets.py GUIDE… -- FILE…

Indentation is left out of the comparison: a guide shows the middle of a class without it.
"""
import pathlib
import re
import sys


def bare(text):
    text = text.replace("@NAME@", "edges")  # what the guide calls its template
    return "\n".join(line.strip() for line in text.strip().splitlines())


split = sys.argv.index("--")
sources = [bare(pathlib.Path(name).read_text()) for name in sys.argv[split + 1:]]
missing, count = [], 0
for guide in map(pathlib.Path, sys.argv[1:split]):
    text = guide.read_text()
    for block in re.finditer(r"^```(?:cpp|cmake)\n(.*?)^```", text, re.S | re.M):
        count += 1
        if not any(bare(block[1]) in source for source in sources):
            line = text.count("\n", 0, block.start()) + 1
            missing.append(f"{guide}:{line}: no file that the tests compile has this block")
if missing or count == 0:
    sys.exit("\n".join(missing) or "there are no blocks: is this the right guide?")
