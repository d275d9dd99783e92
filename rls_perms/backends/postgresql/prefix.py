"""What goes before a statement: as whom it is to run, and the statements that see to it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from rls_perms.context import Entered
from rls_perms.signing import Signer
from rls_perms.statements import session as text

#: A statement with one of these tags may have set anything, for the rest of the session too.
SETTING_ANYTHING = (b"DISCARD", b"DO", b"CALL")

#: One with these may have set something.
SETTING = (*SETTING_ANYTHING, b"SET", b"RESET")

#: One with these has written rows.
WRITING = (b"INSERT", b"UPDATE", b"DELETE", b"MERGE", b"TRUNCATE")

#: SET and RESET are harmless unless they name one of these, or a setting of our own.
ROLE_WORDS = (b"role", b"authorization", b"all", b"u&")


@functools.lru_cache(10_000)
def rendered(write: Callable[..., sql.Composed], *values: Any) -> bytes:
    """A statement of a prefix: the same users, tenants and roles come again and again."""
    return write(*values).as_bytes(None)


class Unknown:
    """What is applied after an error or a rollback: anything."""


UNKNOWN = Unknown()


class Keep:
    """What a savepoint wants: whatever is applied."""


KEEP = Keep()


@dataclass(frozen=True, slots=True)
class Plain:
    """What a statement without a role wants: a fixed role, None being the login itself."""

    role: str | None = None


#: What stands for the login itself.
LOGIN = Plain()

Wanted = Entered | Plain | Keep


@dataclass(slots=True)
class Prefix:
    """What goes before a statement: its statements, and where the database's answer is."""

    wanted: Wanted
    statements: list[bytes] = field(default_factory=list)
    #: Index of the statement that answers with role and user; None if they are known.
    answer: int | None = None
    #: Settings that a context has set since BEGIN, and those that are not cleared by now.
    touched: frozenset[str] = frozenset()
    standing: frozenset[str] = frozenset()

    def message(self) -> bytes:
        return b"; ".join(self.statements)


@dataclass(slots=True)
class Roles:
    """How one alias speaks to its database: given to each connection by its wrapper."""

    #: What the next statement wants.
    wanted: Callable[[], Wanted]
    alias: str
    guc_prefix: str
    #: Whether parameters may go along with a role.
    has_settings: bool
    #: Whether each tenant has a role.
    has_tenant_roles: bool
    #: What a transaction starts as: the login, or in tests the owner.
    base: Plain
    #: Make a missing role over a connection of its own; None in tests, where it would wait.
    make_apart: Callable[[Entered], None] | None
    #: Forget what is known of the roles of contexts; and the tables on which they depend.
    ask_again: Callable[[], None]
    deciding: tuple[bytes, ...]
    #: Refuse a statement that needs a context and has none.
    refuse: Callable[[Any], None]
    #: What a test database does before a context is applied: its roles follow the auth tables.
    follow: Callable[[], None] | None = None
    #: Signs contexts; None where they are not signed.
    signer: Signer | None = None

    @property
    def proof_setting(self) -> str:
        return f"{self.guc_prefix}.proof"

    @property
    def own_settings(self) -> tuple[str, ...]:
        """The settings that every context sets."""
        if self.signer is not None:
            return (self.proof_setting,)
        return (self.tenant_setting, self.user_setting)

    @property
    def user_setting(self) -> str:
        return f"{self.guc_prefix}.user_id"

    @property
    def tenant_setting(self) -> str:
        return f"{self.guc_prefix}.tenant_id"

    def clears(self, name: str) -> bytes:
        """The statement that takes back what a context set."""
        if name.startswith(f"{self.guc_prefix}."):
            return rendered(text.set_local, name, "")
        return rendered(text.reset_parameter, name)

    def decided_by(self, tag: bytes, query: Any) -> bool:
        """Whether a statement may have changed which role a user has."""
        if query is None or not tag.startswith(WRITING):
            return False
        return any(table in query.query for table in self.deciding)

    def unsettled_by(self, tag: bytes, query: Any) -> bool:
        """Whether one of ``SETTING`` may have set a role or a setting of ours by itself."""
        if tag in SETTING_ANYTHING or query is None:
            return True
        lower = query.query.lower()
        return any(word in lower for word in (*ROLE_WORDS, self.guc_prefix.encode()))
