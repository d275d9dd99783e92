"""Who is the creator of a row where each tenant has roles of its own; else tests/nasty tells."""

import pytest
from django.db import connection
from django.db.models import Q

from rls_perms import ANONYMOUS, INSERT, ObjectPermissions, Policy, RowSecurity, as_user
from tests import attacks, deployments, people
from tests.declaring import declared
from tests.office.models import Ticket

pytestmark = pytest.mark.slow

#: Visitors leave tickets, and whoever is signed in keeps theirs.
LEFT = RowSecurity(
    tenant="tenant",
    name="office_ticket_rls",
    policies=[
        ObjectPermissions(creator=["view"]),
        Policy("left", command=INSERT, to=ANONYMOUS, using=Q(), permission_required=False),
    ],
)


def test_a_visitor_is_nobodys_creator_where_tenants_have_roles():
    with deployments.empty() as made, attacks.settings_of(TENANT_ROLES=True):
        deployments.migrate()
        acme = people.tenant("acme")
        adders = people.group("Clerks", "office.add_ticket")
        ann = people.user("ann", tenant=acme, groups=[adders])
        with declared((Ticket, LEFT)):
            with as_user(people.NOBODY, tenant=acme), connection.cursor() as cursor:
                cursor.execute("SELECT current_user::text")
                [role] = cursor.fetchone()
                Ticket.objects.create(tenant=acme, title="a visitor's")
                of_visitor = list(Ticket.objects.all())
            with as_user(ann):
                hers = Ticket.objects.create(tenant=acme, title="ann's")
                of_ann = list(Ticket.objects.all())

    assert role == made.role(f"anonymous_tenant_{acme.pk}")
    assert of_visitor == []
    assert of_ann == [hers]
