"""Drop a login of a tenant."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from rls_perms.exceptions import RlsPermsError
from rls_perms.management.alias import owners_alias
from rls_perms.sync.tenant_logins import drop_tenant_login


class Command(BaseCommand):
    """Drops nothing but logins that create_tenant_login made."""

    help = "Drop a tenant's login. Needs the owner's credentials."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("login", help="its whole name, as list_tenant_logins has it")
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="alias with the owner's credentials (default: the one that settings name)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            drop_tenant_login(connections[owners_alias(options["database"])], options["login"])
        except RlsPermsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['login']} is gone.")
