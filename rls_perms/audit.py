"""
Tell the log ``rls_perms.audit`` and receivers of a signal who entered what and what was denied.

No event holds a value of a row, its key included, nor PostgreSQL's own words, which may: it
says who, what kind of thing, and on which model.
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal

from rls_perms.context import Asker, Context

if TYPE_CHECKING:
    from django.db.models import Model

logger = logging.getLogger("rls_perms.audit")

#: Sent with ``event``; the sender is its Kind, so a receiver may ask for one kind only.
audited = Signal()


class Kind(Enum):
    """What an event tells of, and the level at which the log has it."""

    #: A context came to a database for the first time, and this is the role that it got.
    ENTERED = "entered"
    #: Somebody sees more than a user of one tenant: all tenants, or all rows of one.
    ELEVATED = "elevated"
    #: Something was refused: by PostgreSQL, or before it was asked.
    DENIED = "denied"

    @property
    def level(self) -> int:
        return logging.DEBUG if self is Kind.ENTERED else logging.INFO


class Cause(Enum):
    """Why something was denied."""

    #: The role lacks a privilege on the table, or on a column of it.
    PRIVILEGE = "privilege"
    #: Row-level security: a new row does not pass.
    POLICY = "policy"
    #: The row is shown, and PostgreSQL left it out of an UPDATE or a DELETE.
    PASSED_OVER = "passed over"
    #: A field that has ColumnPermissions.
    COLUMN = "column"
    #: The login may not become the role.
    ROLE = "role"
    #: A tenant to which the user does not belong, or a row of another tenant than the context's.
    TENANT = "tenant"
    #: STRICT_MODE and a statement without a context, or one that the database does not take.
    CONTEXT = "context"
    #: SQLSTATE 42501 for another reason, such as a function of the project's own.
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    What happened. Everything but *kind* is text; None is what is not known, or not there.

    - *asker*: ``"user"``, ``"anonymous"``, ``"role"``, ``"system"``; None without a context;
    - *user*, *tenant*: keys; *role*: PostgreSQL's name of the role; *database*: the alias;
    - *reason*: why somebody was elevated, as ``as_system(reason=...)`` says it;
    - *cause*: why something was denied (``Cause``), with *model* (its label), *action*
      (``view``, ``add``, ``change``, ``delete``) and *sqlstate*, where PostgreSQL refused.
    """

    kind: Kind
    asker: str | None = None
    user: str | None = None
    tenant: str | None = None
    role: str | None = None
    database: str | None = None
    reason: str | None = None
    cause: str | None = None
    model: str | None = None
    action: str | None = None
    sqlstate: str | None = None

    def fields(self) -> dict[str, str | None]:
        """Every field as text, *kind* as ``event``: what a record of the log has, too."""
        named: dict[str, Any] = asdict(self)
        return {"event": named.pop("kind").value, **named}

    def __str__(self) -> str:
        match self.kind:
            case Kind.ENTERED:
                return f"context entered: {self._who()}"
            case Kind.ELEVATED:
                # That of as_system is whole by its reason; of others one wants to know who.
                who = "" if self.asker == Asker.SYSTEM.value else f"{self._who(role=False)}, "
                name = "superuser" if self.tenant is not None else "system"
                return f"{name} role entered: {who}{self.reason}"
            case Kind.DENIED:
                what = " ".join(filter(None, (self.action, self.model)))
                asked = "a request" if self.database is None else "a statement"
                return f"denied: {self._who()}: {what or asked} ({self.cause})"

    def _who(self, *, role: bool = True) -> str:
        if self.asker is None:
            return "the login role, without a context"
        named = {
            Asker.USER.value: f"user {self.user}",
            Asker.ANONYMOUS.value: "nobody",
            Asker.ROLE.value: "no user",
            Asker.SYSTEM.value: "the system",
        }[self.asker]
        tenant = "" if self.tenant is None else f" in tenant {_on_one_line(self.tenant)}"
        return f"{named}{tenant}{f' (role {self.role})' if role and self.role else ''}"


def entered(context: Context, role: str, database: str) -> Event | None:
    """The event of a context that came to *database*; None if nobody listens to such."""
    if not (audited.has_listeners(Kind.ENTERED) or logger.isEnabledFor(logging.DEBUG)):
        return None
    return Event(kind=Kind.ENTERED, role=role, database=database, **_of(context))


def became_system(context: Context, role: str, database: str) -> Event:
    """The event of a superuser that *database* let see all tenants."""
    reason = "without a tenant"
    return Event(
        kind=Kind.ELEVATED, role=role, database=database, **_of(context) | {"reason": reason}
    )


def elevated(context: Context, *, reason: str | None = None) -> Context:
    """*context*, once its elevation is told; an error of a receiver keeps it from being entered."""
    known = _of(context)
    tell([Event(kind=Kind.ELEVATED, **known | {"reason": reason or known["reason"]})])
    return context


def denied(
    cause: Cause,
    context: Context | None,
    *,
    role: str | None = None,
    database: str | None = None,
    model: "type[Model] | None" = None,
    action: str | None = None,
    sqlstate: str | None = None,
) -> None:
    """Tell a denial. It is raised in any case, so an error of a receiver is logged by Django."""
    event = Event(
        kind=Kind.DENIED,
        cause=cause.value,
        role=role,
        database=database,
        model=None if model is None else model._meta.label,
        action=action,
        sqlstate=sqlstate,
        **_of(context),
    )
    tell([event], robust=True)


def tell(events: Iterable[Event], *, robust: bool = False) -> None:
    """Log and send *events*; with *robust*, what a receiver raises is logged, not raised."""
    for event in events:
        logger.log(event.kind.level, "%s", event, extra=event.fields())
        send = audited.send_robust if robust else audited.send
        send(sender=event.kind, event=event)


def _on_one_line(text: str) -> str:
    """*text*, which a request may have brought: it must not write lines of its own in the log."""
    return text if text.isprintable() else ascii(text)


def _of(context: Context | None) -> dict[str, Any]:
    if context is None:
        return {}
    return {
        "asker": context.asker.value,
        "user": context.user,
        "tenant": context.tenant,
        "reason": context.reason,
    }
