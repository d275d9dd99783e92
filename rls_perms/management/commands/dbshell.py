"""Django's dbshell, in the role of a user if it is asked for."""

import os
import re
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.dbshell import Command as DbShell
from django.db import connections

from rls_perms.conf import get_settings
from rls_perms.context import Entered, current
from rls_perms.exceptions import NoContext
from rls_perms.management import asking

#: What libpq splits PGOPTIONS at, and what keeps it from doing so.
_SPLITTING = re.compile(r"([\s\\])")


class Command(DbShell):
    """
    With an option of ours psql begins in the role that the database finds for it.

    Role, user and tenant are parameters of the session's start, so RESET ROLE, RESET ALL and
    ``\\c`` go back to them, and a role that the login may not become ends psql at once.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        asking.add_options(parser, "as-")

    def handle(self, **options: Any) -> None:
        if not asking.is_asked(options):
            super().handle(**options)
            return
        conf, alias = get_settings(), options["database"]
        if alias not in conf.databases:
            raise CommandError(
                f"DATABASES[{alias!r}] is not under the library's care, so nobody has a role in "
                f"it. Use --database {conf.databases[0]}, or name it in RLS_PERMS['DATABASES']."
            )
        if conf.signed_context:
            raise CommandError(
                "With RLS_PERMS['SIGNED_CONTEXT'] a context counts for one transaction, and psql "
                "has a session. Use shell --as-user, and connection.cursor() in it."
            )
        parameters = _session(asking.asked_entering(options), alias)
        prompt = f"{parameters['role']}@".replace("%", "%%")
        options["parameters"] = ["--set", f"PROMPT1={prompt}%/%R%x%# ", *options["parameters"]]
        before = os.environ.get("PGOPTIONS")
        own = connections[alias].settings_dict["OPTIONS"].get("options")
        # Ours last: of two that set one parameter, the later counts.
        os.environ["PGOPTIONS"] = " ".join(filter(None, (before, own, start_options(parameters))))
        try:
            super().handle(**options)
        finally:
            if before is None:
                del os.environ["PGOPTIONS"]
            else:
                os.environ["PGOPTIONS"] = before


def start_options(parameters: dict[str, str]) -> str:
    """*parameters* as PGOPTIONS says them."""
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
    said = (f"{name}={value}" for name, value in parameters.items())
    return " ".join("-c " + _SPLITTING.sub(r"\\\1", one) for one in said)


def _in_force() -> Entered:
    source = current.get()
    if source is None:
        raise NoContext("dbshell was to run in a context, and there is none.")
    return source.entered()


def _session(entering: Any, alias: str) -> dict[str, str]:
    """The parameters of a transaction in that context, as the database answers them."""
    prefix = get_settings().guc_prefix
    connection = connections[alias]
    with entering as context:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        resolved = _in_force().heard[alias]
    # psql has a session of its own, and it may be open for long.
    connection.close()
    return {
        **dict(resolved.settings),
        **dict(context.settings),
        f"{prefix}.user_id": resolved.user,
        f"{prefix}.tenant_id": context.tenant or "",
        "role": resolved.role,
    }
