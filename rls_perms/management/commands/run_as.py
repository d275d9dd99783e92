"""Run another command as a user, as a role, or in each tenant."""

import argparse
import io
import json
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.management import asking
from rls_perms.session import Entering

#: A context, and the key and name of the tenant that the options say.
Run = tuple[Entering, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended in one tenant."""

    tenant: str | None
    name: str | None
    status: int
    output: str
    error: str


class Command(BaseCommand):
    """Exits as the command does; with --all-tenants, with 1 if it failed in any tenant."""

    help = (
        "Run another command as a user, as a role, or in a tenant: run_as --user ann -- report "
        "--month 5. Needs no credentials of the owner. With --all-tenants it runs once in each "
        "tenant; what fails in one does not stop the others, and the exit status tells."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        asking.add_options(parser)
        parser.add_argument(
            "--all-tenants", action="store_true", help="run it once in each tenant, one by one"
        )
        parser.add_argument(
            "--parallel",
            type=int,
            default=1,
            metavar="N",
            help="with --all-tenants: in N tenants at once, each in a thread of its own",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print a list of tenant, name, status, output and error instead of text",
        )
        parser.add_argument(
            "command",
            nargs=argparse.REMAINDER,
            metavar="-- command ...",
            help="the command with its options",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        command = [one for one in options["command"][:1] if one != "--"] + options["command"][1:]
        self._check(command, options)
        if options["all_tenants"]:
            tenants = asking.all_tenants()
            runs: list[Run] = [
                (asking.entering(options, tenant), str(tenant.pk), name) for tenant, name in tenants
            ]
            self._report(self._run_each(runs, command, options["parallel"]), options["json"])
            return
        tenant, name = asking.asked_tenant(options)
        one = asking.entering(options, tenant)
        if options["json"]:
            key = None if tenant is None else str(tenant.pk)
            self._report(iter([_run((one, key, name), command)]), as_json=True)
            return
        with one:
            # The stream itself: wrapped twice, a prompt would end its line.
            call_command(*command, stdout=self.stdout._out, stderr=self.stderr._out)

    def _check(self, command: list[str], options: dict[str, Any]) -> None:
        if not command:
            raise CommandError("Say what to run: run_as --user ann -- command --option.")
        if options["all_tenants"] and options["asking_tenant"] is not None:
            raise CommandError("--all-tenants and --tenant say different things. Leave one out.")
        if options["all_tenants"] and options["asking_system"] is not None:
            raise CommandError("The system sees every tenant at once: leave --all-tenants out.")
        if not (options["all_tenants"] or asking.is_asked(options)):
            raise CommandError("Say as whom: --user, --role, --system, --tenant or --all-tenants.")
        if options["parallel"] < 1:
            raise CommandError(f"--parallel {options['parallel']} is no number of threads.")
        if options["parallel"] > 1 and not options["all_tenants"]:
            raise CommandError("--parallel is for --all-tenants: there is one run, and no other.")
        if options["parallel"] > 1 and _is_test():
            raise CommandError(
                "--parallel opens connections of its own, and these do not see what a test has not "
                "committed. Leave it out in tests."
            )

    def _run_each(self, runs: Sequence[Run], command: list[str], parallel: int) -> Iterator[Ended]:
        if parallel == 1:
            for run in runs:
                yield _run(run, command)
            return
        with ThreadPoolExecutor(parallel) as executor:
            try:
                yield from executor.map(lambda run: _run_apart(run, command), runs)
            except BaseException:
                # An interrupt: what has not begun does not begin.
                executor.shutdown(wait=False, cancel_futures=True)
                raise

    def _report(self, ended: Iterator[Ended], as_json: bool) -> None:
        done = []
        for one in ended:
            done.append(one)
            if not as_json:
                self._print(one)
        if as_json:
            self.stdout.write(json.dumps([asdict(one) for one in done], indent=2))
        failed = [one for one in done if one.status]
        if not failed:
            return
        if len(done) == 1:
            message = f"It failed: {failed[0].error or failed[0].status}"
            raise CommandError(message, returncode=failed[0].status)
        tenants = ", ".join(str(one.tenant) for one in failed)
        raise CommandError(f"It failed in {len(failed)} of {len(done)} tenants: {tenants}.")

    def _print(self, one: Ended) -> None:
        state = "done" if one.status == 0 else f"exit status {one.status}"
        style = self.style.MIGRATE_HEADING if one.status == 0 else self.style.ERROR
        self.stdout.write(style(f"Tenant {one.tenant} ({one.name}): {state}"))
        if one.output:
            self.stdout.write(one.output)
        if one.error:
            self.stderr.write(one.error)


def _run(run: Run, command: list[str]) -> Ended:
    """Run *command*, and tell how it ended instead of raising."""
    entering, tenant, name = run
    output, errors = io.StringIO(), io.StringIO()
    status = 0
    try:
        with entering:
            call_command(*command, stdout=output, stderr=errors)
    except CommandError as error:
        status = error.returncode
        errors.write(str(error))
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        errors.write(ended.code if isinstance(ended.code, str) else "")
    except Exception:  # noqa: BLE001 - told in full, and the others still have their run
        status = 1
        errors.write(traceback.format_exc())
    return Ended(tenant, name, status, output.getvalue(), errors.getvalue())


def _run_apart(run: Run, command: list[str]) -> Ended:
    """``_run`` in a thread, whose connections nobody else closes."""
    try:
        return _run(run, command)
    finally:
        connections.close_all()


def _is_test() -> bool:
    default = connections[get_settings().databases[0]]
    return bool(default.settings_dict.get(catalog.TEST_DATABASE))
