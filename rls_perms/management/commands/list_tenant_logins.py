"""List the logins of tenants."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from rls_perms.exceptions import RlsPermsError
from rls_perms.management.alias import owners_alias
from rls_perms.sync.tenant_logins import Described, list_tenant_logins


class Command(BaseCommand):
    """One login a line."""

    help = "List the logins of tenants. Needs the owner's credentials; changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="alias with the owner's credentials (default: the one that settings name)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = list_tenant_logins(connections[owners_alias(options["database"])])
        except RlsPermsError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps([asdict(one) for one in found], indent=2))
            return
        for one in found:
            self.stdout.write(_line(one))
        if not found:
            self.stdout.write("No tenant has a login.")


def _line(one: Described) -> str:
    limit = "any number of" if one.connection_limit < 0 else f"at most {one.connection_limit}"
    parts = [
        f"{one.login}: tenant {one.tenant}",
        f"groups {', '.join(one.groups) or 'none'}",
        f"{limit} connections, {one.open_sessions} open",
        *one.starts_with,
    ]
    return "; ".join(parts)
