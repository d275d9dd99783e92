"""
Compare guardian's grants in policies to guardian's own get_objects_for_user.

A million records, 400,000 grants on them: users with 0, 100, 1,000, 10,000 and 100,000, a tenth of
each through a group; the rest are other users' and groups'. Both sides ask the same questions by
the ORM, on the same tables with the same indexes (guardian's own, and those that rls_perms.W008
offers): with the library ``Record.objects``, as the user; in stock Django
``get_objects_for_user(user, "archive.view_record", Record)``, by a login that row security does not
bind. They are processes of their own that take turns. Both begin with a user whose permissions
(guardian's side) or role (ours) the process knows already; with --fresh each question is a new
request's. The two answers must be the same.

"holder" holds the model-level permission, and is compared with all records without row security.
At the end: what a row costs whom "add" alone lets make it.

Where the library takes longer, it is measured again with three times the rounds, since others use
the machine as well. The last lines say where it still does; the exit status is 1 where that is
longer than guardian, and not for "holder": without row security there is nothing to plan.

Printed is how long the library takes, of what guardian takes: 0.50 is twice as fast.

    python benchmarks/object_grants.py [--rounds N] [--only TEXT] [--fresh] [--keep]

--keep uses a database that an earlier run left, on a server that the environment names (PGHOST).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT)]

NAME = "rls_perms_grants"
PASSWORD = "benchmark"  # noqa: S105 - of a database that goes with this process
ROWS = 1_000_000
#: Grants of the users who ask; a tenth of them goes to a group of theirs.
GRANTS = (0, 100, 1_000, 10_000, 100_000)
#: What else is granted, so that there are 400,000: to users, to groups.
OTHERS = (188_900, 100_000)
SHAPES = (
    "point",
    "hidden",
    "page",
    "page_by_key",
    "filtered",
    "prefix",
    "contains",
    "count",
    "join",
)
#: How long one turn of one side takes, about, in seconds.
TURN = 0.15
#: How many more turns a ratio above 1 gets before it counts.
AGAIN = 3


class Worker:
    """A process that asks, and says how long each question took."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.grants_worker"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": f"benchmarks.grants_{side}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, user: str, shape: str, count: int, how: str) -> tuple[object, list[float]]:
        print(user, shape, count, how, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"The process of {self.side} ended at {shape} of {user}.")
        answer = json.loads(line)
        return answer["answer"], answer["seconds"]

    def end(self) -> None:
        self.process.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns of each side")
    parser.add_argument("--only", default="", help="shapes that begin so, separated by commas")
    parser.add_argument("--users", default="", help="numbers of grants, separated by commas")
    parser.add_argument("--fresh", action="store_true", help="each question is a new request's")
    parser.add_argument("--keep", action="store_true", help="use and leave a database")
    options = parser.parse_args()
    deploy(keep=options.keep)
    how = "fresh" if options.fresh else "warm"
    workers = ours, stock = Worker("rls"), Worker("stock")
    chosen = tuple(options.only.split(","))
    shapes = [one for one in SHAPES if one.startswith(chosen)]
    users = [number for number in GRANTS if str(number) in (options.users.split(",") or [""])]
    users = users or list(GRANTS)
    than_guardian, than_nothing = [], []
    try:
        if shapes:
            names = [f"u{one}" for one in users]
            than_guardian = table("ratio", ours, stock, names, shapes, options.rounds, how)
        if not options.users:
            if shapes:
                # On the other side the same user is a superuser: guardian returns all records.
                than_nothing = table("holder", ours, stock, ["holder"], shapes, options.rounds, how)
            writes(ours, stock, chosen)
    finally:
        for worker in workers:
            worker.end()
    for against, slower in (("guardian", than_guardian), ("no row security", than_nothing)):
        if slower:
            print(f"\nabove 1 on the second look, too, against {against}:", *slower, sep="\n  ")
    return 1 if than_guardian else 0


def table(title, ours, stock, users, shapes, rounds, how):
    """A line for each shape, a column for each user; returns the cells above 1."""
    slower = []
    print(f"{title:12}" + "".join(f"{user:>26}" for user in users))
    for shape in shapes:
        print(f"{shape:12}", end="", flush=True)
        for user in users:
            mine, theirs = measured(ours, stock, user, shape, rounds, how)
            if mine > theirs:
                mine, theirs = measured(ours, stock, user, shape, AGAIN * rounds, how)
            if mine > theirs:
                slower.append(f"{shape} of {user}: {mine / theirs:.3f}")
            said = f"{mine / theirs:9.3f} ({1000 * mine:6.2f}/{1000 * theirs:7.2f})"
            print(f"{said:>26}", end="", flush=True)
        print(flush=True)
    return slower


