"""The keys for signed contexts, as a database keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg import sql

from rls_perms.statements.render import joined, template


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key of the application as the padded blocks of HMAC."""

    fingerprint: str
    inside: bytes = field(repr=False)
    outside: bytes = field(repr=False)


def keep(keys: Sequence[KnownKey]) -> sql.Composed:
    """Write *keys* in place of those that are there; and the database's own, once it needs one."""
    if not keys:
        return template("forget_signing_keys")
    rows = joined(
        sql.SQL("({}, {}, pg_catalog.decode({}, 'hex'), pg_catalog.decode({}, 'hex'))").format(
            sql.Literal(position),
            sql.Literal(one.fingerprint),
            sql.Literal(one.inside.hex()),
            sql.Literal(one.outside.hex()),
        )
        for position, one in enumerate(keys)
    )
    return joined(
        [
            template("forget_signing_keys"),
            template("keep_signing_keys", rows=rows),
            template("make_proof_key"),
        ],
        "\n",
    )
