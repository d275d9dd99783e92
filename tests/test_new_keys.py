"""Why a new key costs the same at 100 rows and at 200,000: only one is remembered at a time."""

import pytest
from django.db import connection

from rls_perms import as_user
from rls_perms.policies.compile import table_of
from rls_perms.statements.row_security import new_row_setting
from tests import people
from tests.office.models import Document

pytestmark = pytest.mark.usefixtures("db")

ROWS = 300
SETTING = new_row_setting("rls_perms", table_of(Document))
MADE = """
INSERT INTO office_document (tenant_id, title, is_public, closed)
SELECT rls_perms.tenant_id(), 'd' || n, false, false FROM generate_series(1, %s) AS n
RETURNING id::text, current_setting(%s)
"""


@pytest.fixture
def adder():
    """Somebody whom nothing but having made a row shows it."""
    return people.user("adder", tenant=people.tenant(), permissions=["office.add_document"])


def test_one_key_is_remembered_however_many_rows_are_made(adder):
    """Each is compared while it is the one: RETURNING asks the policies for SELECT."""
    people.sync()
    with as_user(adder), connection.cursor() as cursor:
        cursor.execute(MADE, [ROWS, SETTING])
        made = cursor.fetchall()

    assert len({key for key, _ in made}) == ROWS
    assert [remembered for _, remembered in made] == [key for key, _ in made]


def test_the_key_is_forgotten_after_the_statement(adder):
    people.sync()
    with as_user(adder), connection.cursor() as cursor:
        cursor.execute(f"BEGIN; {MADE}", [ROWS, SETTING])
        cursor.execute("SELECT current_setting(%s), count(*) FROM office_document", [SETTING])
        remembered, shown = cursor.fetchone()
        cursor.execute("COMMIT")

    assert (remembered, shown) == ("", 0)
