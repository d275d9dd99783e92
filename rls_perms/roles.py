"""What a role of ours is called, and the mark that says it is ours."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from rls_perms.exceptions import InvalidRoleName
from rls_perms.identifiers import MAX_BYTES, fits, shortened, slug
from rls_perms.keywords import Attribute, RoleKind

_MARK = "rls_perms "

#: Short names that a group's role cannot have, since the library's own roles do.
RESERVED = frozenset(RoleKind) | {"none", "public"}
RESERVED_STARTS = ("can_", "tenant_")


@dataclass(frozen=True, order=True, slots=True)
class Mark:
    """What a role stands for: kept as the role's comment, so that a DBA can read it."""

    project: str
    database: str
    kind: RoleKind
    #: Primary key of what the role stands for, as text; None as long as it has none.
    id: str | None = None
    #: The name that settings or a policy bound to that key; None for generated names.
    bound: str | None = None

    def __str__(self) -> str:
        fields = {"project": self.project, "database": self.database, "kind": str(self.kind)}
        if self.id is not None:
            fields["id"] = self.id
        if self.bound is not None:
            fields["bound"] = self.bound
        return _MARK + json.dumps(fields, ensure_ascii=False)

    @property
    def identity(self) -> tuple[RoleKind, str | None, str | None]:
        """What stays when the role is renamed."""
        return (self.kind, self.id, self.bound if self.id is None else None)


def read_mark(comment: str | None) -> Mark | None:
    """The mark in a role's comment; None if the role is not ours."""
    if comment is None or not comment.startswith(_MARK):
        return None
    try:
        fields = json.loads(comment.removeprefix(_MARK))
        return Mark(
            project=fields["project"],
            database=fields["database"],
            kind=RoleKind(fields["kind"]),
            id=fields.get("id"),
            bound=fields.get("bound"),
        )
    except (ValueError, KeyError, TypeError):
        # A comment that only looks like a mark: then the role is not ours to touch.
        return None


@dataclass(frozen=True, order=True, slots=True)
class Role:
    """A role of ours: NOLOGIN, INHERIT and nothing else, with its mark."""

    name: str
    mark: Mark
    #: What a hand changed, as the words that set it right; never anything in what is wanted.
    amiss: tuple[Attribute, ...] = ()

    def __str__(self) -> str:
        return f"role {self.name} ({self.mark.kind})"


def fixed_name(prefix: str, kind: RoleKind) -> str:
    """The name of a role of which there is one in a database, such as ``acme_everyone``."""
    return _checked(f"{prefix}_{kind}", "Set a shorter RLS_PERMS['ROLE_PREFIX'].")


def configured_name(prefix: str, short: str, group: str) -> str:
    """The name of the role that settings give a group; refused if PostgreSQL would cut it."""
    return _checked(
        f"{prefix}_{short}", f"Set a shorter name for {group!r} in RLS_PERMS['GROUP_ROLES']."
    )


def generated_name(prefix: str, group: str) -> str:
    """The name of the role of a group that settings do not list."""
    short = slug(group)
    # The database makes the same name (live_name.sql): both lower letters of ASCII alike.
    readable = short and group.isascii() and short == group.lower().replace(" ", "_")
    if not readable or short in RESERVED or short.startswith(RESERVED_STARTS):
        return shortened(f"{prefix}_{short or 'group'}", distinct=f"{prefix}_{group}")
    return shortened(f"{prefix}_{short}")


def other_name(prefix: str, name: str, key: str) -> str:
    """The name of the role of the group *key* where *name* is another's."""
    return shortened(name, distinct=f"{prefix} group {key}")


def tenant_room(prefix: str) -> int:
    """How many bytes of a tenant's key its role's name has room for."""
    return MAX_BYTES - len(f"{prefix}_tenant_")


def tenant_digits(prefix: str) -> int:
    """How many hexadecimal digits stand for a key that cannot stand for itself."""
    return min(24, tenant_room(prefix))


def tenant_name(prefix: str, key: str) -> str:
    """
    The name of the role of the tenant with that key; the database makes the same one.

    A key of as many letters as the digits that stand for others could be one of these.
    """
    room, digits = tenant_room(prefix), tenant_digits(prefix)
    plain = re.fullmatch(f"[a-z0-9_-]{{1,{room}}}", key) and len(key) != digits
    return f"{prefix}_tenant_{key if plain else sha256(key.encode()).hexdigest()[:digits]}"


def permission_name(prefix: str, app_label: str, codename: str) -> str:
    """
    The name of the role of those who hold one permission.

    ``a_b.c`` and ``a.b_c`` would read the same, so a label with ``_`` gets a digest.
    """
    distinct = f"{prefix} {app_label}.{codename}" if "_" in app_label else None
    return shortened(f"{prefix}_can_{app_label}_{codename}", distinct=distinct)


def session_name(prefix: str, parts: Iterable[str], taken: Iterable[str], key: str) -> str:
    """
    The name of the role of one combination of *parts*, names of roles of ours.

    It differs from all of *taken*: a group may be called what a combination would be.
    """
    short = "_".join(sorted(part.removeprefix(f"{prefix}_") for part in parts))
    name = shortened(f"{prefix}_{short}")
    return shortened(name, distinct=f"{prefix} {key}") if name in set(taken) else name


def _checked(name: str, advice: str) -> str:
    if not fits(name):
        raise InvalidRoleName(
            f"The role name {name!r} is {len(name.encode())} bytes long; PostgreSQL keeps "
            f"only {MAX_BYTES}. {advice}"
        )
    return name


@dataclass(frozen=True, slots=True)
class RoleNames:
    """The names of all roles of one project in one database."""

    prefix: str
    database: str
    #: Group name -> short role name, as settings give it.
    configured: Mapping[str, str]

    def fixed(self, kind: RoleKind) -> str:
        return fixed_name(self.prefix, kind)

    def group(self, name: str, key: str | None = None) -> str:
        """
        The role of the group *name*; follows from the name alone, before it exists too.

        With *key*, the generated name that it has where that is another's.
        """
        if name in self.configured:
            return configured_name(self.prefix, self.configured[name], name)
        generated = generated_name(self.prefix, name)
        return generated if key is None else other_name(self.prefix, generated, key)

    def permission(self, name: str) -> str:
        """The role of the holders of *name*, written ``app_label.codename``."""
        app_label, _, codename = name.partition(".")
        return permission_name(self.prefix, app_label, codename)

    def tenant(self, key: str) -> str:
        """The role of the tenant with that key."""
        return tenant_name(self.prefix, key)

    def mark(self, kind: RoleKind, id: str | None = None, bound: str | None = None) -> Mark:
        return Mark(self.prefix, self.database, kind, id, bound)
