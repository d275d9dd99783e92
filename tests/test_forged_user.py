"""What a forged user can read where contexts are not signed: docs/permissions.md says it so."""

import pytest
from django.db import connection, transaction
from guardian.shortcuts import assign_perm

from rls_perms import as_user
from rls_perms.exceptions import PermissionDenied
from tests import people
from tests.office.models import Contract, Document

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def victim(db):
    acme, other = people.tenant("acme"), people.tenant("other")
    viewers = people.group("Viewers", "office.view_document")
    made = people.user("victim", tenant=acme, groups=[viewers])
    for tenant, title in ((acme, "granted"), (other, "granted elsewhere")):
        contract = people.make(Contract(tenant=tenant, title=title))
        assign_perm("office.view_contract", made, contract)
    people.make(Contract(tenant=acme, title="nobody's"))
    people.make(Document(tenant=acme, title="own", owner=made))
    people.make(Document(tenant=acme, title="by permission"))
    people.user("attacker", tenant=acme)
    people.sync()
    return made


@pytest.fixture
def attacker(victim):
    """Somebody in the same tenant who may see nothing, and whose view lets SQL be injected."""
    made = type(victim).objects.get(username="attacker")
    with transaction.atomic(), as_user(made):
        assert rows(CONTRACTS) == rows(DOCUMENTS) == set()
        yield made
        transaction.set_rollback(True)


CONTRACTS = "SELECT title FROM office_contract"
DOCUMENTS = "SELECT title FROM office_document"


def forging(user, statement):
    """Two statements in one message, of which the first is injected."""
    return f"SELECT set_config('rls_perms.user_id', '{user.pk}', true); {statement}"


def rows(statement):
    """What the last statement of a message answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        while cursor.nextset():
            pass
        return {row[0] for row in cursor.fetchall()}


def test_a_forged_user_reads_the_rows_granted_to_that_user_in_the_same_tenant(victim, attacker):
    assert rows(forging(victim, CONTRACTS)) == {"granted"}


def test_a_forged_user_reads_rows_of_policies_with_that_user_and_none_by_permission(
    victim, attacker
):
    assert rows(forging(victim, DOCUMENTS)) == {"own"}


def test_a_forged_user_reads_the_keys_that_the_user_is_granted(victim, attacker):
    keys = "SELECT object_id FROM rls_perms.office_contract_view_user"

    assert len(rows(forging(victim, keys))) == 2


def test_a_forged_user_does_not_read_guardians_tables(victim, attacker):
    with pytest.raises(PermissionDenied, match="permission denied for table guardian_"):
        rows(forging(victim, "SELECT object_pk FROM guardian_userobjectpermission"))


def test_the_next_message_is_the_asking_users_again(victim, attacker):
    rows(forging(victim, CONTRACTS))

    assert rows(CONTRACTS) == set()
