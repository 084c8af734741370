"""Prints what the tests of `tools/test conformance` found out: one JSON object a line in a file."""
import collections
import json


def print_conformance(path):
    figures = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        for kind, value in json.loads(line).items():
            figures[kind].append(value)
    print("\nconformance")
    for equal, total in figures["transcripts"]:
        print(f"  transcripts equal to the real Cog server's: {equal}/{total}")
    for rows in figures["foreign"]:
        print_foreign(rows)
    for value in figures["faults"]:
        print(f"  fault runs: {value}")
    if figures["load"]:
        print_load(figures["load"])
    for held in figures["held"]:
        print(f"  held: {held['connections']} keep-alive connections, "
              f"{held['bytes_each'] / 1024:.1f} KiB each")
    for held in figures["streams"]:
        print(f"  held: {held['streams']} event streams of one prediction")
    for slow in figures["slow clients"]:
        print(f"  {slow['clients']} clients that send a byte at a time: {slow['closed']} closed, "
              f"the worst answer to others took {slow['worst_answer_ms']:.0f} ms")
    for soak in figures["soak"]:
        print_soak(soak)
    for value in figures["openapi"]:
        print(f"  OpenAPI document: {value}")


def print_foreign(rows):
    passed, cases = (sum(row[name] for row in rows) for name in ("passed", "cases"))
    print(f"  cases of other servers' tests: {passed}/{cases}")
    for row in rows:
        print(f"    {row['suite']}: {row['passed']}/{row['cases']}")
    print("    the rest, and why:")
    for row in rows:
        for reason, names in row["cannot"].items():
            print(f"      {reason}: {', '.join(name.split('::')[-1] for name in names)}")


def print_load(rows):
    print("  load, this server / the real one (their ratio); rates count answers of status 200, "
          "latencies\n  while busy count what is refused too, which is soon said:")
    heads = ["per second", "processor us", "p50 ms, busy", "p99 ms, busy", "p50 ms, alone",
             "p99 ms, alone"]
    print("    slots" + "".join(f"{head:>22}" for head in heads))
    for row in sorted(rows, key=lambda row: row["slots"]):
        cells = [f"{row['ours']['per_s']:.0f} / {row['real']['per_s']:.0f} "
                 f"({row['ratios']['per_s']:.1f}x)"]
        cells.append(f"{row['ours']['cpu_us']:.0f} / {row['real']['cpu_us']:.0f} "
                     f"({row['ratios']['cpu_us']:.1f}x)")
        cells += [f"{row['ours'][name]:.2f} / {row['real'][name]:.2f} ({row['ratios'][name]:.1f}x)"
                  for name in ("p50_ms", "p99_ms", "alone_p50_ms", "alone_p99_ms")]
        print(f"    {row['slots']:5}" + "".join(f"{cell:>22}" for cell in cells))
        refused = row["real"]["refused"] / max(row["real"]["answers"], 1)
        print(f"          the real one refused {refused:.0%} of what it was sent while busy")


def print_soak(soak):
    first, last = soak["resident_bytes"][0], soak["resident_bytes"][-1]
    grown = ", ".join(f"{a / 2**20:.1f} to {b / 2**20:.1f} MiB" for a, b in zip(first, last))
    print(f"  soak of {soak['seconds']} s: host and worker {grown}, descriptors "
          f"{soak['descriptors'][0]} to {soak['descriptors'][-1]}")
