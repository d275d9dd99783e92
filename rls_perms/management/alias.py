"""Which alias a command of ours works on: that of the owner's credentials."""

from django.core.management.base import CommandError
from django.db import connections

from rls_perms import catalog
from rls_perms.conf import get_settings


def owners_alias(given: str | None) -> str:
    """*given* if it is under our care; by default the owner's. Raises CommandError."""
    conf = get_settings()
    if given is not None:
        if given not in conf.all_aliases:
            raise CommandError(
                f"DATABASES[{given!r}] is not under the library's care. Name it in "
                "RLS_PERMS['DATABASES'], or leave --database out."
            )
        return given
    if connections[conf.databases[0]].settings_dict.get(catalog.TEST_DATABASE):
        # In tests the owner's alias may still be the deployed database.
        return conf.databases[0]
    if conf.owner_database in connections.settings:
        return conf.owner_database
    return conf.databases[0]
