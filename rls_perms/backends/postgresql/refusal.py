"""Say why a database does not take a context, where it or the application signs them."""

import psycopg
from psycopg import errors

from rls_perms.exceptions import ContextRefused

#: Nothing proves the context, what proves it does not hold, or is for another role; the token is
#: signed with no known key, expired, for another database, for another backend; nothing to prove
#: it with.
REFUSALS = ("RP020", "RP021", "RP022", "RP023", "RP024", "RP025", "RP026", "RP027")

_LEFT = (
    "a pooler gave this connection a session in which another role was left: see docs/servers.md."
)
_UNSIGNED = (
    "This application enters contexts without a signature, and the database takes signed ones "
    "only. Set RLS_PERMS['SIGNED_CONTEXT'] to True, as it was when sync_pg_roles ran; or run "
    f"sync_pg_roles with False. If it never was True, {_LEFT}"
)
_NOT_SIGNED = (
    "This application signs contexts (RLS_PERMS['SIGNED_CONTEXT']), and the database is not set up "
    "for that. Run sync_pg_roles with the same settings and the owner's credentials. If it is set "
    f"up, {_LEFT}"
)
#: What a login may call that enters contexts: unsigned ones, and signed ones.
_ENTERING = ("session_role", "make_session_role", "named_role", "role_settings")
_ENTERING_SIGNED = "enter"


def refused(error: psycopg.Error, *, signs: bool, entered: bool) -> ContextRefused | None:
    """
    The exception for *error* if it says that a context was not taken; None if it does not.

    *entered*: the context's role is known, so that what is denied is a statement of the project's.
    """
    primary = error.diag.message_primary or ""
    if error.sqlstate in REFUSALS:
        words = f"PostgreSQL refused the context: {primary}. {error.diag.message_hint or ''}"
        return ContextRefused(words.strip(), sqlstate=error.sqlstate)
    names = (_ENTERING_SIGNED,) if signs else _ENTERING
    denied = isinstance(error, errors.InsufficientPrivilege) and primary in {
        f"permission denied for function {name}" for name in names
    }
    missing = isinstance(error, errors.UndefinedFunction) and "rls_perms.enter(" in primary
    if not entered and (denied or (signs and missing)):
        advice = _NOT_SIGNED if signs else _UNSIGNED
        return ContextRefused(f"{advice} ({primary})", sqlstate=error.sqlstate)
    return None
