"""Foreign keys stay within the tenant: in the database, in forms, and in migrations."""

from contextlib import contextmanager

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, connections, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models import UniqueConstraint
from django.test.utils import isolate_apps

from rls_perms import PermissionDenied, RowSecurity, SameTenant, as_system, as_tenant, as_user
from rls_perms.checks import (
    e010_key_across_tenants,
    w011_unique_across_tenants,
    w012_key_to_other_tenants,
)
from rls_perms.exceptions import ConfigurationError
from rls_perms.models import TenantModel
from tests import people
from tests.office.models import Case, Employee, Payslip, Project, Room, Task, Tenant
from tests.people import OWNER
from tests.studio.models import Campaign, Client, Poster
from tests.studio.world import Studio


@pytest.fixture
def studio(db):
    return Studio()


def insert(tenant, client, payer=None):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO studio_campaign (tenant_id, client_id, payer_id, name)"
            " VALUES (%s, %s, %s, 'raw')",
            [tenant.pk, client.pk, payer and payer.pk],
        )


def campaigns():
    return set(Campaign.objects.using(OWNER).values_list("name", flat=True))


BOTH = {"campaign of acme", "campaign of bolt"}
REFUSED = pytest.raises(IntegrityError, match="studio_campaign_client_tenant")


# The database


def test_a28_raw_sql_cannot_point_at_another_tenants_row(studio):
    with as_user(studio.ann), REFUSED:
        insert(studio.acme, studio.other)

    assert campaigns() == BOTH


def test_a28_the_orm_cannot_either(studio):
    with as_user(studio.ann):
        with REFUSED:
            Campaign.objects.create(client_id=studio.other.pk, name="created")
        with REFUSED:
            Campaign.objects.bulk_create([Campaign(client_id=studio.other.pk, name="bulk")])
        with REFUSED:
            Campaign.objects.update(client=studio.other.pk)

    assert campaigns() == BOTH
    assert Campaign.objects.using(OWNER).get(pk=studio.campaign.pk).client_id == studio.client.pk


@pytest.mark.parametrize("who", ["superuser in the tenant", "superuser", "system", "owner"])
def test_a28_nobody_can(studio, who):
    contexts = {
        "superuser in the tenant": lambda: as_user(studio.boss, tenant=studio.acme),
        "superuser": lambda: as_user(studio.boss),
        "system": lambda: as_system(reason="a test"),
        "owner": lambda: as_owner(),
    }

    with contexts[who](), REFUSED:
        Campaign.objects.using(OWNER if who == "owner" else "default").create(
            tenant_id=studio.acme.pk, client_id=studio.other.pk, name="crossing"
        )

    assert campaigns() == BOTH


@contextmanager
def as_owner():
    yield


def test_a28_a_nullable_key_may_be_empty_and_stays_within_the_tenant(studio):
    with as_user(studio.ann):
        insert(studio.acme, studio.client)
        insert(studio.acme, studio.client, studio.client)
        with pytest.raises(IntegrityError, match="studio_campaign_payer_tenant"):
            insert(studio.acme, studio.client, studio.other)

    assert Campaign.objects.using(OWNER).filter(name="raw").count() == 2


def test_a28_a_parent_with_rows_cannot_move_to_another_tenant_alone(studio):
    with as_system(reason="a test"):
        with pytest.raises(IntegrityError, match="studio_campaign_client_tenant"):
            Client.objects.filter(pk=studio.client.pk).update(tenant=studio.bolt.pk)
        with transaction.atomic():
            Client.objects.filter(pk=studio.client.pk).update(tenant=studio.bolt.pk)
            Campaign.objects.filter(pk=studio.campaign.pk).update(tenant=studio.bolt.pk)

    assert Campaign.objects.using(OWNER).get(pk=studio.campaign.pk).tenant_id == studio.bolt.pk


def test_a28_it_is_checked_at_the_end_of_a_transaction_as_djangos_are(studio):
    with as_user(studio.ann), REFUSED, transaction.atomic():
        insert(studio.acme, studio.other)
        assert campaigns() == BOTH

    with as_user(studio.ann), transaction.atomic():
        insert(studio.acme, studio.other)
        Campaign.objects.filter(name="raw").update(client=studio.client)
    assert Campaign.objects.using(OWNER).get(name="raw").client_id == studio.client.pk


