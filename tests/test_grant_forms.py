"""In which form policies compare rows with grants: what decides it, and what the plan is then."""

import re

import pytest
from django.db import connection
from django.db.models import Count
from guardian.shortcuts import assign_perm

from rls_perms import as_user
from rls_perms.statements.grant_forms import FEW, NARROW, PAGE, PLAIN
from tests import people
from tests.office.models import Contract, Room, User
from tests.test_plan_shape import plan

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def reader(db):
    """A user with some grants."""
    acme = people.tenant("acme")
    made = people.user("reader", tenant=acme)
    for number in range(20):
        contract = people.make(Contract(tenant=acme, title=f"c{number}"))
        assign_perm("office.view_contract", made, contract)
    people.sync()
    return made


@pytest.fixture
def hoard(reader):
    """A user with more grants than an array is made of."""
    holder = people.user("holder", tenant=reader.tenant)
    view = people.permission("office.view_contract")
    with people.owner_cursor() as cursor:
        cursor.execute(
            "INSERT INTO office_contract (id, tenant_id, title)"
            " SELECT gen_random_uuid(), %s, 'h' || n FROM generate_series(1, %s) AS n",
            [reader.tenant.pk, FEW + 100],
        )
        cursor.execute(
            "INSERT INTO guardian_userobjectpermission"
            " (user_id, permission_id, content_type_id, object_pk)"
            " SELECT %s, %s, %s, id::text FROM office_contract LIMIT %s",
            [holder.pk, view.pk, view.content_type_id, FEW + 1],
        )
        cursor.execute("ANALYZE")
    return holder


def form(name, comment=""):
    with as_user(User.objects.get(username=name)), connection.cursor() as cursor:
        cursor.execute(f"SELECT rls_perms.grants_of_office_contract('view') {comment}")
        return cursor.fetchone()[0]


def test_an_array_is_made_of_few_grants_whatever_is_asked(reader):
    assert {form("reader", comment) for comment in ("", PLAIN, NARROW, PAGE)} == {"listed"}


def test_many_grants_are_hashed_or_looked_up_as_the_statement_says(hoard):
    found = {comment: form("holder", comment) for comment in ("", PLAIN, NARROW, PAGE)}

    assert found == {"": "hashed", PLAIN: "either", NARROW: "probed", PAGE: "hashed"}


def test_texts_that_are_no_key_do_not_count(reader):
    with people.owner_cursor() as cursor:
        cursor.execute(
            "INSERT INTO guardian_userobjectpermission"
            " (user_id, permission_id, content_type_id, object_pk)"
            " SELECT user_id, permission_id, content_type_id, 'x' || n"
            " FROM (SELECT * FROM guardian_userobjectpermission LIMIT 1) AS one,"
            " generate_series(1, %s) AS n",
            [FEW + 1],
        )

    assert form("reader", PAGE) == "listed"


def test_many_grants_are_one_hash_table_a_statement_and_no_probe_of_every_row(hoard):
    found = plan("holder", "SELECT count(*) FROM office_contract WHERE title LIKE '%x%'")

    assert "hashed SubPlan" in found


def test_a_key_is_looked_up_among_many_grants_by_an_index_of_guardians(hoard):
    found = plan("holder", f"SELECT * FROM office_contract WHERE id = gen_random_uuid() {NARROW}")

    assert "hashed SubPlan" not in found
    assert re.search("Index.* Scan using guardian_\\w+ on guardian_userobjectpermission", found)
    # PostgreSQL 15.20 keeps the cast of the row's key out of the view, which 15.18 did not.
    if connection.pg_version >= 160_000:
        assert re.search("object_pk\\)::text = ", found)


def written(queryset, name="reader"):
    """The SQL that the ORM sends for *queryset*."""
    connection.force_debug_cursor, before = True, connection.force_debug_cursor
    connection.queries_log.clear()
    try:
        with as_user(User.objects.get(username=name)):
            list(queryset)
        return connection.queries_log[-1]["sql"]
    finally:
        connection.force_debug_cursor = before


@pytest.mark.parametrize(
    ("queryset", "comment"),
    [
        (Contract.objects.filter(pk="00000000-0000-0000-0000-000000000001"), NARROW),
        (Contract.objects.filter(title__startswith="c12"), NARROW),
        (Contract.objects.filter(title="c1"), PLAIN),
        (Contract.objects.order_by("title")[:5], PAGE),
    ],
)
def test_the_orm_says_of_a_statement_what_is_certain(reader, queryset, comment):
    assert written(queryset).endswith(comment)


@pytest.mark.parametrize(
    "queryset",
    [
        Contract.objects.all(),
        Contract.objects.filter(title__icontains="1").order_by("title")[:5],
        Contract.objects.filter(title__contains="1", pk="00000000-0000-0000-0000-000000000001"),
        Contract.objects.values("tenant").filter(title="c1").annotate(n=Count("pk")),
        Room.objects.filter(pk=1),
    ],
)
def test_the_orm_says_nothing_of_a_statement_that_may_look_at_many_rows(reader, queryset):
    assert "/*" not in written(queryset, "reader")


def test_startswith_finds_by_its_own_index_before_a_policy_is_asked(reader):
    said = written(Contract.objects.filter(title__startswith="c_1%"))

    assert """"title"::text ^@ 'c_1%'""" in said


def test_startswith_says_what_like_says(reader):
    people.make(Contract(tenant=reader.tenant, title="C1"))

    with as_user(reader):
        found = set(Contract.objects.filter(title__startswith="c1").values_list("title", flat=True))

    assert found == {title for title in (f"c{n}" for n in range(20)) if title.startswith("c1")}
