"""Ours beside other programs that draw with Stable Diffusion, in one run, on the same weights.

    python tests/bench/compare.py --size 256 --steps 4
    python tests/bench/compare.py --size 256 --only none --without winograd,group_norm
    python tests/bench/compare.py --size 512 --rounds 1 --append 512.json   # some now, more later

Times a denoise step (guidance on) in fp32 on the CPU. Every round starts every program anew, one
after the other and each round with another one first, so that what else the machine does meets all
alike; the table shows medians over the rounds, and ratios taken within each round. A round also
times a large matrix product: what a step's arithmetic would take at that speed is its share of the
machine's peak. A program that cannot run says why in its row.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import peers
from flops import unet_flops

DEPS = peers.DEPS
ORACLES = DEPS / "venv/bin/python"
PEERS = {"diffusers": "oracles", "compile": "oracles", "openvino": "openvino",
         "sd.cpp": "stable-diffusion-cpp-python"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=256, help="pixels per side")
    parser.add_argument("--steps", type=int, default=4, help="steps per start, at least 2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", help="peers with commas: none," + ",".join(PEERS))
    parser.add_argument("--without", default="", help="speed items of ours, with commas: each is "
                        "left out in a row of its own")
    parser.add_argument("--append", type=Path, metavar="FILE",
                        help="add the rounds to this JSON file and show all that it holds")
    parser.add_argument("--weights", type=Path, help="a diffusers folder (default: random SD 1.5)")
    parser.add_argument("--peer", choices=[*PEERS, "sgemm"], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.steps < 2 or chosen.rounds < 1:
        parser.error("--steps: at least 2 (the first does not count); --rounds: at least 1")
    return chosen


def venv(name, package):
    python = DEPS / name / "bin/python"
    if not python.exists():
        subprocess.run([ORACLES, "-m", "venv", DEPS / name], check=True)
    module = package.replace("-", "_").removesuffix("_python")
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
        print(f"installing {package} …", file=sys.stderr)
        subprocess.run([python, "-m", "pip", "install", "-q", package], check=True,
                       env=os.environ | {"CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count())})
    return python


def python_of(peer):
    if peer == "openvino":
        venv("openvino", "openvino")
    return venv("sdcpp", PEERS[peer]) if peer == "sd.cpp" else ORACLES


def start_peer(peer, options):
    python = python_of(peer)
    command = [python, __file__, "--peer", peer, "--weights", options.weights, "--size",
               options.size, "--steps", options.steps, "--threads", options.threads]
    started = time.time()
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or f"exit code {done.returncode}").split("\n")[-1])
    told = json.loads(done.stdout.strip().split("\n")[-1])
    if told.get("again"):
        return start_peer(peer, options)
    if "flops" in told:
        return told
    measured = told["step_s"] * (options.steps - 1)
    return {"step_s": told["step_s"], "peak_bytes": told["peak_bytes"],
            "cold_s": told["end"] - started - measured}


def start_ours(options, without=""):
    command = [peers.dream(), "bench", "unet", "--weights", options.weights, "--size",
               options.size, "--steps", options.steps, "--threads", options.threads]
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True,
                          env=os.environ | {"DREAM_ENGINE_WITHOUT": without})
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().split("\n")[-1])
    told = json.loads(done.stdout)
    return {"step_s": told["step_s"], "peak_bytes": told["peak_memory_bytes"],
            "cold_s": told["cold_start_s"]}


def random_weights():
    folder = DEPS / "bench/sd15"
    if not (folder / "model_index.json").exists():
        folder.parent.mkdir(exist_ok=True)
        subprocess.run([peers.dream(), "weights", "init", "--arch", "sd15", "--seed", "0",
                        folder], check=True)
    return folder


def row(name, rounds, flops):
    """Medians over the rounds in which the program ran; ratios within each that has ours too."""
    own = [entry["programs"][name] for entry in rounds if name in entry["programs"]]

    def middle(key):
        return statistics.median(entry[key] for entry in own)

    def within(value):
        values = [value(entry) for entry in rounds
                  if name in entry["programs"] and "ours" in entry["programs"]]
        return statistics.median(values) if values else float("nan")

    ratio = within(lambda entry: entry["programs"][name]["step_s"] /
                   entry["programs"]["ours"]["step_s"])
    share = within(lambda entry: flops / entry["programs"][name]["step_s"] / entry["sgemm_flops"])
    steps = [entry["step_s"] for entry in own]
    return (f"| {name} | {len(own)} | {1 / middle('step_s'):.3f} | {middle('step_s'):.2f} | "
            f"{min(steps):.2f} … {max(steps):.2f} | {ratio:.2f} | {100 * share:.0f} % | "
            f"{middle('peak_bytes') / 2**30:.1f} | {middle('cold_s'):.1f} |")


def run_round(programs, failures, options, first):
    told = {}
    names = list(programs)
    first %= len(names)
    for name in names[first:] + names[:first]:
        if name in failures:
            continue
        try:
            told[name] = programs[name]()
            print(f"{name}: {told[name]['step_s']:.2f} s", file=sys.stderr)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            failures[name] = str(error)
    return {"sgemm_flops": start_peer("sgemm", options)["flops"], "programs": told}


def collected(options, conditions):
    """The rounds that the file holds already, measured under the same conditions."""
    if not options.append or not options.append.exists():
        return []
    held = json.loads(options.append.read_text())
    if held["conditions"] != conditions:
        sys.exit(f"{options.append}: measured with {held['conditions']}, not {conditions}")
    return held["rounds"]


def main():
    options = arguments()
    options.weights = options.weights or random_weights()
    if options.peer:
        return peers.run_peer(options)
    chosen = options.only.split(",") if options.only else list(PEERS)
    programs = {"ours": lambda: start_ours(options)}
    programs |= {f"ours without {item}": (lambda item=item: start_ours(options, item))
                 for item in options.without.split(",") if item}
    programs |= {peer: (lambda peer=peer: start_peer(peer, options))
                 for peer in chosen if peer != "none"}
    conditions = {"size": options.size, "threads": options.threads,
                  "weights": options.weights.name}
    rounds, failures = collected(options, conditions), {}
    for _ in range(options.rounds):
        rounds.append(run_round(programs, failures, options, first=len(rounds)))
        if options.append:
            options.append.write_text(json.dumps({"conditions": conditions, "rounds": rounds}))
    flops = unet_flops(options.weights, options.size)
    peak = statistics.median(entry["sgemm_flops"] for entry in rounds)
    print(f"\n{options.size} x {options.size}, fp32, guidance on, {options.threads} threads; "
          f"a step: {flops / 1e9:.0f} GFLOP, sgemm: {peak / 1e9:.0f} GFLOP/s\n")
    print("| program | rounds | it/s | s a step | least … most | ours is faster by | "
          "share of sgemm | peak memory, GiB | cold start, s |\n" + "| --- " * 9 + "|")
    seen = {name for entry in rounds for name in entry["programs"]}
    for name in [*filter(seen.__contains__, programs), *sorted(seen - set(programs))]:
        print(row(name, rounds, flops))
    for name, reason in failures.items():
        print(f"| {name} | did not run: {reason} | | | | | | | |")
    return 1 if "ours" in failures else 0


if __name__ == "__main__":
    sys.exit(main())