def test_a28_deleting_goes_on_as_before(studio):
    people.make(
        Campaign(tenant=studio.acme, client=studio.client, payer=studio.client, name="second")
    )

    with as_user(studio.ann):
        deleted = studio.client.delete()

    assert deleted[1] == {"studio.Campaign": 2, "studio.Client": 1}


def test_a28_the_error_is_the_same_for_a_row_that_is_nowhere(studio):
    nowhere = Client(pk=studio.other.pk + 1000)
    with as_user(studio.ann):
        with pytest.raises(IntegrityError) as hidden:
            insert(studio.acme, studio.other)
        with pytest.raises(IntegrityError) as missing:
            insert(studio.acme, nowhere)

    details = [one.value.__cause__.diag.message_detail for one in (hidden, missing)]
    assert "is not present in table" in details[0]
    assert "is not present in table" in details[1]


# full_clean(), forms, the admin


def test_a28_full_clean_refuses_with_the_message_of_a_missing_row(studio):
    hidden = Campaign(client_id=studio.other.pk, name="x", tenant_id=studio.acme.pk)
    missing = Campaign(client_id=studio.other.pk + 1000, name="x", tenant_id=studio.acme.pk)

    messages = []
    with as_user(studio.ann):
        for row in (hidden, missing):
            with pytest.raises(ValidationError) as refused:
                row.full_clean()
            messages += refused.value.message_dict["client"]

    assert messages == [
        f"client instance with id {studio.other.pk} is not a valid choice.",
        f"client instance with id {studio.other.pk + 1000} is not a valid choice.",
    ]


@pytest.mark.parametrize("assigned", [True, False])
def test_a28_full_clean_refuses_for_the_system_too(studio, assigned):
    given = {"client": studio.other} if assigned else {"client_id": studio.other.pk}
    row = Campaign(name="x", tenant_id=studio.acme.pk, **given)

    with as_system(reason="a test"), pytest.raises(ValidationError) as refused:
        row.full_clean()

    assert list(refused.value.message_dict) == ["client"]


def test_a28_full_clean_accepts_rows_of_the_tenant(studio):
    row = Campaign(name="x", client=studio.client, payer=studio.client)

    with as_user(studio.ann):
        row.full_clean()

    assert row.tenant_id == studio.acme.pk


def test_a28_a_form_offers_rows_of_the_tenant_alone(studio):
    form_class = forms.modelform_factory(Campaign, fields=["name", "client", "payer", "partners"])

    with as_user(studio.ann):
        offered = [
            [str(key) for key, _ in form_class().fields[name].choices]
            for name in ("client", "payer", "partners")
        ]
        refused = form_class({"name": "x", "client": studio.other.pk})
        fine = form_class({"name": "x", "client": studio.client.pk})

        own = str(studio.client.pk)
        assert offered == [["", own], ["", own], [own]]
        assert list(refused.errors) == ["client"]
        assert fine.is_valid()
        assert fine.save().tenant_id == studio.acme.pk


def test_a28_a_form_of_the_system_refuses_what_crosses(studio):
    form_class = forms.modelform_factory(Campaign, fields=["name", "client", "tenant"])

    with as_system(reason="a test"):
        form = form_class(
            {"name": "x", "client": studio.other.pk, "tenant": studio.acme.pk},
        )

        assert form.errors == {
            "client": [f"client instance with id {studio.other.pk} is not a valid choice."]
        }


def test_a28_a_form_without_the_tenant_compares_with_the_rows_own(studio):
    form_class = forms.modelform_factory(Campaign, fields=["name", "client"])

    with as_system(reason="a test"):
        form = form_class({"name": "x", "client": studio.other.pk}, instance=studio.campaign)

        assert list(form.errors) == ["client"]


# The links of many-to-many fields


