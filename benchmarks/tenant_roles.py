"""
Compare a role for each tenant (TENANT_ROLES) to the tenant's setting alone, by number of tenants.

Two databases of the example application with the same rows, one in each mode. What a request sends
first (the tenant, the question for its session role, one page of 25 documents, in one message) is
sent over one connection for users of all tenants in turn, as a web process does. Blocks take turns,
so that what disturbs the machine disturbs both. Printed are ratios: with roles, of without. "after
DDL" is the first message after something in the cluster changed a role, as a new tenant does: then
each backend reads the memberships of its login anew.

    python benchmarks/tenant_roles.py [--tenants 10 100 300 1000] [--rounds N] [--messages N]
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import psycopg
from psycopg import sql

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT)]

NAME = "rls_perms_tenants"
PAGE = "SELECT id, title FROM office_document ORDER BY id DESC LIMIT 25"
#: Beyond what the library refuses, too: that is what is measured.
NO_LIMIT = (
    "import django; django.setup()\n"
    "from rls_perms import limits\n"
    "from rls_perms.statements import install\n"
    "limits.MOST = install.MOST = 10**6\n"
    "from django.core.management import call_command\n"
)
FILL = """
INSERT INTO tenants_tenant (name, slug)
SELECT 'Firm ' || n, 'firm-' || n FROM generate_series({first}, {last}) AS n;
INSERT INTO tenants_user (username, tenant_id, password, is_superuser, first_name, last_name,
                          email, is_staff, is_active, date_joined)
SELECT slug, id, '', false, '', '', '', false, true, now()
  FROM tenants_tenant WHERE slug LIKE 'firm-%' AND slug NOT IN (SELECT username FROM tenants_user);
INSERT INTO tenants_user_groups (user_id, group_id)
SELECT u.id, g.id FROM tenants_user AS u, auth_group AS g
 WHERE g.name = 'Auditors' AND u.username LIKE 'firm-%' ON CONFLICT DO NOTHING;
INSERT INTO office_document (tenant_id, owner_id, title, body, is_public, closed, made_at)
SELECT u.tenant_id, u.id, 'Document ' || n, '', false, false, now()
  FROM tenants_user AS u, generate_series(1, 40) AS n
 WHERE u.username LIKE 'firm-%'
   AND u.id NOT IN (SELECT owner_id FROM office_document);
