"""Finds functions in C++ text and how long they are: enough of a parser for the tidy test."""
import re

KEYWORDS = {"if", "for", "while", "switch", "catch", "do", "else", "try", "return"}
# What may stand between the parameters of a function and its body.
TAIL = re.compile(
    r"(\)|\b(const|noexcept|override|final|mutable|try))\s*(->\s*[\w:<>,&*\s\[\]]+)?$")
INITIALISERS = re.compile(r"\)\s*(noexcept\s*)?:[^:]")


def blank(text):
    """The text with comments, strings and preprocessor lines blanked out, line numbers kept."""
    pattern = re.compile(
        r'R"(\w*)\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def is_function(head):
    head = head.strip()
    first = re.match(r"\w+", head)
    if not head or "(" not in head or (first and first[0] in KEYWORDS):
        return False
    if re.match(r"^(export\s+)?(namespace|class|struct|union|enum|extern)\b[^()]*$", head):
        return False
    return bool(TAIL.search(head) or INITIALISERS.search(head)) and "=" not in head.split("(")[0]


def functions(text):
    """Yields (name, first line, line count) of each outermost function body."""
    text = blank(text)
    stack, head_start, inside = [], 0, None
    for position, char in enumerate(text):
        if char == "{":
            head = text[head_start:position]
            if inside is None and is_function(head):
                inside = len(stack)
                lead = len(head) - len(head.lstrip())
                begin = head_start + lead
            stack.append(char)
            head_start = position + 1
        elif char == "}":
            if stack:
                stack.pop()
            if inside is not None and len(stack) == inside:
                first = text.count("\n", 0, begin) + 1
                last = text.count("\n", 0, position) + 1
                name = re.search(r"([\w:~]+|operator\S+)\s*\(", text[begin:position])
                yield (name[1] if name else "?"), first, last - first + 1
                inside = None
            head_start = position + 1
        elif char == ";" and inside is None:
            head_start = position + 1
