"""Each form in which a policy compares a row with grants allows what has_perm allows."""

import pytest
from django.apps import apps
from django.db import connection, connections

from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration
from rls_perms.statements.grant_forms import form_function
from tests.nasty.pytests_rows import differences
from tests.nasty.world import OWNER, World, sync_roles

pytestmark = pytest.mark.usefixtures("db")

#: And "listed", which pytests_rows.py has: its worlds grant few rows.
FORMS = ("hashed", "either", "probed")


@pytest.fixture
def choose():
    """Have all policies that choose a form choose the same one, whatever is granted."""

    # Estimates for look-ups along three parents are high, and PostgreSQL would compile each plan.
    with connection.cursor() as cursor:
        cursor.execute("SET jit = off")

    def say(form):
        with connections[OWNER].cursor() as cursor:
            for model in apps.get_models():
                declared = declaration(model)
                if declared is not None and declared.arms.many_grants:
                    cursor.execute(
                        f'CREATE OR REPLACE FUNCTION rls_perms."{form_function(table_of(model))}"'
                        "(action text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE"
                        f" RETURN '{form}'"
                    )

    yield say
    sync_roles()
    with connection.cursor() as cursor:
        cursor.execute("RESET jit")


@pytest.mark.parametrize("form", FORMS)
def test_a_form_allows_what_django_allows(form, choose):
    world = World(31)
    choose(form)

    found, cases = differences(world)

    assert found == []
    assert cases > 1000
