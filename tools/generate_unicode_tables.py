#!/usr/bin/env python3
"""Writes sdk/engine/text/unicode_tables.inc, the Unicode data the tokenizer needs.

The tables follow the reference, tokenizers 0.23 as CLIPTokenizer of transformers 5.18 uses it. It
mixes Unicode versions: its NFC knows Unicode 9, its regex classes Unicode 16, its lower case
Unicode 17. Python's data (14.0 in Python 3.11) is the base; the differences are listed below and
tests/parity/test_tokenizer.py checks every code point against the reference.
"""
import sys
import unicodedata
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "sdk" / "engine" / "text" / "unicode_tables.inc"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def code_points(ranges):
    """'41-43 61' -> [0x41, 0x42, 0x43, 0x61]"""
    result = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        result += range(int(first, 16), int(last or first, 16) + 1)
    return result


# Assigned after Unicode 14, known to the reference's \p{L} and \p{N}.
LETTERS_SINCE = code_points(
    "1C89-1C8A A7CB-A7CD A7DA-A7DC 105C0-105F3 10D4A-10D65 10D6F-10D85 10EC2-10EC4 1123F-11240 "
    "11380-11389 1138B 1138E 11390-113B5 113B7 113D1 113D3 11BC0-11BE0 11F02 11F04-11F10 "
    "11F12-11F33 1342F 13441-13446 13460-143FA 16100-1611D 16D40-16D6C 18CFF 1B132 1B155 "
    "1DF25-1DF2A 1E030-1E06D 1E4D0-1E4EB 1E5D0-1E5ED 1E5F0 2B739 2EBF0-2EE5D 31350-323AF")
NUMBERS_SINCE = code_points(
    "10D40-10D49 116D0-116E3 11BF0-11BF9 11F50-11F59 16130-16139 16D70-16D79 1CCF0-1CCF9 "
    "1D2C0-1D2D3 1E4F0-1E4F9 1E5F1-1E5FA")
# Marks assigned after Unicode 9: for the reference's NFC they are starters.
MARKS_UNKNOWN = set(code_points(
    "7FD 898-89F 8CA-8D3 9FE C3C D3B-D3C EBA 1715 1ABF-1ACE 1DF6-1DFA A82C 10D24-10D27 "
    "10EAB-10EAC 10F46-10F50 10F82-10F85 11070 1133B 1145E 11839-1183A 1193D-1193E 11943 119E0 "
    "11A34 11A47 11A99 11D42 11D44-11D45 11D97 16FF0-16FF1 1E130-1E136 1E2AE 1E2EC-1E2EF"))
# Composites assigned after Unicode 9: neither composed nor decomposed.
COMPOSITES_UNKNOWN = {0x11938}
# Cased letters assigned after Unicode 14, upper -> lower.
LOWER_SINCE = {0x1C89: 0x1C8A, 0xA7CB: 0x264, 0xA7CC: 0xA7CD, 0xA7CE: 0xA7CF, 0xA7D2: 0xA7D3,
               0xA7D4: 0xA7D5, 0xA7DA: 0xA7DB, 0xA7DC: 0x19B}
LOWER_SINCE |= {c: c + 0x20 for c in code_points("10D50-10D65")}
LOWER_SINCE |= {c: c + 0x1B for c in code_points("16EA0-16EB8")}


def ranges_of(members):
    result = []
    for c in sorted(members):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def combining_classes():
    """[first, last, class] of all marks that NFC reorders."""
    result = []
    for c in CODE_POINTS:
        ccc = 0 if c in MARKS_UNKNOWN else unicodedata.combining(chr(c))
        if ccc and result and result[-1][1] == c - 1 and result[-1][2] == ccc:
            result[-1][1] = c
        elif ccc:
            result.append([c, c, ccc])
    return result


def decompositions():
    """[composite, first, second or 0, composes]: canonical, one level, without Hangul."""
    result = []
    for c in CODE_POINTS:
        text = unicodedata.decomposition(chr(c))
        if not text or text.startswith("<") or c in COMPOSITES_UNKNOWN:
            continue
        parts = [int(part, 16) for part in text.split()]
        composes = len(parts) == 2 and unicodedata.normalize("NFC", chr(c)) == chr(c)
        result.append([c, parts[0], parts[1] if len(parts) == 2 else 0, int(composes)])
    return result


def lower_cases():
    """[first, last, stride, distance]; U+0130, which becomes two, is left to the code."""
    result = []
    for c in CODE_POINTS:
        lower = LOWER_SINCE.get(c) or (ord(chr(c).lower()) if len(chr(c).lower()) == 1 else c)
        if lower == c:
            continue
        run = result[-1] if result else None
        if run and run[3] == lower - c and (
                c - run[1] == run[2] or (run[0] == run[1] and c - run[1] in (1, 2))):
            run[2] = c - run[1]
            run[1] = c
        else:
            result.append([c, c, 1, lower - c])
    return result


def table(declaration, rows):
    lines = [f"constexpr {declaration}[] = {{"]
    line = "   "
    for row in rows:
        numbers = [f"0x{v:X}" if i < 3 and v > 9 else str(v) for i, v in enumerate(row)]
        cell = " {" + ", ".join(numbers) + "},"
        if len(line) + len(cell) > 98:
            lines.append(line)
            line = "   "
        line += cell
    return lines + [line, "};", ""]


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"needs Python 3.11 (Unicode 14.0.0), not Unicode {unicodedata.unidata_version}")
    category = {c: unicodedata.category(chr(c))[0] for c in CODE_POINTS}
    letters = {c for c in CODE_POINTS if category[c] == "L"} | set(LETTERS_SINCE)
    numbers = {c for c in CODE_POINTS if category[c] == "N"} | set(NUMBERS_SINCE)
    lines = ["// Generated by tools/generate_unicode_tables.py; do not edit.", ""]
    lines += table("CodePointRange letters", ranges_of(letters))
    lines += table("CodePointRange numbers", ranges_of(numbers))
    lines += table("ClassRange combining_classes", combining_classes())
    lines += table("Decomposition decompositions", decompositions())
    lines += table("LowerRange lower_cases", lower_cases())
    TARGET.write_text("\n".join(lines[:-1]) + "\n")
    print(f"{TARGET}: {len(lines)} lines")


if __name__ == "__main__":
    main()
