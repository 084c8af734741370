"""Lists where every member of the ABI's structs lies: struct.member=offset:size

    abi_slots.py COMPILER INCLUDE              prints the list
    abi_slots.py COMPILER INCLUDE FOLDER       compares it with FOLDER/MAJOR.MINOR.slots

A released list is never edited. A new minor version of the SDK adds its own file, and everything
that an older one says must still be true.
"""
import pathlib
import re
import subprocess
import sys
import tempfile


def members(header):
    """(struct, member) of every struct that crosses the line, nested members with dots."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    for match in re.finditer(r"^(?:typedef )?struct (dream_\w+) \{(.*?)^\}", text, re.S | re.M):
        yield from ((match[1], name) for name in fields(match[2]))


def fields(body, prefix=""):
    at = 0
    while at < len(body):
        nested = re.compile(r"\s*(?:struct|union) \{").match(body, at)
        if nested:
            depth, end = 1, nested.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(body[end], 0)
                end += 1
            name = re.compile(r"\s*(\w+);").match(body, end)
            yield prefix + name[1]
            yield from fields(body[nested.end():end - 1], f"{prefix}{name[1]}.")
            at = name.end()
            continue
        end = body.find(";", at)
        if end < 0:
            return
        declaration = body[at:end]
        function = re.search(r"\(\*(\w+)\)", declaration)
        yield prefix + (function[1] if function else re.search(r"(\w+)\s*$", declaration)[1])
        at = end + 1


def slots(compiler, include):
    headers = sorted((include / "dream/abi").glob("*.h"))
    wanted = [pair for header in headers for pair in members(header)]
    lines = [f"#include <dream/abi/{header.name}>" for header in headers]
    lines += ["#include <stdio.h>", "int main(void) {"]
    for struct in dict.fromkeys(struct for struct, _ in wanted):
        lines.append(f'printf("{struct}=:%zu\\n", sizeof(struct {struct}));')
        lines += [f'printf("{struct}.{member}=%zu:%zu\\n", offsetof(struct {struct}, {member}), '
                  f"sizeof(((struct {struct}*)0)->{member}));"
                  for owner, member in wanted if owner == struct]
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "slots"
        subprocess.run([compiler, "-std=c11", "-x", "c", f"-I{include}", "-o", program, "-"],
                       input="\n".join(lines), text=True, check=True)
        return subprocess.run([program], text=True, capture_output=True, check=True).stdout


def version(include):
    text = (include / "dream/abi/types.h").read_text()
    return tuple(int(re.search(rf"#define DREAM_SDK_{part} (\d+)", text)[1])
                 for part in ("MAJOR", "MINOR"))


def broken_promises(now, released, name):
    """What an older list says and today's does not; a struct itself may have grown."""
    today = dict(line.split("=") for line in now.splitlines())
    for line in released.splitlines():
        slot, where = line.split("=")
        grown = "." not in slot and slot in today and int(today[slot][1:]) >= int(where[1:])
        if today.get(slot) != where and not grown:
            yield f"{slot} is {today.get(slot, 'gone')}, and SDK {name} has {where}"


def main():
    compiler, include = sys.argv[1], pathlib.Path(sys.argv[2])
    now = slots(compiler, include)
    if len(sys.argv) == 3:
        print(now, end="")
        return
    major, minor = version(include)
    folder = pathlib.Path(sys.argv[3])
    current = folder / f"{major}.{minor}.slots"
    if not current.is_file():
        sys.exit(f"SDK {major}.{minor} has no list: abi_slots.py {compiler} {include} > {current}")
    faults = [] if current.read_text() == now else [f"{current.name} differs from the headers"]
    for path in sorted(folder.glob(f"{major}.*.slots")):
        faults += broken_promises(now, path.read_text(), path.stem)
    if faults:
        sys.exit("\n".join(faults))


main()
