"""Show on a real application, from nothing, that PostgreSQL enforces Django's permissions."""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = os.environ.get("FIRM_DATABASE", "rls_perms_demo")
LIMITS = (
    "Not tried, since only SIGNED_CONTEXT stops it: SQL that an attacker writes freely can say",
    "SET ROLE or set_config, and be another user of the site. See docs/injection.md.",
)

started = time.monotonic()


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end instead of serving the site")
    parser.add_argument("--port", type=int, default=8000, help="where to serve the site")
    parser.add_argument(
        "--size", type=int, default=100, help="documents of each firm, the rest in proportion"
    )
    options = parser.parse_args()
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    deploy(options.size)
    good = prove()
    if options.once:
        return 0 if good else 1
    return serve(options.port)


def deploy(size: int) -> None:
    """What a DBA does once, then what a deployment does."""
    from tests import databases, postgres

    say("starting PostgreSQL")
    try:
        os.environ |= postgres.start()
    except postgres.ServerError as error:
        sys.exit(f"run.py demo: {error}")
    password = secrets.token_hex(16)
    databases.make(PROJECT, password)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "firm.settings",
        "FIRM_DATABASE": PROJECT,
        "FIRM_LOGIN": f"{PROJECT}_web",
        "FIRM_PASSWORD": password,
        "FIRM_OWNER": f"{PROJECT}_boss",
        "FIRM_OWNER_PASSWORD": password,
        "FIRM_SECRET_KEY": secrets.token_hex(32),
    }
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT split_part(version(), ' on ', 1)")
        print(f"  {cursor.fetchone()[0]}, owner {PROJECT}_boss, login {PROJECT}_web")
    say("migrate --database owner")
    # It would warn of the groups, which "seed" makes just below.
    call_command("migrate", database="owner", verbosity=0)
    say("seed, sync_pg_roles")
    call_command("seed", size=size)


def prove() -> bool:
    """Compare, try every way round, print; whether all is as it must be."""
    from proof import MODELS, comparison, report, ways_round

    say("asking PostgreSQL and Django about every user, every row and every action")
    answers = comparison.compare()
    askers = {one.asker for one in answers}
    rows = sum(model.objects.using("owner").count() for model in MODELS)
    print("\nHow many rows each user sees/may change/may delete. PostgreSQL's line is counted by")
    print("raw SQL without WHERE, run as the user; Django's by asking has_perm, guardian and the")
    print("declared policies row by row in Python. Both are compared key by key.\n")
    print("\n".join(report.comparison(answers)))
    different = report.differences(answers)
    print("\n".join(different))
    print(
        f"{len(askers)} users and visitors x {rows} rows x 3 actions ="
        f" {len(askers) * rows * 3} answers; tables with a difference: {len(different)}"
    )
    say("trying ways round")
    outcomes = ways_round.ways_round()
    print("\n" + "\n".join(report.attempts(outcomes)))
    through = sum(not one.stopped for one in outcomes)
    print(f"\n{len(outcomes)} ways tried, {len(outcomes) - through} stopped.")
    print("\n".join(LIMITS))
    good = not different and not through
    say("everything agrees and every attempt was stopped" if good else "NOT as it must be")
    return good


def serve(port: int) -> int:
    """Run the site in a process without the owner's credentials."""
    from tenants.management.commands.seed import FIRMS, PASSWORD, STAFF

    first = next(iter(FIRMS))
    print(f"\nThe site: http://127.0.0.1:{port}/   password of everybody: {PASSWORD}")
    for name, (groups, permissions, fields) in STAFF.items():
        about = ", ".join(
            [*groups, *permissions, *(f"{key}={value}" for key, value in fields.items())]
        )
        print(f"  {name}.{first}".ljust(16), about or "no group, no permission")
    print(f"  and the same of {', '.join(list(FIRMS)[1:])}; root is a superuser of no firm.")
    print(f"  A page for visitors: http://127.0.0.1:{port}/public/{first}/     Ctrl-C ends it all.")
    sys.stdout.flush()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIRM_OWNER")}
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    site = subprocess.Popen(command, cwd=HERE, env=environment)  # noqa: S603 - of our own
    try:
        return site.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        site.terminate()
        site.wait()


def say(text: str) -> None:
    print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