def measured(ours, stock, user, shape, rounds, how):
    """Median seconds of ours and of stock's, by turns; ends if they answer differently."""
    answers, single = {}, {}
    for worker in (ours, stock):
        answers[worker], taken = worker.ask(user, shape, 1, how)
        single[worker] = taken[0]
    if answers[ours] != answers[stock]:
        sys.exit(f"{shape} of {user}: {answers[ours]} is not {answers[stock]}")
    taken = {ours: [], stock: []}
    for number in range(rounds):
        # Who goes first takes turns, too.
        for worker in (ours, stock) if number % 2 else (stock, ours):
            count = max(1, min(50, int(TURN / single[worker])))
            taken[worker].append(statistics.median(worker.ask(user, shape, count, how)[1]))
    return statistics.median(taken[ours]), statistics.median(taken[stock])


def writes(ours, stock, chosen):
    """What a row costs that somebody with *add* alone makes, against no row security."""
    print(f"\n{'a row of':12}{'us':>10}{'stock':>10}{'ratio':>8}")
    for shape in ("create", "bulk_100", "bulk_200000"):
        if shape.startswith(chosen):
            found = {ours: [], stock: []}
            for _ in range(3):
                for worker in (ours, stock):
                    found[worker] += worker.ask("adder", shape, 1, "warm")[1]
            mine, theirs = (1e6 * min(found[worker]) for worker in (ours, stock))
            print(f"{shape:12}{mine:10.1f}{theirs:10.1f}{mine / theirs:8.2f}", flush=True)


# The database


def deploy(*, keep: bool) -> None:
    """The archive with its grants, and a login that row security does not bind."""
    from tests import databases, postgres

    os.environ |= postgres.start()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.grants_rls",
        "PYTHONPATH": str(ROOT),
        "GRANTS_DATABASE": NAME,
        "GRANTS_PASSWORD": PASSWORD,
    }
    there = keep and exists()
    if not there:
        databases.make(NAME, PASSWORD)
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    if not there:
        load()
        databases.administrate_in(
            NAME,
            f"CREATE ROLE {NAME}_stock LOGIN BYPASSRLS PASSWORD '{PASSWORD}'",
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {NAME}_stock",
            f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {NAME}_stock",
        )
    # Before the check, which asks how many rows PostgreSQL knows of.
    databases.administrate_in(NAME, "VACUUM ANALYZE")
    offered()
    # Of the expressions in the new indexes, too.
    databases.administrate_in(NAME, "ANALYZE")


def exists() -> bool:
    import psycopg

    with psycopg.connect(dbname="postgres") as connection:
        query = "SELECT FROM pg_database WHERE datname = %s"
        return connection.execute(query, [NAME]).fetchone() is not None


def offered() -> None:
    """Make the indexes that rls_perms.W008 offers; both sides have them."""
    from django.core.checks import run_checks
    from django.db import connections

    for warning in run_checks(databases=["owner"], include_deployment_checks=False):
        if warning.id == "rls_perms.W008":
            print(warning.hint)
            with connections["owner"].cursor() as cursor:
                cursor.execute(warning.hint.removeprefix("Run: "))


RECORDS = """
INSERT INTO archive_record (title, state, created)
SELECT md5(n::text), CASE WHEN n % 10 = 3 THEN 'open' ELSE 'done' END,
       timestamptz '2020-01-01' + (n * 7919::bigint % 1000003) * interval '1 minute'
  FROM generate_series(1, {rows}) AS n;
INSERT INTO archive_comment (record_id, batch)
SELECT 1 + (n * 104729::bigint % {rows}), n / 250 FROM generate_series(0, 49999) AS n;
"""
#: Which records: a walk over all of them in steps that share no factor with their number.
GRANTED = """
INSERT INTO guardian_{kind}objectpermission ({kind}_id, permission_id, content_type_id, object_pk)
SELECT {holder}, permission.id, permission.content_type_id,
       (1 + (n * 15485863::bigint + {holder} * 32452843::bigint) % {rows})::text
  FROM generate_series(1, {count}) AS n, auth_permission AS permission
 WHERE permission.codename = 'view_record'
    ON CONFLICT DO NOTHING;
"""


def load() -> None:
    """The rows by SQL, as the owner."""
    from django.contrib.auth.models import Group, Permission, User
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(RECORDS.format(rows=ROWS))

        def grant(kind, holder, count):
            text = GRANTED.format(kind=kind, holder=holder, count=count, rows=ROWS)
            cursor.execute(text)

        owner = "owner"
        for number in GRANTS:
            user = User.objects.using(owner).create(username=f"u{number}")
            group = Group.objects.using(owner).create(name=f"of u{number}")
            user.groups.add(group)
            grant("user", user.pk, number - number // 10)
            grant("group", group.pk, number // 10)
        users = User.objects.using(owner).bulk_create(
            User(username=f"other {one}") for one in range(189)
        )
        for user in users:
            grant("user", user.pk, OTHERS[0] // len(users))
        groups = Group.objects.using(owner).bulk_create(
            Group(name=f"other {one}") for one in range(100)
        )
        for group in groups:
            grant("group", group.pk, OTHERS[1] // len(groups))
        for name, codename in (("holder", "view_record"), ("adder", "add_record")):
            user = User.objects.using(owner).create(username=name)
            group = Group.objects.using(owner).create(name=name)
            user.groups.add(group)
            group.permissions.add(Permission.objects.using(owner).get(codename=codename))


if __name__ == "__main__":
    sys.exit(main())
