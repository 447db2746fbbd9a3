#!/usr/bin/env python3
"""Takes the flags of floor.sh, which has checked and built all, and runs what they ask for."""
import argparse
import os
import sys

import depths
import matrix
import report
import run


def words(text):
    return text.split()


def numbers(text):
    return [int(word) for word in text.split()]


def flags():
    parser = argparse.ArgumentParser(add_help=False)
    for name in ("--work", "--bin", "--results"):
        parser.add_argument(name, required=True)
    for name in ("--mib", "--runs", "--rate"):
        parser.add_argument(name, type=int)
    parser.add_argument("--connections", type=numbers)
    parser.add_argument("--schemes", type=words)
    parser.add_argument("--delays", type=numbers)
    for name in ("--spread", "--peers", "--quick", "--depths"):
        parser.add_argument(name, action="store_true")
    try:
        env = parser.parse_args()
    except SystemExit:
        sys.exit(64)
    if set(env.schemes or []) - {"plain", "tls"}:
        sys.exit("floor: schemes are plain and tls")
    usual = dict(mib=1024, runs=3, rate=0, connections=[1, 8, 50], schemes=["plain", "tls"],
                 delays=[0, 50])
    if env.quick:
        usual.update(mib=128, runs=1, connections=[1, 8], delays=[0])
    if env.depths:
        usual.update(mib=2048, delays=[50])
    for name, value in usual.items():
        if getattr(env, name) is None:
            setattr(env, name, value)
    return env


def main():
    run.end_on_signals()
    env = flags()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("floor: needs two cores")
    env.server_cores = cores[:1]
    env.client_cores = cores if env.spread else cores[1:2]
    # What runs this is no guest of the client's core.
    os.sched_setaffinity(0, cores if env.spread else set(cores) - set(env.client_cores))
    env.loads = [os.getloadavg()[0]]
    try:
        results = depths.measure(env) if env.depths else matrix.measure(env)
        env.loads.append(os.getloadavg()[0])
        (depths if env.depths else report).publish(env, results)
    except run.Failed as failure:
        sys.exit(f"floor: {failure}")
    finally:
        run.stop_all()


if __name__ == "__main__":
    main()