def test_a28_a_link_of_a_many_to_many_field_needs_both_ends_in_the_tenant(studio):
    with as_user(studio.ann):
        studio.campaign.partners.add(studio.client)
        with pytest.raises(PermissionDenied):
            studio.campaign.partners.add(studio.other.pk)

    assert Campaign.partners.through.objects.using(OWNER).count() == 1


def test_a28_a_superuser_in_a_tenant_links_what_is_there_and_nothing_else(studio):
    with as_user(studio.boss, tenant=studio.acme):
        studio.campaign.partners.add(studio.client)
        with pytest.raises(PermissionDenied, match="row-level security"):
            studio.campaign.partners.add(studio.other.pk)
        with pytest.raises(PermissionDenied), connection.cursor() as cursor:
            cursor.execute("UPDATE studio_campaign_partners SET client_id = %s", [studio.other.pk])

    links = Campaign.partners.through.objects.using(OWNER)
    assert [one.client_id for one in links] == [studio.client.pk]


# What a TenantModel gets by itself


def test_a28_keys_of_a_tenant_model_stay_within_the_tenant_by_themselves():
    assert [one.field for one in Campaign._meta.constraints if isinstance(one, SameTenant)] == [
        "client",
        "payer",
    ]


@isolate_apps("tests.studio")
def test_a28_keys_to_what_is_not_of_one_tenant_are_as_ever():
    class Order(TenantModel):
        self_made = models.ForeignKey("self", models.CASCADE, null=True)
        later = models.ForeignKey("Later", models.CASCADE)
        free = models.ForeignKey("Later", models.CASCADE, db_constraint=False, related_name="+")
        open = models.ForeignKey("Open", models.CASCADE)
        shared = models.ForeignKey("Shared", models.CASCADE)

        class Meta:
            app_label = "studio"

    class Open(models.Model):  # noqa: DJ008
        class Meta:
            app_label = "studio"

    class Shared(TenantModel):
        class Meta:
            app_label = "studio"
            constraints = Poster._meta.constraints

    class Later(TenantModel):
        class Meta:
            app_label = "studio"

    found = [one for one in Order._meta.constraints if isinstance(one, SameTenant)]

    assert [(one.field, one.name) for one in found] == [
        ("self_made", "studio_order_self_made_tenant"),
        ("later", "studio_order_later_tenant"),
    ]
    del Open, Shared, Later


@isolate_apps("tests.studio")
def test_a28_a_key_that_is_declared_is_not_declared_twice():
    class Declared(TenantModel):
        client = models.ForeignKey(Case, models.CASCADE)

        class Meta:
            app_label = "studio"
            constraints = [SameTenant("client", name="mine")]

    found = [one.name for one in Declared._meta.constraints if isinstance(one, SameTenant)]

    assert found == ["mine"]


def test_a28_it_is_a_value_that_a_migration_writes():
    one = SameTenant("client", parent_tenant="firm", name="within")

    assert one == SameTenant("client", parent_tenant="firm", name="within") == one.clone()
    assert one != SameTenant("client", name="within")
    assert repr(one) == "SameTenant('client', name='within', parent_tenant='firm')"
    assert MigrationWriter.serialize(one)[0] == (
        "rls_perms.SameTenant('client', name='within', parent_tenant='firm')"
    )


@pytest.mark.parametrize("wrong", ["client__tenant", "", None, 1])
def test_a28_it_takes_the_name_of_a_field(wrong):
    with pytest.raises(TypeError, match="takes names of foreign keys"):
        SameTenant(wrong)


# Migrations


@contextmanager
def constrained(model, constraint):
    """*model* with *constraint*, in the database, until the end; yields the schema editor."""
    with connections[OWNER].schema_editor() as editor:
        editor.add_constraint(model, constraint)
        yield editor
        editor.remove_constraint(model, constraint)


def indexes(table):
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = %s AND indexname LIKE %s",
            [table, "%tenant_key%"],
        )
        return [name for (name,) in cursor.fetchall()]


