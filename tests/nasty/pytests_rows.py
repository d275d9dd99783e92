"""What PostgreSQL allows on nasty models is what Django says; run by tests/test_nasty.py."""

import datetime
import os
import uuid

import pytest
from django.db import connections
from guardian.utils import get_user_obj_perms_model

from rls_perms import as_user
from rls_perms.exceptions import PermissionDenied
from rls_perms.keywords import SHOWING
from tests.nasty.models import Big, Child, Day, Grandchild, OfTeams, Parent, Small, Token, Word
from tests.nasty.world import BIG_KEYS, COLUMNS, OWNER, Truth, World, nothing_to_do, sync_roles
from tests.trials import inserts, tried

pytestmark = pytest.mark.usefixtures("db")

# More, and others each time: RLS_PERMS_EXAMPLES=50.
SEEDS = range(int(os.environ.get("RLS_PERMS_EXAMPLES", "2")))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_database_allows_what_has_perm_allows(seed):
    world = World(seed)

    found, cases = differences(world)

    print(f"seed {seed}: {cases} cases")
    assert found == []
    assert cases > 5000
    nothing_to_do()


LOOSENED = {
    # Without the content type, grants on rows of other models count.
    Small: "CREATE OR REPLACE VIEW rls_perms.nasty_small_view_user WITH (security_barrier) AS"
    " SELECT object_pk::bigint AS object_id, object_pk::text AS object_text FROM {user_grants}"
    " WHERE {holder} = rls_perms.user_id() AND object_pk ~ '^[1-9][0-9]?$'",
    Word: 'DROP POLICY "object grants update" ON "nasty Word"',
    # A parent's view without the grants on its children.
    Parent: "CREATE OR REPLACE VIEW rls_perms.nasty_parent_view_user WITH (security_barrier) AS"
    " SELECT NULL::bigint AS object_id, NULL::text AS object_text WHERE false",
}


@pytest.mark.parametrize("model", LOOSENED)
def test_a_difference_is_found(model):
    world = World(0)
    grants = get_user_obj_perms_model()._meta
    statement = LOOSENED[model].format(
        user_grants=grants.db_table, holder=f'"{grants.get_field("user").column}"'
    )
    with connections[OWNER].cursor() as cursor:
        cursor.execute(statement)
    try:
        found, _ = differences(world, [model])
        assert found
    finally:
        with connections[OWNER].schema_editor() as editor:
            declared = model._meta.constraints[0]
            editor.execute(declared.create_sql(model, editor), params=None)
        sync_roles()


def differences(world, models=tuple(COLUMNS)):
    """Each case in which PostgreSQL and Django do not agree, and how many there were."""
    found, cases, known = [], 0, {}
    for asker, firm in world.askers():
        truth = Truth(world, asker, firm, known)
        for model, column in ((one, COLUMNS[one]) for one in models):
            rows = world.rows[model]
            for command in SHOWING:
                allowed = {row.pk for row in rows if truth.allows(row, command.action)}
                actual = tried(asker, firm, model, command, column)
                cases += len(rows)
                if actual != allowed:
                    found.append((str(asker), str(firm), model, str(command), actual ^ allowed))
            shown = {row.pk for row in rows if truth.allows(row, "view")}
            actual = seen_by_orm(asker, firm, model)
            cases += len(rows)
            if actual != shown:
                found.append((str(asker), str(firm), model, "ORM", actual ^ shown))
            for row, values in new_rows(world, model):
                allowed = truth.inserts(row)
                for returning in (False, True):
                    cases += 1
                    actual = inserts(asker, firm, model, values, returning=returning)
                    if actual != allowed:
                        found.append((str(asker), str(firm), model, "INSERT", returning, actual))
    return found, cases


def seen_by_orm(asker, firm, model):
    """The keys of whole instances, so that a child is joined with its parents."""
    with as_user(asker, tenant=firm):
        try:
            return {row.pk for row in model.objects.all()}
        except PermissionDenied:
            return set()


def new_rows(world, model):
    for number, firm in enumerate(world.firms):
        match model:
            case _ if model is Big:
                row = Big(pk=BIG_KEYS[8 + number], firm=firm)
            case _ if model is Word:
                row = Word(pk=f"new {number}")
            case _ if model is Day:
                row = Day(pk=datetime.date(1999, 12, 30 + number), firm=firm)
            case _ if model in (Token, OfTeams):
                row = model(pk=uuid.uuid4(), firm=firm)
            case _ if model in (Child, Grandchild):
                row = part_of(model, world, firm)
            case _:
                row = model(firm=firm)
        if row is not None:
            fields = [one for one in model._meta.local_concrete_fields if one.name != "id"]
            values = {one.column: getattr(row, one.attname) for one in fields}
            if row.pk is not None:
                values[model._meta.pk.column] = row.pk
            yield row, values


def part_of(model, world, firm):
    """A child to be, of a row that is no such child yet."""
    part = {Child: Parent, Grandchild: Child}[model]
    taken = {row.pk for row in world.rows[model]}
    for row in part.objects.using(OWNER).filter(firm=firm).order_by("pk"):
        if row.pk not in taken:
            made = model(pk=row.pk, firm=firm)
            made.parent_ptr_id = row.pk
            return made
    return None
