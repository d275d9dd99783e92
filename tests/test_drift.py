"""Policies that are not as they were declared are seen, and mended or closed, by the sync."""

import pytest
from django.db import connection, connections
from django.db.models import Q

from rls_perms import Policy, RowSecurity, as_user
from rls_perms.exceptions import PermissionDenied
from tests import people
from tests.office.models import Case, Document, Ticket

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def acme():
    return people.tenant("acme")


@pytest.fixture
def redeclared():
    """The declarations of Case, and policies as they are declared, after the test."""
    before = Case._meta.constraints
    yield
    Case._meta.constraints = before
    declare(before[0])
    people.sync()


def declare(declared):
    Case._meta.constraints = [declared]
    with connections["owner"].schema_editor() as editor:
        editor.execute(declared.create_sql(Case, editor), params=None)


def by_hand(statement):
    with people.owner_cursor() as cursor:
        cursor.execute(statement)


def changed(asker, table, assignment):
    """How many rows *asker* changes by a blind UPDATE."""
    with as_user(asker), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {assignment}")
        return cursor.rowcount


def test_a_policy_that_was_dropped_is_there_again(acme, redeclared):
    editor = people.user("e", tenant=acme, permissions=["office.change_document"])
    people.make(Document(tenant=acme, title="shut", closed=True))
    people.sync()
    by_hand('DROP POLICY "open only update" ON office_document')
    assert changed(editor, "office_document", "title = 'x'") == 1

    people.sync()

    assert changed(editor, "office_document", "title = 'y'") == 0


def test_a_policy_that_was_altered_is_as_declared_again(acme, redeclared):
    other = people.tenant("bolt")
    viewer = people.user("v", tenant=acme, permissions=["office.view_ticket"])
    people.make(Ticket(tenant=other, title="theirs"))
    people.sync()
    for name in ("floor", "permission"):
        by_hand(f'ALTER POLICY "{name} select" ON office_ticket USING (true)')
    assert len(people.seen(viewer, Ticket, acme)) == 1

    people.sync()

    assert people.seen(viewer, Ticket, acme) == set()


def test_a_second_sync_after_the_mend_has_nothing_to_do(redeclared):
    by_hand('DROP POLICY "open only update" ON office_document')
    people.sync()

    people.nothing_to_do()


def test_a_policy_of_somebody_elses_that_shows_rows_closes_the_table(acme, redeclared):
    viewer = people.user("v", tenant=acme, permissions=["office.view_ticket"])
    people.make(Ticket(tenant=acme, title="ours"))
    by_hand("CREATE POLICY everything ON office_ticket USING (true)")
    people.sync()

    with pytest.raises(PermissionDenied, match="office_ticket"):
        people.seen(viewer, Ticket, acme)

    by_hand("DROP POLICY everything ON office_ticket")
    people.sync()
    assert len(people.seen(viewer, Ticket, acme)) == 1


def test_a_new_declaration_closes_its_table_until_the_sync(acme, redeclared):
    nothing = people.user("n", tenant=acme)
    people.make(Case(tenant=acme))
    for_all = Policy("all", using=Q(), permission_required=False)
    declare(RowSecurity(tenant="tenant", policies=[for_all], name="office_case_rls"))
    people.sync()
    assert len(people.seen(nothing, Case, acme)) == 1

    declare(RowSecurity(tenant="tenant", name="office_case_rls"))

    with pytest.raises(PermissionDenied, match="office_case"):
        people.seen(nothing, Case, acme)


def test_a_declaration_taken_out_of_the_code_alone_opens_nothing(acme, redeclared):
    nothing = people.user("n", tenant=acme)
    people.make(Case(tenant=acme))
    Case._meta.constraints = []

    people.sync()

    with pytest.raises(PermissionDenied, match="office_case"):
        people.seen(nothing, Case, acme)
