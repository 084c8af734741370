"""Prints what the tests of `tools/test platform` found out: one JSON object a line in a file."""
import collections
import json


def print_platform(path):
    figures = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        for kind, value in json.loads(line).items():
            figures[kind].append(value)
    print("\nplatform")
    print_clients(figures["clients"])
    print(f"  registry cases: {len(figures['registry'])}")
    kills = collections.Counter()
    for hunt in figures["kills"]:
        kills.update(hunt["kills"])
    trainings = sum(hunt["trainings"] for hunt in figures["kills"])
    print(f"  kill runs: {kills.total()} kills ("
          + ", ".join(f"{count} of a {kind}" for kind, count in sorted(kills.items()))
          + f"), and each of {trainings} trainings ended once")
    for seconds in figures["end to end"]:
        print(f"  from the archive of pictures to a picture of the new version: {seconds:.1f} s")


def print_clients(rows):
    suites = {}
    for row in rows:
        suite = suites.setdefault(row["suite"], {"passed": 0, "cases": 0, "cannot": {}})
        suite["passed"] += row["passed"]
        suite["cases"] += row["cases"]
        for reason, names in row.get("cannot", {}).items():
            suite["cannot"].setdefault(reason, []).extend(names)
    passed, cases = (sum(suite[name] for suite in suites.values()) for name in ("passed", "cases"))
    print(f"  client cases: {passed}/{cases}")
    for name, suite in suites.items():
        print(f"    {name}: {suite['passed']}/{suite['cases']}")
        for reason, names in suite["cannot"].items():
            print(f"      not {', '.join(names)}: {reason}")
