"""What policies cost, where it does not depend on the machine: the shape of the plan."""

import pytest
from django.db import connection, connections
from guardian.models import UserObjectPermission

from rls_perms import ObjectPermissions, RowSecurity, as_user
from tests import kept, people
from tests.declaring import declared
from tests.office.models import Case, Contract, Document, User

ROWS = 20_000


@pytest.fixture(scope="module")
def archive(deployed):
    """A table large enough for the planner to care, and a user with some grants on it."""
    kept.empty()
    acme = people.tenant("acme")
    viewers = people.group("Clerks", "office.view_document", "office.view_case")
    people.user("clerk", tenant=acme, groups=[viewers])
    reader = people.user("reader", tenant=acme)
    Document.objects.using("owner").bulk_create(
        Document(tenant=acme, title=f"d{number}") for number in range(ROWS)
    )
    contracts = Contract.objects.using("owner").bulk_create(
        Contract(tenant=acme, title=f"c{number}") for number in range(ROWS)
    )
    view = people.permission("office.view_contract")
    UserObjectPermission.objects.using("owner").bulk_create(
        UserObjectPermission(
            user=reader, permission=view, content_type=view.content_type, object_pk=str(one.pk)
        )
        for one in contracts[:50]
    )
    people.sync()
    with people.owner_cursor() as cursor:
        cursor.execute("ANALYZE")
    yield
    connections.close_all()


def plan(name, query):
    """The plan of *query* for the user *name*, as text."""
    with as_user(User.objects.get(username=name)), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_who_holds_the_permission_pays_nothing_for_object_grants(archive):
    found = plan("clerk", "SELECT count(*) FROM office_document")

    assert "guardian" not in found
    assert "office_document_view_user" not in found
    assert "new_" not in found


def test_nor_where_users_may_hold_thousands_of_grants(archive):
    many = RowSecurity(tenant="tenant", policies=[ObjectPermissions(many_grants=True)], name="many")
    with declared((Case, many)):
        held, granted = (
            plan(name, "SELECT count(*) FROM office_case") for name in ("clerk", "reader")
        )

    assert "guardian" not in held
    assert "office_case_view_user" not in held
    assert "grants_of_" not in held
    # Where that is in the plan of whoever does not hold the permission.
    assert "guardian" in granted


def test_object_grants_are_found_by_the_index_of_the_key(archive):
    found = plan("reader", "SELECT * FROM office_contract WHERE title LIKE 'c%'")

    assert "office_contract_pkey" in found
    assert "Seq Scan on office_contract" not in found


def test_the_tenant_and_the_grants_are_computed_once_a_statement(archive):
    found = plan("reader", "SELECT * FROM office_contract")

    assert "SubPlan" not in found
    assert "InitPlan" in found


def test_a_key_is_looked_up_by_its_index(archive):
    assert "office_document_pkey" in plan("clerk", "SELECT * FROM office_document WHERE id = 7")
    assert "office_document_pkey" in plan("reader", "SELECT * FROM office_document WHERE id = 7")
