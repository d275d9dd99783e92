"""The proof for users on nasty models; run by tests/test_nasty.py."""

import os

import pytest
from django.db import connections

from rls_perms.testing import assert_permissions_match
from tests.nasty.models import Child, Parent, Word
from tests.nasty.world import COLUMNS, OWNER, World, sync_roles

pytestmark = pytest.mark.usefixtures("db")

# More, and others each time: RLS_PERMS_EXAMPLES=50.
SEEDS = range(100, 100 + int(os.environ.get("RLS_PERMS_EXAMPLES", "1")))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_database_allows_what_django_allows(seed):
    World(seed)

    answers = {model._meta.label: assert_permissions_match(model) for model in COLUMNS}

    print(f"seed {seed}: {sum(answers.values())} answers")
    assert sum(answers.values()) > 10_000


LOOSENED = {
    Word: 'ALTER POLICY "object grants delete" ON "nasty Word" USING (true)',
    Parent: "CREATE OR REPLACE VIEW rls_perms.nasty_parent_change_user WITH (security_barrier) AS"
    " SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false",
    Child: 'DROP POLICY "object grants select" ON nasty_child',
}


@pytest.mark.parametrize("model", LOOSENED)
def test_a_difference_is_found(model):
    World(100)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(LOOSENED[model])

    try:
        with pytest.raises(AssertionError, match="PostgreSQL and Django differ in"):
            assert_permissions_match(model)
    finally:
        sync_roles()
