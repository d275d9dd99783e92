"""As whom, and in which tenant, the code that runs now speaks to the database."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Asker(Enum):
    """Who asks: decides how the role is found."""

    USER = "user"
    ANONYMOUS = "anonymous"
    ROLE = "role"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    What a transaction carries. Keys are text, as the settings that carry them are.

    *role* is a short name without prefix, for ``as_role``; for the others the database
    finds the role.
    """

    asker: Asker
    user: str | None = None
    tenant: str | None = None
    role: str | None = None
    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        who = {
            Asker.USER: f"user {self.user}",
            Asker.ANONYMOUS: "nobody",
            Asker.ROLE: f"role {self.role}",
            Asker.SYSTEM: "the system",
        }[self.asker]
        return who if self.tenant is None else f"{who} in tenant {self.tenant}"


NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the database answered for a context: its role, and the user that policies see."""

    role: str
    user: str
    #: Parameters that go along with the role.
    settings: tuple[tuple[str, str], ...] = ()
    #: What proves the context for the rest of the transaction, where contexts are signed.
    proof: str | None = field(default=None, repr=False)

    @property
    def names(self) -> frozenset[str]:
        """The names of these parameters."""
        return frozenset(name for name, _ in self.settings) if self.settings else NONE


@dataclass(frozen=True, slots=True)
class ClosedColumns:
    """Columns with ColumnPermissions, each with its table, that a role may not read or change."""

    unreadable: frozenset[tuple[str, str]] = frozenset()
    unchangeable: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True, eq=False)
class Entered:
    """
    A context from entering it to leaving it, with what the database said of it.

    Two entries are never equal: each asks the database anew, so a group that was taken
    away counts from the next one.
    """

    context: Context
    #: Alias -> what was answered and committed: it counts for the rest of the context.
    resolved: dict[str, Resolved] = field(default_factory=dict)
    #: Alias -> what was answered last, rolled back or not: for messages and the audit log.
    heard: dict[str, Resolved] = field(default_factory=dict)
    #: Alias -> what was answered of columns, once a statement had to know.
    closed: dict[str, ClosedColumns] = field(default_factory=dict)
    #: What leaving goes back to, and who entered.
    previous: "Source | None" = None
    by: object = None

    def entered(self) -> "Entered":
        return self

    @property
    def found(self) -> "Entered":
        return self

    def names(self, *always: str) -> frozenset[str]:
        """The names of all settings that a transaction carries for it."""
        return frozenset((*always, *(name for name, _ in self.context.settings)))


class Source(Protocol):
    """Something that knows the context, perhaps only once it is needed."""

    def entered(self) -> Entered: ...

    #: The context as far as it was needed by now; asks nobody.
    @property
    def found(self) -> Entered | None: ...


#: The context in force; None is no context: the login role, which may do almost nothing.
current: ContextVar[Source | None] = ContextVar("rls_perms_context", default=None)


def current_context() -> Context | None:
    """The context in force, found now if it was not needed before; None if there is none."""
    source = current.get()
    return None if source is None else source.entered().context
