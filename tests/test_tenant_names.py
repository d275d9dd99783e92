"""What a tenant's role is called: the same in Python and in the database, and never another's."""

import psycopg
import pytest
from psycopg import sql

from rls_perms.roles import tenant_name
from rls_perms.statements.tenants import part_key, part_of, role_name

KEYS = {
    "integer": ["1", "-2", "2147483647"],
    "bigint": ["42", "-9223372036854775808"],
    "uuid": ["6f9619ff-8b86-d011-b42d-00c04fc964ff"],
    "text": [
        "acme", "Acme", "a,b", "a%2Cb", "50%", "x" * 24, "x" * 15, "x" * 63, "", "ä", "it's", '"q"',
        "none", "a b", "a\\b",
    ],
}  # fmt: skip
PREFIXES = ["firm", "p" * 31, "p" * 35, "p" * 40]
CASES = [(kind, key, prefix) for kind in KEYS for key in KEYS[kind] for prefix in PREFIXES]


@pytest.fixture(scope="module")
def server():
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(("kind", "key", "prefix"), CASES)
def test_the_database_calls_a_tenants_role_what_sync_calls_it(server, kind, key, prefix):
    expression = role_name(prefix, kind, sql.Literal(key) + sql.SQL("::text"))
    (name,) = server.execute(sql.SQL("SELECT {}").format(expression)).fetchone()

    assert name == tenant_name(prefix, key)
    assert len(name.encode()) <= 63


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind in KEYS for key in KEYS[kind]])
def test_the_database_writes_the_part_of_a_combination_as_sync_does(server, kind, key):
    expression = part_of(kind, sql.Literal(key) + sql.SQL("::text"))
    (part,) = server.execute(sql.SQL("SELECT {}").format(expression)).fetchone()

    assert part == part_key(key)
    assert "," not in part


@pytest.mark.parametrize("prefix", PREFIXES)
def test_two_tenants_never_share_a_role(prefix):
    keys = {*KEYS["text"], *KEYS["bigint"], *KEYS["uuid"]}
    digits = tenant_name(prefix, "Acme").removeprefix(f"{prefix}_tenant_")

    names = [tenant_name(prefix, key) for key in [*keys, digits]]

    assert len(set(names)) == len(names)
