"""What a database holds, or should hold: one type for both."""

from dataclasses import dataclass, field
from typing import Literal

from rls_perms.grants import Grant, Membership, RoleSetting
from rls_perms.roles import Role


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """
    Which role stands for what, where the database looks it up.

    The key of a part is its first letter and primary key (``g3``, ``p12``), that of a
    session the keys of its parts in order, with commas.
    """

    kind: Literal["part", "session"]
    key: str
    role: str

    def __str__(self) -> str:
        return f"{self.role} for {self.kind} {self.key!r}"


@dataclass(frozen=True, order=True, slots=True)
class Definition:
    """Functions, or a view, by a digest of the SQL that makes them."""

    name: str
    digest: str
    #: The SQL itself; known only of what is wanted, and no part of the comparison.
    sql: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class State:
    """Roles, memberships, grants and role settings of one project in one database."""

    roles: frozenset[Role] = field(default_factory=frozenset)
    memberships: frozenset[Membership] = field(default_factory=frozenset)
    grants: frozenset[Grant] = field(default_factory=frozenset)
    #: Names in the project's name space that belong to somebody else: they have no mark.
    foreign: frozenset[str] = field(default_factory=frozenset)
    #: Roles in the project's name space that another database of the cluster made.
    elsewhere: frozenset[Role] = field(default_factory=frozenset)
    definitions: frozenset[Definition] = field(default_factory=frozenset)
    entries: frozenset[Entry] = field(default_factory=frozenset)
    settings: frozenset[RoleSetting] = field(default_factory=frozenset)