"""


class Side:
    """One database: the example application in one mode."""

    def __init__(self, name: str, roles: str) -> None:
        from tests import databases
        from tests.example import Example

        databases.make(name, "secret")
        self.example = Example(name, FIRM_TENANT_ROLES=roles)
        self.example.seed(1)

    def fill(self, first: int, last: int) -> float:
        """Make tenants with a user and documents; return the seconds that one tenant took."""
        database = self.example.deployment
        with psycopg.connect(dbname=database.name, autocommit=True) as owner:
            owner.execute(f"SET ROLE {database.boss}")
            self._run("call_command('sync_pg_roles', verbosity=0)")
            begun = time.perf_counter()
            owner.execute(FILL.format(first=first, last=last))
            taken = time.perf_counter() - begun
            owner.execute("RESET ROLE")
            self._run("call_command('sync_pg_roles', verbosity=0)")
            owner.execute("VACUUM ANALYZE")
        self.people = database.rows(
            "SELECT id::text, tenant_id::text FROM tenants_user WHERE username LIKE 'firm-%'"
        )
        return taken / (last - first + 1)

    def _run(self, code: str) -> None:
        done = self.example.python("-c", NO_LIMIT + code)
        if done.returncode:
            sys.exit(done.stderr)

    def sync(self) -> float:
        """Seconds of a sync that finds nothing to do, without the start of Python."""
        done = self.example.answer(
            NO_LIMIT.replace("\n", "; ").removeprefix("import django; django.setup(); ")
            + "import time; begun = time.perf_counter();"
            " call_command('sync_pg_roles', check=True, verbosity=0);"
            " print(time.perf_counter() - begun)"
        )
        return float(done.splitlines()[-1])

    def memberships(self) -> int:
        database = self.example.deployment
        query = "SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole"
        return int(database.value(query, database.web))

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            dbname=self.example.deployment.name,
            user=self.example.deployment.web,
            password="secret",  # noqa: S106 - of a database that goes with this process
            autocommit=True,
        )

    def messages(self) -> list[bytes]:
        """The first message of a request of each user."""
        from rls_perms.statements.session import resolve, set_local

        return [
            sql.SQL("; ")
            .join(
                [
                    set_local("rls_perms.tenant_id", tenant),
                    resolve(user, tenant, "rls_perms.user_id", False, False),
                    sql.SQL(PAGE),
                ]
            )
            .as_bytes(None)
            for user, tenant in self.people
        ]


def block(connection: psycopg.Connection, messages: list[bytes], before: object = None) -> float:
    """
    Seconds of one of *messages*, each sent after *before* was called.

    The tenth of them that is quickest: on a busy machine the others tell of the machine.
    """
    taken = []
    for one in messages:
        if before is not None:
            before()
        begun = time.perf_counter()
        connection.execute(one)
        taken.append(time.perf_counter() - begun)
    return statistics.quantiles(taken, n=10)[0]


def ratio(sides: list[Side], rounds: int, count: int, *, ddl: bool) -> list[float]:
    """With roles, of without, round by round."""
    connections = [side.connect() for side in sides]
    messages = [side.messages() for side in sides]
    with psycopg.connect(dbname="postgres", autocommit=True) as administrator:

        def change() -> None:
            administrator.execute(f"GRANT {NAME}_one TO {NAME}_two")
            administrator.execute(f"REVOKE {NAME}_one FROM {NAME}_two")

        found = []
        for number in range(rounds + 1):
            chosen = [
                [one[(number * count + i) % len(one)] for i in range(count)] for one in messages
            ]
            order = (0, 1) if number % 2 else (1, 0)
            taken = {
                place: block(connections[place], chosen[place], change if ddl else None)
                for place in order
            }
            found.append(taken[1] / taken[0])
    for one in connections:
        one.close()
    # The first round fills caches.
    return found[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--tenants", type=int, nargs="+", default=[10, 100, 300, 1000])
    parser.add_argument("--rounds", type=int, default=12, help="turns of each side")
    parser.add_argument("--messages", type=int, default=100, help="messages of a turn")
    options = parser.parse_args()
    from tests import postgres

    os.environ |= postgres.start()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with psycopg.connect(dbname="postgres", autocommit=True) as administrator:
        version = administrator.info.server_version
        for one in ("one", "two"):
            administrator.execute(f"DROP ROLE IF EXISTS {NAME}_{one}")
            administrator.execute(f"CREATE ROLE {NAME}_{one}")
    sides = [Side(f"{NAME}_setting", "0"), Side(f"{NAME}_roles", "1")]
    print(f"PostgreSQL {version // 10000}")
    print(f"{'tenants':>8} {'roles of the login':>19} {'warm':>18} {'after DDL':>18}", end="")
    print(f" {'a new tenant':>13} {'a sync':>8}")
    made = 0
    for number in sorted(options.tenants):
        taken = [side.fill(made + 1, number) for side in sides]
        made = number
        syncs = [side.sync() for side in sides]
        said = []
        for ddl in (False, True):
            found = ratio(sides, options.rounds, options.messages, ddl=ddl)
            lower, _, upper = statistics.quantiles(found, n=4)
            said.append(f"{statistics.median(found):.2f} ({lower:.2f}-{upper:.2f})")
        print(
            f"{number:8} {sides[1].memberships():19} {said[0]:>18} {said[1]:>18}"
            f" {1000 * (taken[1] - taken[0]):10.1f} ms {syncs[1] / syncs[0]:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
