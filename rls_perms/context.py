"""As whom, and in which tenant, the code that runs now speaks to the database."""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from rls_perms.conf import get_settings
from rls_perms.exceptions import InvalidContext

#: What to_dict() says of its own form; a later one that cannot be read as this has another.
VERSION = 1


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
    finds the role. *reason* is that of ``as_system``. ``to_dict`` and ``from_dict`` take it
    to another process, where ``as_context`` enters it.
    """

    asker: Asker
    user: str | None = None
    tenant: str | None = None
    role: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """
        This context as values of JSON: ``version``, ``asker`` and whatever else it has.

        Nothing in it is signed: ``rls_perms.seal`` does that. Settings that are not set, and
        the prefix of their names, are left out.
        """
        said = {"user": self.user, "tenant": self.tenant, "role": self.role, "reason": self.reason}
        settings = {name.partition(".")[2]: text for name, text in self.settings if text}
        return {
            "version": VERSION,
            "asker": self.asker.value,
            **{key: text for key, text in said.items() if text is not None},
            **({"settings": settings} if settings else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Context":
        """
        The context that ``to_dict`` made *data* of. Raises InvalidContext for anything else.

        It believes what it reads: take it from where nobody else can write, or sealed.
        """
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            version = data.get("version") if isinstance(data, Mapping) else data
            raise InvalidContext(
                f"A context of version {version!r} cannot be read: this rls_perms knows version "
                f"{VERSION}. Let both sides run the same version, and send it again."
            )
        texts = {key: data.get(key) for key in ("user", "tenant", "role", "reason")}
        settings = data.get("settings", {})
        asker = next((one for one in Asker if one.value == data.get("asker")), None)
        unknown = data.keys() - texts.keys() - {"version", "asker", "settings"}
        if unknown or asker is None or not _are_texts(texts.values(), settings):
            raise InvalidContext(
                f"{data!r} is no context: Context.to_dict() makes no such dict. Send what it makes."
            )
        needs = {Asker.USER: "user", Asker.ROLE: "role", Asker.SYSTEM: "reason"}
        has = {key for key in ("user", "role", "reason") if texts[key] is not None}
        # A user without a key would be nobody, and a role beside a user nobody's.
        if has != ({needs[asker]} if asker in needs else set()):
            raise InvalidContext(
                f"{data!r} is no context: the asker {asker.value!r} comes with "
                f"{needs.get(asker, 'nobody')!r} and nothing else. Send what to_dict() makes."
            )
        prefix = get_settings().guc_prefix
        named = tuple(sorted((f"{prefix}.{name}", text) for name, text in settings.items()))
        return cls(asker=asker, settings=named, **texts)

    def __str__(self) -> str:
        who = {
            Asker.USER: f"user {self.user}",
            Asker.ANONYMOUS: "nobody",
            Asker.ROLE: f"role {self.role}",
            Asker.SYSTEM: "the system",
        }[self.asker]
        return who if self.tenant is None else f"{who} in tenant {self.tenant}"


def _are_texts(values: Iterable[Any], settings: Any) -> bool:
    """Whether *values* are texts or None, and *settings* names and texts."""
    return (
        isinstance(settings, Mapping)
        and all(one is None or isinstance(one, str) for one in values)
        and all(isinstance(one, str) for pair in settings.items() for one in pair)
    )


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
