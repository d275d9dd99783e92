"""
Compare a request with rls_perms to one of stock Django with explicit filters.

Both serve a page of the example application's documents, 25 a query, to the same auditor from the
same tables: Django's middleware, session and user from the database, the view, a template. They are
processes of their own that take turns block by block, so that what disturbs the machine disturbs
both. Printed are ratios: how long a request takes with the library, of what it takes without.
Absolute times are this machine's, and are shown only for scale.

Stock Django filters by the tenant alone; "has_perm too" is a view that also refuses, as the
database does, whoever lacks the permission.

    python benchmarks/compare.py [--rounds N] [--requests N] [--only TEXT] [--size N]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "example_project")]

NAME = "rls_perms_bench"
PASSWORD = "benchmark"  # noqa: S105 - of a database that goes with this process
QUERIES = (1, 5, 20)
#: Requests before the first measure: an interpreter and a backend get faster for a while.
WARM = 600
#: What the project promises for one query: (transaction, link) -> at most.
GOALS = {
    ("autocommit", "socket"): 1.10,
    ("autocommit", "slow link"): 1.02,
    ("atomic", "socket"): 1.10,
    ("atomic", "slow link"): 0.85,
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked: how many queries, in what kind of transaction, through what link."""

    #: Whether stock Django filters by the tenant alone, or asks has_perm before, too.
    source: str
    transaction: str
    link: str
    queries: int

    @property
    def path(self) -> str:
        return f"/{self.transaction}/{self.source}/{self.queries}/"

    def __str__(self) -> str:
        checked = ", has_perm too" if self.source == "checked" else ""
        many = "queries" if self.queries > 1 else "query"
        return f"{self.queries} {many}, {self.transaction}, {self.link}{checked}"


class Worker:
    """A process that serves requests to itself, and says how long each took."""

    def __init__(
        self, settings: str, host: str, module: str = "benchmarks.worker", **environment: str
    ) -> None:
        own = {"DJANGO_SETTINGS_MODULE": settings, "PGHOST": host, **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def times(self, path: str, count: int) -> list[float]:
        """Seconds of each of *count* requests."""
        print(path, count, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"The process for {path} ended.")
        return list(json.loads(answer))

    def end(self) -> None:
        self.process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each side")
    parser.add_argument("--requests", type=int, default=40, help="requests of a turn")
    parser.add_argument("--only", default="", help="cases whose line begins so, as '1 query'")
    parser.add_argument("--size", type=int, default=200, help="documents of each firm")
    options = parser.parse_args()
    with ExitStack() as stack:
        deploy(options.size)
        links = {"socket": os.environ["PGHOST"], "slow link": stack.enter_context(slow_link())}
        cases = [
            Case(source, transaction, link, queries)
            for source, link, transaction, queries in product(
                ("documents", "checked"), links, ("autocommit", "atomic"), QUERIES
            )
        ]
        print(f"{'':44} {'ratio':>6} {'quartiles':>13} {'goal':>6} {'stock':>9}")
        for link, host in links.items():
            sides = [Worker(f"benchmarks.{one}", host) for one in ("with_rls_perms", "stock")]
            for worker in sides:
                stack.callback(worker.end)
                worker.times(cases[0].path, WARM)
            for case in cases:
                if case.link == link and str(case).startswith(options.only):
                    print(line(case, *measure(case, *sides, options)), flush=True)


def deploy(size: int) -> None:
    """The example application with its data, and a login that row security does not bind."""
    from tests import databases, postgres

    os.environ |= postgres.start()
    databases.make(NAME, PASSWORD)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.with_rls_perms",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
        "FIRM_DATABASE": NAME,
        "FIRM_PASSWORD": PASSWORD,
        "FIRM_OWNER": f"{NAME}_boss",
        "FIRM_OWNER_PASSWORD": PASSWORD,
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    call_command("seed", size=size)
    databases.administrate_in(
        NAME,
        f"CREATE ROLE {NAME}_stock LOGIN BYPASSRLS PASSWORD '{PASSWORD}'",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {NAME}_stock",
        "VACUUM ANALYZE",
    )


@contextmanager
def slow_link() -> Iterator[str]:
    """The folder of a socket through which everything takes half a millisecond, each way."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "slow_link.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def measure(
    case: Case, ours: Worker, stock: Worker, options: argparse.Namespace
) -> tuple[list[float], float]:
    """The ratio of each round, and the median seconds of a stock request."""
    for worker in (ours, stock):
        worker.times(case.path, options.requests)  # plans, caches, compiled templates
    ratios, seconds = [], []
    for number in range(options.rounds):
        # Who goes first takes turns, too.
        order = (ours, stock) if number % 2 else (stock, ours)
        taken = {worker: worker.times(case.path, options.requests) for worker in order}
        ratios.append(statistics.median(taken[ours]) / statistics.median(taken[stock]))
        seconds += taken[stock]
    return ratios, statistics.median(seconds)


def line(case: Case, ratios: list[float], seconds: float) -> str:
    ratio = statistics.median(ratios)
    lower, _, upper = statistics.quantiles(ratios, n=4)
    goal = GOALS[case.transaction, case.link] if case.queries == 1 else None
    said = f"{case!s:44} {ratio:6.2f} {lower:6.2f}-{upper:.2f}"
    return f"{said} {goal or '':>6} {1000 * seconds:6.2f} ms"


if __name__ == "__main__":
    main()