def test_a28_the_index_comes_and_goes_with_the_keys_that_need_it(db):
    first = SameTenant("project", name="first")
    second = SameTenant("project", name="second")

    before = indexes("office_project")
    with constrained(Task, first) as editor:
        one = indexes("office_project")
        editor.add_constraint(Task, second)
        both = indexes("office_project")
        editor.remove_constraint(Task, second)
        left = indexes("office_project")
    after = indexes("office_project")

    assert (before, after) == ([], [])
    assert len(one) == 1
    assert one == both == left


def test_a28_an_index_of_the_projects_own_is_not_dropped(db):
    own = UniqueConstraint(fields=["tenant", "id"], name="own_tenant_key")

    with connections[OWNER].schema_editor() as editor:
        editor.add_constraint(Project, own)
    try:
        with constrained(Task, SameTenant("project", name="first")):
            pass

        assert indexes("office_project") == ["own_tenant_key"]
    finally:
        with connections[OWNER].schema_editor() as editor:
            editor.remove_constraint(Project, own)


def test_a28_rows_that_cross_already_stop_the_migration(studio):
    project = people.make(Task._meta.get_field("project").related_model(tenant=studio.bolt))
    people.make(Task(tenant=studio.acme, project=project))

    with (
        pytest.raises(IntegrityError, match="is not present in table"),
        constrained(Task, SameTenant("project", name="first")),
    ):
        pass

    assert indexes("office_project") == []


def test_a28_types_of_its_columns_may_change(studio):
    wide = Client._meta.pk
    narrow = models.AutoField(primary_key=True)
    narrow.set_attributes_from_name("id")
    narrow.model = Client

    with connections[OWNER].schema_editor() as editor:
        editor.alter_field(Client, wide, narrow)
    narrowed = type_of("studio_client", "id")
    with as_user(studio.ann), REFUSED:
        insert(studio.acme, studio.other)
    with connections[OWNER].schema_editor() as editor:
        editor.alter_field(Client, narrow, wide)

    assert (narrowed, type_of("studio_client", "id")) == ("integer", "bigint")
    with as_user(studio.ann), REFUSED:
        insert(studio.acme, studio.other)


def type_of(table, column):
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname = %s",
            [table, column],
        )
        return cursor.fetchone()[0]


def test_a28_a_migration_on_a_table_that_it_makes(db):
    with connections[OWNER].schema_editor() as editor:
        editor.deferred_sql.clear()
        SameTenant("boss", name="within").constraint_sql(Employee, editor)
        [later] = editor.deferred_sql
        editor.deferred_sql.clear()

    assert later.references_table("office_employee")
    assert not later.references_table("office_project")
    assert 'FOREIGN KEY ("tenant_id", "Boss") REFERENCES "office_employee" ("tenant_id", "id")' in (
        str(later)
    )


# Checks


@isolate_apps("tests.studio")
def test_e010_a_constraint_that_cannot_be_is_an_error(monkeypatch):
    class Wrong(models.Model):  # noqa: DJ008
        tenant = models.ForeignKey(Tenant, models.CASCADE)
        room = models.ForeignKey(Room, models.CASCADE)
        case = models.ForeignKey(Case, models.CASCADE)
        name = models.CharField(max_length=5)

        class Meta:
            app_label = "studio"

    def said(constraint):
        with pytest.raises(ConfigurationError) as refused:
            constraint.key(Wrong)
        return str(refused.value)

    assert "office.Room has no foreign key 'tenant'" in said(SameTenant("room"))
    assert "studio.Wrong has no foreign key 'name'" in said(SameTenant("name"))
    assert "studio.Wrong has no foreign key 'firm'" in said(SameTenant("case", tenant="firm"))
    assert "Name the foreign keys to the tenant" in said(SameTenant("case", parent_tenant="owner"))

    Wrong._meta.constraints = [SameTenant("room", name="wrong")]
    monkeypatch.setattr(e010_key_across_tenants, "apps", Listed(Wrong))
    [problem] = e010_key_across_tenants.check()
    assert (problem.id, problem.obj) == ("rls_perms.E010", Wrong)


class Listed:
    """As ``apps``, with these models."""

    def __init__(self, *listed):
        self.listed = listed

    def get_models(self):
        return self.listed


