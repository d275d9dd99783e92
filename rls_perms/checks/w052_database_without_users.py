"""rls_perms.W052: a database under our care has no users, so nobody has a role in it."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.core.checks import Warning as CheckWarning
from django.db import connections, router

from rls_perms.conf import Settings, get_settings


def check(**options: Any) -> Iterator[CheckWarning]:
    """Roles come from the users and groups of the same database."""
    conf = get_settings()
    user = get_user_model()
    for alias in conf.databases:
        if not any(router.allow_migrate_model(one, user) for one in _same_database(alias, conf)):
            yield CheckWarning(
                f"The routers let no migration make {user._meta.label} in DATABASES[{alias!r}], "
                "whose roles come from its own users and groups: without them every query of a "
                "user fails.",
                hint="Let users, groups and permissions be in that database too (migrated and "
                f"replicated), or leave {alias!r} out of RLS_PERMS['DATABASES'] and its models "
                "without row security.",
                id="rls_perms.W052",
            )


def _same_database(alias: str, conf: Settings) -> Iterator[str]:
    """The aliases by which it is migrated: its own, its owner's, and those of its primary."""
    own = connections.settings[alias]
    mirrored = (own.get("TEST") or {}).get("MIRROR")
    for one in conf.all_aliases & set(connections.settings):
        name = connections.settings[one].get("NAME")
        if one in (alias, mirrored, conf.owner_of(alias)) or name == own.get("NAME"):
            yield one
