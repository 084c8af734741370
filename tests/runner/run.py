"""Builds what the chosen suites need, runs them, and closes with one line: `N passed, N failed`."""
import argparse
import sys
import time

import suites


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/test", description="Runs the tests.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="default: all of the CI tier")
    parser.add_argument("--full", action="store_true", help="the long counts too")
    parser.add_argument("--list", action="store_true", help="list the suites")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.suites if name not in suites.ALL]
    if unknown:
        parser.error(f"no suite named {', '.join(unknown)}; there are {', '.join(suites.ALL)}")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.list:
        for name, suite in suites.ALL.items():
            print(f"{name:12} {'full' if suite.full_only else 'ci':5} {suite.about}")
        return 0
    chosen = arguments.suites or [
        name for name, suite in suites.ALL.items() if arguments.full or not suite.full_only]
    rows = []
    for number, name in enumerate(chosen, 1):
        print(f"\n=== [{number}/{len(chosen)}] {name}: {suites.ALL[name].about}", flush=True)
        started = time.monotonic()
        passed, failed = suites.ALL[name].run(arguments.full)
        rows.append((name, passed, failed, time.monotonic() - started))
    if suites.FAILED:
        print("\nfailed:", *suites.FAILED, sep="\n  ")
    print(f"\n{'suite':12}{'passed':>8}{'failed':>8}{'seconds':>9}")
    for name, passed, failed, seconds in rows:
        print(f"{name:12}{passed:8}{failed:8}{seconds:9.0f}")
    passed, failed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