@isolate_apps("tests.studio")
def test_w011_what_is_unique_across_tenants(monkeypatch):
    class Coded(TenantModel):
        slug = models.CharField(max_length=5, primary_key=True)
        code = models.CharField(max_length=5, unique=True)
        name = models.CharField(max_length=5)
        client = models.ForeignKey(Case, models.CASCADE)

        class Meta:
            app_label = "studio"
            unique_together = [("name", "code"), ("tenant", "name")]
            constraints = [
                UniqueConstraint(fields=["name"], name="across"),
                UniqueConstraint(models.functions.Lower("name"), name="across_lower"),
                UniqueConstraint(fields=["tenant", "code"], name="within"),
                UniqueConstraint("tenant", models.functions.Lower("name"), name="within_lower"),
                UniqueConstraint(fields=["client", "name"], name="by_client"),
            ]

    monkeypatch.setattr(w011_unique_across_tenants, "apps", Listed(Coded, Client, Task))
    found = list(w011_unique_across_tenants.check())

    assert [one.msg.partition(" is unique")[0] for one in found] == [
        "studio.Coded: the primary key 'slug'",
        "studio.Coded: 'code'",
        "studio.Coded: unique_together ('name', 'code')",
        "studio.Coded: the constraint 'across'",
        "studio.Coded: the constraint 'across_lower'",
    ]
    assert {one.id for one in found} == {"rls_perms.W011"}
    assert 'UniqueConstraint(fields=["tenant", "code"], name=...)' in found[1].hint


def test_w011_what_it_warns_of_is_so(studio):
    """A value of another tenant is refused: which tells that it is there."""
    with connections[OWNER].schema_editor() as editor:
        across = UniqueConstraint(fields=["name"], name="studio_client_across")
        editor.add_constraint(Client, across)
    try:
        with as_user(studio.ann), pytest.raises(IntegrityError, match="studio_client_across"):
            Client.objects.create(name="client of bolt")
    finally:
        with connections[OWNER].schema_editor() as editor:
            editor.remove_constraint(Client, across)


@isolate_apps("tests.studio")
def test_w012_a_key_that_may_cross(monkeypatch):
    class Crossing(models.Model):  # noqa: DJ008
        firm = models.ForeignKey(Tenant, models.CASCADE)
        case = models.ForeignKey(Case, models.CASCADE)
        room = models.ForeignKey(Room, models.CASCADE)
        meant = models.ForeignKey(Case, models.CASCADE, db_constraint=False, related_name="+")

        class Meta:
            app_label = "studio"
            constraints = [RowSecurity(tenant="firm")]

    monkeypatch.setattr(w012_key_to_other_tenants, "apps", Listed(Crossing))
    [found] = w012_key_to_other_tenants.check()
    Crossing._meta.constraints = [
        *Crossing._meta.constraints,
        SameTenant("case", tenant="firm", name="within"),
    ]

    assert found.id == "rls_perms.W012"
    assert "studio.Crossing.case may lead to a row of another tenant" in found.msg
    assert "SameTenant('case', tenant='firm')" in found.hint
    assert list(w012_key_to_other_tenants.check()) == []


def test_w012_what_it_warns_of_is_so(studio):
    """An ordinary key leads to a row that its writer does not see."""
    employee = people.make(Employee(tenant=studio.bolt, name="theirs"))
    clerk = people.user(
        "clerk",
        tenant=studio.acme,
        permissions=["office.add_payslip", "office.view_payslip", "office.view_employee"],
    )
    people.sync()

    with as_user(clerk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM office_employee")
        seen = cursor.fetchone()
        cursor.execute(
            "INSERT INTO office_payslip (tenant_id, employee_id, month) VALUES (%s, %s, '')",
            [studio.acme.pk, employee.pk],
        )

    assert seen == (0,)
    assert Payslip.objects.using(OWNER).get().employee_id == employee.pk


def test_a28_as_tenant_moves_the_filled_in_tenant_along(studio):
    with as_user(studio.boss, tenant=studio.acme), as_tenant(studio.bolt):
        made = Campaign.objects.create(client_id=studio.other.pk, name="of bolt")

    assert made.tenant_id == studio.bolt.pk
