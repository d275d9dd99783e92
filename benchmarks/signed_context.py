"""
Compare signed contexts with plain ones: what it costs that the database proves who asks.

Two databases of the example application on one server, one of them synced with SIGNED_CONTEXT;
processes of their own that take turns block by block. Printed are ratios: how long it takes with
signed contexts, of what it takes without. Times are this machine's, and are shown for scale.

    python benchmarks/signed_context.py [--rounds N] [--size N]
"""

import argparse
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack

from compare import NAME, ROOT, WARM, Worker, deploy

SIGNED = f"{NAME}_signed"
#: What is measured: in words, the process that does it, what it is asked for, and how often.
CASES = (
    ("a query by key, of many in one transaction", "benchmarks.keys", "atomic", 400),
    ("a query by key, in autocommit", "benchmarks.keys", "autocommit", 400),
    ("a context with a transaction of one query", "benchmarks.keys", "context", 300),
    ("bulk_create of 100 rows", "benchmarks.keys", "insert", 100),
    ("a request of 1 query, autocommit", "benchmarks.worker", "/autocommit/documents/1/", 40),
    ("a request of 1 query, atomic", "benchmarks.worker", "/atomic/documents/1/", 40),
    ("a request of 20 queries, autocommit", "benchmarks.worker", "/autocommit/documents/20/", 40),
    ("a request of 20 queries, atomic", "benchmarks.worker", "/atomic/documents/20/", 40),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each side")
    parser.add_argument("--size", type=int, default=200, help="documents of each firm")
    options = parser.parse_args()
    deploy(options.size)
    deploy_signed(options.size)
    host = os.environ["PGHOST"]
    print(f"{'':46} {'ratio':>6} {'quartiles':>13} {'plain':>10}")
    for module in dict.fromkeys(case[1] for case in CASES):
        with ExitStack() as stack:
            plain = Worker("benchmarks.with_rls_perms", host, module)
            signed = Worker("benchmarks.signed", host, module, **environment())
            for worker in (plain, signed):
                stack.callback(worker.end)
            for words, which, asked, count in CASES:
                if which == module:
                    print(line(words, *measure(signed, plain, asked, count, options.rounds)))


def environment() -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "benchmarks.signed",
        "FIRM_DATABASE": SIGNED,
        "FIRM_OWNER": f"{SIGNED}_boss",
    }


def deploy_signed(size: int) -> None:
    from tests import databases

    databases.make(SIGNED, os.environ["FIRM_PASSWORD"])
    for arguments in (["migrate", "--database", "owner", "-v0"], ["seed", "--size", str(size)]):
        subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment()},
            check=True,
        )
    databases.administrate_in(SIGNED, "VACUUM ANALYZE")


def measure(
    signed: Worker, plain: Worker, asked: str, count: int, rounds: int
) -> tuple[list[float], float]:
    """The ratio of each round, and the median seconds without signatures."""
    for worker in (signed, plain):
        worker.times(asked, WARM // 2)
    ratios, seconds = [], []
    for number in range(rounds):
        # Who goes first takes turns, too.
        order = (signed, plain) if number % 2 else (plain, signed)
        taken = {worker: worker.times(asked, count) for worker in order}
        ratios.append(statistics.median(taken[signed]) / statistics.median(taken[plain]))
        seconds += taken[plain]
    return ratios, statistics.median(seconds)


def line(words: str, ratios: list[float], seconds: float) -> str:
    lower, _, upper = statistics.quantiles(ratios, n=4)
    said = f"{words:46} {statistics.median(ratios):6.2f} {lower:6.2f}-{upper:.2f}"
    return f"{said} {1_000_000 * seconds:7.0f} us"


if __name__ == "__main__":
    main()
