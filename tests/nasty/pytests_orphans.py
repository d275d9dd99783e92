"""Grants that count for nothing, and indexes that are lacking; run by tests/test_nasty.py."""

import io

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from rls_perms.checks import w008_grants_without_index
from rls_perms.policies.grant_tables import grant_models
from tests.nasty.models import Big, Child, Day, Firm, OfPeople, Small, Token, Word
from tests.nasty.world import OWNER, grant, make, person, team

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize("model", apps.get_app_config("nasty").get_models())
def test_grants_are_where_guardian_has_them(model):
    assert grant_models(model) == {
        "user": get_user_obj_perms_model(model),
        "group": get_group_obj_perms_model(model),
    }


# Orphans


def rls_orphans(**options):
    out = io.StringIO()
    try:
        call_command("rls_orphans", stdout=out, no_color=True, **options)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def owner(statement):
    with connections[OWNER].cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def grants(db):
    """A good grant on a row of each kind, and one of each kind that counts for nothing."""
    firm, ann, crew = make(Firm(code="acme")), person("ann"), team("Crew")
    small, token = make(Small(firm=firm)), make(Token(firm=firm))
    people, day = make(OfPeople(firm=firm)), make(Day(day="2024-01-01", firm=firm))
    child = make(Child(firm=firm))
    for holder in (ann, crew):
        for row in (small, token, people, day, child, make(Word(word=holder._meta.model_name))):
            grant(holder, f"view_{row._meta.model_name}", row)
    grant(ann, "view_big", Big(pk=7))
    grant(crew, "view_token", token, object_pk="JUNK")
    grant(ann, "view_small", small, object_pk=f"0{small.pk}")
    grant(ann, "view_big", small)
    grant(ann, "change_small", people)
    grant(ann, "view_word", Word(word="gone"))


def test_each_grant_that_counts_for_nothing_is_listed_with_the_reason(grants):
    out, error = rls_orphans()

    lines = [line.partition(": ")[2] for line in out.splitlines() if ": " in line]
    assert sorted(line.partition(" (")[0] for line in lines) == [
        "1 grant on nasty.Big whose key is no row's",
        "1 grant on nasty.OfPeople of a permission for another model",
        "1 grant on nasty.Small of a permission for another model",
        "1 grant on nasty.Small whose key is none, as str(obj.pk) writes it",
        "1 grant on nasty.Token whose key is none, as str(obj.pk) writes it",
        "1 grant on nasty.Word whose key is no row's",
    ]
    assert "('JUNK')" in out
    assert error == "Grants that count for nothing: 6. Run the SQL above."


def test_the_sql_removes_them_and_no_other(grants):
    kept = count() - 6
    out, error = rls_orphans(sql=True)
    owner(out)

    assert error == ""
    assert count() == kept
    assert rls_orphans() == ("Every grant is on a row that is there.\n", "")


def count():
    finders = (get_user_obj_perms_model, get_group_obj_perms_model)
    found = {find(model) for find in finders for model in (None, OfPeople, Day, Child)}
    return sum(one._base_manager.using(OWNER).count() for one in found)


def test_the_login_is_told_to_use_the_owners_credentials(grants):
    out, error = rls_orphans(database="default")

    assert out == ""
    assert "Use the owner's credentials" in error


# Indexes


def said(monkeypatch, large=0):
    monkeypatch.setattr(w008_grants_without_index, "LARGE", large)
    found = run_checks(tags=["database"], databases=[OWNER])
    return [one for one in found if one.id == "rls_perms.W008"]


@pytest.fixture
def analyzed(grants):
    finders = (get_user_obj_perms_model, get_group_obj_perms_model)
    for name in {find(model)._meta.db_table for find in finders for model in (None, OfPeople)}:
        owner(f'ANALYZE "{name}"')


def test_small_tables_need_no_index(analyzed):
    found = run_checks(tags=["database"], databases=[OWNER])

    assert [one for one in found if one.id == "rls_perms.W008"] == []


def test_checks_without_a_database_ask_none(analyzed, monkeypatch):
    monkeypatch.setattr(w008_grants_without_index, "LARGE", 0)

    assert [one for one in run_checks() if one.id == "rls_perms.W008"] == []


def test_an_index_that_is_lacking_is_offered_and_then_no_more(analyzed, monkeypatch):
    drop_offered()
    before = said(monkeypatch)
    grants = OfPeople._meta.get_field("ofpeoplegrant").related_model._meta
    owner(f'CREATE INDEX kept ON {grants.db_table} (user_id, permission_id, "Object")')
    for name in indexes(grants.db_table):
        if name != "kept" and "pkey" not in name:
            owner(f'ALTER TABLE {grants.db_table} DROP CONSTRAINT IF EXISTS "{name}"')
            owner(f'DROP INDEX IF EXISTS "{name}"')
    without = said(monkeypatch)
    for warning in without:
        owner(warning.hint.removeprefix("Run: "))
    try:
        assert {one.msg.split("'")[1] for one in without} >= {grants.db_table}
        assert [one for one in before if grants.db_table in one.msg] == []
        assert [one.msg for one in without if grants.db_table in one.msg] == [
            f"{grants.db_table!r} has about 2 grants and no index on (Object): deleting a row "
            "reads all of them."
        ]
        assert said(monkeypatch) == []
    finally:
        drop_offered()


def indexes(table):
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SELECT indexname::text FROM pg_indexes WHERE tablename = %s", [table])
        return [name for (name,) in cursor.fetchall()]


def drop_offered():
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SELECT indexname::text FROM pg_indexes WHERE indexname LIKE '%_rls'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
