"""rls_perms.W009: whoever holds thousands of grants is told of many_grants, and of jit."""

import pytest
from django.core.checks import run_checks
from django.db import connections
from psycopg.sql import SQL, Identifier

from rls_perms import catalog
from rls_perms.checks import w009_many_grants
from rls_perms.statements import catalog as queries
from tests import databases, people
from tests.office.models import Contract, Document, User

MANY = 30


@pytest.fixture
def few(monkeypatch):
    """As if nobody could hold more than some grants."""
    monkeypatch.setattr(w009_many_grants, "FEW", MANY)


def grant(kind, holder, model, count, action="view"):
    permission = people.permission(f"office.{action}_{model._meta.model_name}")
    with people.owner_cursor() as cursor:
        cursor.execute(
            f"INSERT INTO guardian_{kind}objectpermission"
            f" ({kind}_id, permission_id, content_type_id, object_pk)"
            " SELECT %s, %s, %s, n::text FROM generate_series(1, %s) AS n",
            [holder.pk, permission.pk, permission.content_type_id, count],
        )
        cursor.execute("ANALYZE")


def said(alias="owner"):
    found = run_checks(tags=["database"], databases=[alias])
    return [(one.obj, one.msg, one.hint) for one in found if one.id == "rls_perms.W009"]


@pytest.mark.parametrize("alias", ["owner", "default"])
def test_a_user_with_many_grants_makes_a_project_say_many_grants(db, few, alias):
    grant("user", people.user("holder"), Document, MANY + 1)

    [(model, text, hint)] = said(alias)

    assert model is Document
    assert f"more than {MANY} grants on office.Document" in text
    assert "ObjectPermissions(many_grants=True)" in hint


def test_as_many_as_one_array_is_made_of_are_not_many(db, few):
    grant("user", people.user("holder"), Document, MANY)

    assert said() == []


def test_grants_of_a_users_groups_count_with_their_own(db, few):
    group = people.group("Odd")
    holder = people.user("holder", groups=[group])
    grant("user", holder, Document, MANY // 3)
    grant("group", group, Document, MANY)

    assert [model for model, _, _ in said()] == [Document]


def test_a_group_without_members_is_nobody(db, few):
    grant("group", people.group("Odd"), Document, MANY + 1)

    assert said() == []


def test_grants_of_several_users_are_not_those_of_one(db, few):
    for name in ("one", "other", "third"):
        grant("user", people.user(name), Document, MANY)

    assert said() == []


def test_users_with_as_many_each_are_seen_too(db, few):
    users = User.objects.using("owner").bulk_create(User(username=f"{n}") for n in range(120))
    grant("user", users[0], Document, 1)
    with people.owner_cursor() as cursor:
        cursor.execute(
            "INSERT INTO guardian_userobjectpermission"
            " (user_id, permission_id, content_type_id, object_pk)"
            " SELECT office_user.id, permission_id, content_type_id, 'x' || n"
            " FROM office_user, guardian_userobjectpermission, generate_series(1, %s) AS n",
            [MANY + 1],
        )
        cursor.execute("ANALYZE")

    assert [model for model, _, _ in said()] == [Document]


def test_permissions_that_show_nothing_do_not_count(db, few):
    grant("user", people.user("holder"), Document, MANY + 1, action="add")

    assert said() == []


def test_a_model_that_says_it_is_right_where_nothing_is_compiled(db, few, monkeypatch):
    monkeypatch.setattr(catalog, "compiling", lambda *_: [])
    grant("user", people.user("holder"), Contract, MANY + 1)

    assert said() == []


@pytest.fixture
def compiles(monkeypatch, db):
    """A server that was built with just-in-time compilation, and the login of the web."""
    available = queries.COMPILING.replace("pg_catalog.pg_jit_available()", "true")
    monkeypatch.setattr(queries, "COMPILING", available)
    login = connections["default"].settings_dict["USER"]
    yield login
    databases.administrate(SQL("ALTER ROLE {} RESET jit").format(Identifier(login)))


def test_jit_is_to_be_off_for_the_login_where_plans_look_up_row_by_row(few, compiles):
    grant("user", people.user("holder"), Contract, MANY + 1)
    [(model, text, hint)] = said()

    assert model is Contract
    assert f"{compiles!r} (jit is on)" in text
    assert f'ALTER ROLE "{compiles}" SET jit = off;' in hint

    databases.administrate(SQL(hint.removeprefix("Run: ")))

    assert said() == []


def test_a_table_without_statistics_is_not_read(db, few):
    assert catalog.frequent(connections["owner"], "nothing_here", "id", least=1, limit=9) == []
