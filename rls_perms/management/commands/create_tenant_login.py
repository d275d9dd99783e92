"""Make a login with which a tenant's own people use SQL."""

import getpass
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from rls_perms.exceptions import RlsPermsError
from rls_perms.management.alias import owners_alias
from rls_perms.sync.tenant_logins import create_tenant_login


class Command(BaseCommand):
    """Prints the name of the login."""

    help = (
        "Make a PostgreSQL login that sees one tenant's rows, as far as its groups may, whatever "
        "it sets. Needs the owner's credentials."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its key, or a unique value, such as its slug")
        parser.add_argument(
            "--group", action="append", default=[], metavar="NAME", help="may be given repeatedly"
        )
        parser.add_argument(
            "--login", help="what to call it (default: <prefix>_sql_<tenant as given>)"
        )
        parser.add_argument(
            "--password-env",
            metavar="VARIABLE",
            help="environment variable with the password (default: it is asked for)",
        )
        parser.add_argument(
            "--no-password",
            action="store_true",
            help="for a server that authenticates otherwise, as by certificate or LDAP",
        )
        parser.add_argument(
            "--connection-limit", type=int, default=5, metavar="N", help="default: 5; -1 is any"
        )
        parser.add_argument(
            "--statement-timeout", default="60s", metavar="TIME", help="default: 60s; 0 is none"
        )
        parser.add_argument(
            "--writable",
            action="store_true",
            help="do not start its transactions as read only",
        )
        parser.add_argument(
            "--open-tables",
            action="store_true",
            help="accept that it may use the tables that are open to every session role",
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="alias with the owner's credentials (default: the one that settings name)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        parameters = {"statement_timeout": options["statement_timeout"]}
        if not options["writable"]:
            parameters["default_transaction_read_only"] = "on"
        try:
            made = create_tenant_login(
                connections[owners_alias(options["database"])],
                options["tenant"],
                options["group"],
                login=options["login"],
                password=_password(options),
                connection_limit=options["connection_limit"],
                parameters=parameters,
                open_tables=options["open_tables"],
            )
        except RlsPermsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(made))


def _password(options: dict[str, Any]) -> str | None:
    if options["no_password"]:
        return None
    variable = options["password_env"]
    if variable is not None:
        if not os.environ.get(variable):
            raise CommandError(f"The environment has no {variable!r}, or it is empty.")
        return os.environ[variable]
    password = getpass.getpass("Password of the new login: ")
    if not password:
        raise CommandError("The password is empty. Say --no-password if there is to be none.")
    if password != getpass.getpass("Again: "):
        raise CommandError("The passwords differ.")
    return password
