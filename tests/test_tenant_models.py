"""TenantModel and TenantManager: the floor that cannot be lost, the filter, for_user()."""

import asyncio
import pickle
import re

import psycopg
import pytest
from django import forms
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models import Count, F, Q
from django.test import override_settings
from django.test.utils import CaptureQueriesContext, isolate_apps

from rls_perms import (
    ColumnPermissions,
    ObjectPermissions,
    PermissionDenied,
    Policy,
    RowSecurity,
    as_system,
    as_tenant,
    as_user,
)
from rls_perms.checks import e002_declaration, e003_child_without_declaration
from rls_perms.exceptions import ConfigurationError
from rls_perms.models import TenantManager, TenantModel
from rls_perms.policies.constraint import declaration
from rls_perms.tenants import filtering_field, own_tenant_field
from rls_perms.testing import without_owner
from tests import people
from tests.people import OWNER
from tests.settings import PROJECT, RLS_PERMS
from tests.studio.models import Campaign, Client, Poster
from tests.studio.world import Studio


@pytest.fixture
def studio(db):
    return Studio()


def sent(run):
    """The statements of the ORM, by *run*."""
    with CaptureQueriesContext(connection) as queries:
        run()
    return [one["sql"] for one in queries]


def filters(text, table, tenant):
    """How often a statement names the tenant of *table*."""
    return len(re.findall(rf'"{table}"\."tenant_id" = {tenant.pk}\b', text))


# A2: the base gives the key and the floor


def test_a2_a_tenant_model_has_the_key_the_floor_and_the_manager():
    assert Client._meta.get_field("tenant").related_model._meta.label == "office.Tenant"
    assert declaration(Client) == RowSecurity(tenant="tenant", name="studio_client_rls")
    assert isinstance(Client.objects, TenantManager)


def test_a2_the_key_comes_before_the_fields_of_the_class():
    assert [one.name for one in Client._meta.fields] == ["id", "tenant", "name"]


def test_a2_the_floor_is_added_to_the_policies_of_a_class():
    found = declaration(Campaign)

    assert found.tenant == "tenant"
    assert [one.name for one in found.policies] == ["all", "own"]


@isolate_apps("tests.studio")
def test_a2_no_way_to_write_meta_loses_the_floor():
    class Plain(TenantModel):
        class Meta:
            app_label = "studio"

    class Empty(TenantModel):
        class Meta(TenantModel.Meta):
            app_label = "studio"
            constraints = []

    class Unrelated:
        constraints = [models.CheckConstraint(condition=Q(id__gt=0), name="unrelated")]
        app_label = "studio"

    class Foreign(TenantModel):
        class Meta(Unrelated):
            pass

    class Between(TenantModel):
        class Meta:
            abstract = True
            app_label = "studio"

    class Below(Between):
        pass

    class BelowWithMeta(Between):
        class Meta:
            app_label = "studio"
            ordering = ["-pk"]

    assert [declaration(one) for one in (Plain, Empty, Foreign, Below, BelowWithMeta)] == [
        RowSecurity(tenant="tenant", name=f"studio_{name}_rls")
        for name in ("plain", "empty", "foreign", "below", "belowwithmeta")
    ]
    assert [one.name for one in Foreign._meta.constraints] == ["unrelated", "studio_foreign_rls"]
    assert BelowWithMeta._meta.ordering == ["-pk"]


@isolate_apps("tests.studio")
def test_a2_policies_of_an_abstract_base_are_not_lost_by_a_meta_below_it():
    class Owned(TenantModel):
        flag = models.BooleanField()

        class Meta:
            abstract = True
            app_label = "studio"
            constraints = [RowSecurity(policies=[Policy("flagged", using=Q(flag=True))])]

    class Kept(Owned):
        class Meta:
            app_label = "studio"

    class Deeper(Owned):
        class Meta:
            abstract = True
            app_label = "studio"

    class Deepest(Deeper):
        class Meta:
            app_label = "studio"

    class Own(Owned):
        class Meta:
            app_label = "studio"
            constraints = [RowSecurity(policies=[ObjectPermissions()])]

    assert [one.name for one in declaration(Kept).policies] == ["flagged"]
    assert [one.name for one in declaration(Deepest).policies] == ["flagged"]
    assert declaration(Own).policies == (ObjectPermissions(),)
    assert {declaration(one).tenant for one in (Kept, Deepest, Own)} == {"tenant"}


@isolate_apps("tests.studio")
def test_a2_a_child_with_a_table_of_its_own_must_declare_and_gets_the_floor():
    class Forgetful(Client):
        class Meta:
            app_label = "studio"

    class Declaring(Client):
        class Meta:
            app_label = "studio"
            constraints = [RowSecurity(policies=[ObjectPermissions()])]

    assert declaration(Forgetful) is None
    assert declaration(Declaring).tenant == "tenant"


@isolate_apps("tests.studio")
def test_a2_a_proxy_declares_nothing():
    class Other(Client):
        class Meta:
            app_label = "studio"
            proxy = True

    assert Other._meta.constraints == []
    assert isinstance(Other.objects, TenantManager)


@isolate_apps("tests.studio")
def test_a2_a_class_may_write_its_key_itself():
    class Own(TenantModel):
        tenant = models.ForeignKey("office.Tenant", models.PROTECT, related_name="+")

        class Meta:
            app_label = "studio"

    assert Own._meta.get_field("tenant").remote_field.on_delete is models.PROTECT
    assert declaration(Own).tenant == "tenant"


@isolate_apps("tests.studio")
@override_settings(RLS_PERMS={**RLS_PERMS, "TENANT_FK_FIELD": "firm"})
def test_a2_tenant_fk_field_names_the_key():
    class Named(TenantModel):
        class Meta:
            app_label = "studio"

    assert Named._meta.get_field("firm").column == "firm_id"
    assert declaration(Named).tenant == "firm"


@isolate_apps("tests.studio")
@pytest.mark.parametrize("instead", [None, models.IntegerField(), property(lambda self: 1)])
def test_a2_a_class_that_takes_its_key_away_is_refused(instead):
    with pytest.raises(ConfigurationError, match=r"Lost\.tenant is .*Remove it"):
        type(TenantModel)("Lost", (TenantModel,), {"__module__": __name__, "tenant": instead})


@isolate_apps("tests.studio")
def test_a2_a_class_with_another_floor_is_refused():
    meta = type("Meta", (), {"constraints": [RowSecurity(tenant="client__tenant")]})

    with pytest.raises(ConfigurationError, match="whose floor is tenant='tenant'"):
        type(TenantModel)("Other", (TenantModel,), {"__module__": __name__, "Meta": meta})


@override_settings(RLS_PERMS={})
def test_a2_a_tenant_model_needs_a_model_of_tenants():
    with pytest.raises(ConfigurationError, match=r"RLS_PERMS\['TENANT_MODEL'\] is not set"):
        type(TenantModel)("Homeless", (TenantModel,), {"__module__": __name__})


@isolate_apps("tests.studio")
def test_a2_a_misspelt_option_of_meta_is_still_found():
    meta = type("Meta", (), {"app_label": "studio", "orderin": ["pk"]})

    with pytest.raises(TypeError, match="orderin"):
        type(TenantModel)("Misspelt", (TenantModel,), {"__module__": __name__, "Meta": meta})


def test_a2_makemigrations_comes_to_rest():
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(
        loader.project_state(), ProjectState.from_apps(apps), MigrationQuestioner()
    )

    assert detector.changes(loader.graph, trim_to_apps={"studio"}) == {}


def test_a2_nothing_odd_stands_in_a_migration():
    state = ModelState.from_model(Client)

    assert state.bases == (models.Model,)
    assert state.managers == []
    assert sorted(state.options) == ["constraints", "indexes", "ordering"]
    text, _ = MigrationWriter.serialize(declaration(Client))
    assert text == "rls_perms.RowSecurity(name='studio_client_rls', tenant='tenant')"


def test_a2_the_checks_have_nothing_to_say_of_tenant_models():
    found = [*e002_declaration.check(), *e003_child_without_declaration.check()]

    assert [one for one in found if one.obj in (Client, Campaign, Poster)] == []


def test_a2_each_tenant_sees_its_own_rows_by_orm_and_sql(studio):
    assert people.seen(studio.ann, Client, studio.acme) == {studio.client.pk}
    assert people.seen(studio.bob, Client, studio.bolt) == {studio.other.pk}
    with as_user(studio.ann):
        assert list(Client.objects.all()) == [studio.client]
        assert list(Client._base_manager.all()) == [studio.client]


# A14: the filter, in every query


def test_a14_each_kind_of_query_names_the_tenant(studio):
    rows = Client.objects.filter(name__gt="")
    with as_user(studio.ann):
        statements = [
            *sent(lambda: list(rows.all())),
            *sent(rows.all().count),
            *sent(rows.exists),
            *sent(lambda: rows.aggregate(Count("pk"))),
            *sent(lambda: list(rows.annotate(n=Count("campaigns")))),
            *sent(lambda: rows.get(pk=studio.client.pk)),
            *sent(lambda: rows.in_bulk([studio.client.pk])),
            *sent(lambda: list(rows.values_list("name").distinct())),
            *sent(lambda: list(rows.iterator())),
            *sent(lambda: rows.update(name=F("name"))),
            *sent(lambda: rows.filter(name="none")._raw_delete("default")),
        ]

    assert len(statements) == 11
    assert [one for one in statements if not filters(one, "studio_client", studio.acme)] == []


def test_a14_the_filter_is_of_the_context_in_which_a_queryset_runs(studio):
    with as_user(studio.bob):
        rows = Client.objects.all()
    anywhere = Client.objects.order_by("name")

    with as_user(studio.ann):
        assert (list(rows.all()), list(anywhere.all())) == ([studio.client], [studio.client])
    with as_user(studio.bob):
        assert (list(rows.all()), list(anywhere.all())) == ([studio.other], [studio.other])


def test_a14_select_related_names_the_tenant_of_each_joined_table(studio):
    with as_user(studio.ann):
        [statement] = sent(lambda: list(Campaign.objects.select_related("client", "payer")))
        [campaign] = Campaign.objects.select_related("client", "payer")

    # Of the campaign once, of the client in its ON clause, of the payer under another alias.
    assert filters(statement, "studio_campaign", studio.acme) == 1
    assert filters(statement, "studio_client", studio.acme) == 1
    assert f'("T4"."tenant_id" = {studio.acme.pk})' in statement
    assert 'LEFT OUTER JOIN "studio_client"' in statement
    assert (campaign.client.name, campaign.payer) == ("client of acme", None)


def test_a14_prefetch_related_names_the_tenant_each_way(studio):
    with as_user(studio.ann):
        forward = sent(lambda: list(Campaign.objects.prefetch_related("client")))
        backward = sent(lambda: list(Client.objects.prefetch_related("campaigns")))
        across = sent(lambda: list(Campaign.objects.prefetch_related("partners")))

    assert filters(forward[1], "studio_client", studio.acme) == 1
    assert filters(backward[1], "studio_campaign", studio.acme) == 1
    assert filters(across[1], "studio_client", studio.acme) == 1


def test_a14_a_foreign_key_that_is_followed_names_the_tenant(studio):
    with as_user(studio.ann):
        campaign = Campaign.objects.get()
        [statement] = sent(lambda: campaign.client)

    assert filters(statement, "studio_client", studio.acme) == 1


def test_a14_joins_of_a_filter_and_subqueries_name_the_tenant(studio):
    with as_user(studio.ann):
        [joined] = sent(lambda: list(Campaign.objects.filter(client__name="client of acme")))
        [nested] = sent(lambda: list(Client.objects.filter(campaigns__in=Campaign.objects.all())))
        [left_out] = sent(lambda: list(Client.objects.exclude(campaigns__name="x")))

    assert filters(joined, "studio_client", studio.acme) == 1
    assert len(re.findall(rf'"tenant_id" = {studio.acme.pk}\b', nested)) == 3
    assert len(re.findall(rf'"tenant_id" = {studio.acme.pk}\b', left_out)) == 2


def test_a14_combined_querysets_name_the_tenant_in_each_part(studio):
    with as_user(studio.ann):
        union = Client.objects.filter(name="a").union(Client.objects.filter(name="b"))
        [statement] = sent(lambda: list(union))
        either = Client.objects.filter(name="client of acme") | Client.objects.filter(name="b")

        assert filters(statement, "studio_client", studio.acme) == 2
        assert list(either) == [studio.client]


def test_a14_the_system_has_no_filter_and_sees_all_tenants(studio):
    with as_system(reason="a test"):
        [statement] = sent(lambda: list(Client.objects.all()))

        assert "WHERE" not in statement
        assert list(Client.objects.all()) == [studio.client, studio.other]


def test_a14_the_system_in_a_tenant_still_sees_all_and_fills_that_tenant_in(studio):
    with as_system(reason="a test"), as_tenant(studio.bolt):
        made = Client.objects.create(name="new")

        assert made.tenant == studio.bolt
        assert set(Client.objects.all()) == {studio.client, studio.other, made}


def test_a14_a_superuser_without_a_tenant_has_no_filter(studio):
    with as_user(studio.boss):
        assert list(Client.objects.all()) == [studio.client, studio.other]
    with as_user(studio.boss, tenant=studio.bolt):
        assert list(Client.objects.all()) == [studio.other]


def test_a14_without_a_context_postgresql_says_permission_denied(studio):
    with without_owner(), pytest.raises(PermissionDenied, match="permission denied for table"):
        list(Client.objects.all())


def test_a14_a_user_without_a_tenant_sees_nothing(studio):
    with as_user(studio.ann, tenant=None):
        assert list(Client.objects.all()) == []


def test_a14_a_tenant_that_the_key_cannot_hold_is_left_to_postgresql(studio):
    with as_user(studio.ann, tenant="no number"), pytest.raises(Exception, match="no number"):
        list(Client.objects.all())


def test_a14_rows_that_are_shared_with_other_tenants_are_not_filtered_out(studio):
    shared = people.make(Poster(tenant=studio.bolt, name="shared", is_shared=True))
    people.make(Poster(tenant=studio.bolt, name="own"))

    with as_user(studio.ann):
        assert list(Poster.objects.all()) == [shared]


def test_a14_a_left_join_to_another_tenants_row_keeps_the_row(studio):
    with psycopg.connect(dbname=PROJECT) as administrator:
        # Nothing else gets it past the database.
        administrator.execute("SET session_replication_role = replica")
        administrator.execute(
            "UPDATE studio_campaign SET payer_id = %s WHERE id = %s",
            [studio.other.pk, studio.campaign.pk],
        )

    with as_user(studio.ann):
        [found] = Campaign.objects.select_related("payer")

    assert (found.pk, found.payer_id) == (studio.campaign.pk, studio.other.pk)


# A13: for_user()


def test_a13_for_user_shows_what_that_user_sees_whoever_asks(studio):
    with as_user(studio.bob):
        rows = Client.objects.for_user(studio.ann)

        assert list(rows) == [studio.client]
        assert list(Client.objects.all()) == [studio.other]


def test_a13_for_user_needs_no_context_around_it(studio):
    rows = Client.objects.for_user(studio.ann)

    with without_owner():
        assert list(rows.all()) == [studio.client]
        assert (rows.count(), rows.exists(), rows.contains(studio.client)) == (1, True, True)
        assert rows.get() == rows.first() == rows.last() == rows.earliest("pk") == studio.client
        assert rows.aggregate(n=Count("pk")) == {"n": 1}
        assert rows.in_bulk() == {studio.client.pk: studio.client}
        assert list(rows.values_list("pk", flat=True).iterator()) == [studio.client.pk]
        assert "studio_client" in rows.explain()
        assert rows.update(name="new") == 1
        assert rows.filter(name="new").delete()[0] >= 1


def test_a13_for_user_filters_and_sets_the_context_at_once(studio):
    with CaptureQueriesContext(connection) as queries:
        list(Client.objects.for_user(studio.ann))

    assert filters(queries[0]["sql"], "studio_client", studio.acme) == 1
    with without_owner(), as_user(studio.bob):
        who = Client.objects.for_user(studio.ann).annotate(
            who=models.expressions.RawSQL("rls_perms.user_id()::text", [])
        )
        assert [one.who for one in who] == [str(studio.ann.pk)]


def test_a13_for_user_of_a_superuser_shows_all_tenants(studio):
    assert list(Client.objects.for_user(studio.boss)) == [studio.client, studio.other]
    assert list(Client.objects.for_user(studio.boss, tenant=studio.bolt)) == [studio.other]


def test_a13_for_user_is_lazy_and_chains(studio):
    rows = Client.objects.filter(name__gt="").for_user(studio.ann).exclude(name="x")
    late = people.make(Client(tenant=studio.acme, name="late"))

    assert list(rows.order_by("name")) == [studio.client, late]


def test_a13_for_user_covers_prefetches_and_related_managers(studio):
    with without_owner():
        [client] = Client.objects.for_user(studio.ann).prefetch_related("campaigns")

        assert list(client.campaigns.all()) == [studio.campaign]
        assert list(client.campaigns.for_user(studio.ann)) == [studio.campaign]
        assert list(client.campaigns.for_user(studio.bob)) == []


def test_a13_what_reads_the_rows_of_an_iterator_is_not_the_user(studio):
    people.make(Client(tenant=studio.acme, name="second"))

    with as_user(studio.bob):
        seen = [
            (row.name, list(Client.objects.values_list("name", flat=True)))
            for row in Client.objects.for_user(studio.ann).iterator(chunk_size=1)
        ]

    assert seen == [
        ("client of acme", ["client of bolt"]),
        ("second", ["client of bolt"]),
    ]


def test_a13_for_user_creates_as_the_user_in_their_tenant(studio):
    with without_owner():
        made = Client.objects.for_user(studio.ann).create(name="made")
        found, is_new = Client.objects.for_user(studio.ann).get_or_create(name="made")
        changed, _ = Client.objects.for_user(studio.ann).update_or_create(
            name="made", defaults={"name": "changed"}
        )
        [bulk] = Client.objects.for_user(studio.ann).bulk_create([Client(name="bulk")])

    assert made.tenant_id == bulk.tenant_id == studio.acme.pk
    assert (found, is_new, changed.name) == (made, False, "changed")


def test_a13_for_user_works_in_coroutines(studio):
    async def read():
        rows = Client.objects.for_user(studio.ann)
        return (
            [one async for one in rows],
            [one async for one in rows.aiterator()],
            await rows.acount(),
            await rows.aget(),
            await Client.objects.for_user(studio.bob).afirst(),
        )

    found = asyncio.run(read())

    assert found == ([studio.client], [studio.client], 1, studio.client, studio.other)


def test_a13_querysets_of_two_users_are_not_combined(studio):
    ann, bob = Client.objects.for_user(studio.ann), Client.objects.for_user(studio.bob)

    with pytest.raises(TypeError, match="one statement runs as one user"):
        ann | bob
    with pytest.raises(TypeError, match="one statement runs as one user"):
        Client.objects.all() & bob
    with pytest.raises(TypeError, match="one statement runs as one user"):
        Client.objects.union(bob)
    assert list(ann.filter(name="x") | ann) == [studio.client]


def test_a13_raw_sql_is_not_run_as_somebody_else(studio):
    with pytest.raises(TypeError, match="would run as whoever asks"):
        Client.objects.for_user(studio.ann).raw("SELECT * FROM studio_client")


def test_a13_for_user_refuses_at_once_who_is_no_user(studio):
    with pytest.raises(ValueError, match="takes a user"):
        Client.objects.for_user(studio.acme)


# The tenant that a row lacks, and another one


def test_a14_saving_fills_the_tenant_in(studio):
    with as_user(studio.ann):
        made = Client(name="made")
        made.save()

    assert Client.objects.using(OWNER).get(pk=made.pk).tenant_id == studio.acme.pk


def test_a14_bulk_create_fills_the_tenant_in(studio):
    with as_user(studio.ann):
        made = Client.objects.bulk_create([Client(name="one"), Client(name="two")])

    found = Client.objects.using(OWNER).filter(pk__in=[one.pk for one in made])
    assert {one.tenant_id for one in found} == {studio.acme.pk}


def test_a14_bulk_create_refuses_another_tenant_before_any_statement(studio):
    rows = [Client(name="one"), Client(name="two", tenant=studio.bolt)]
    with (
        as_user(studio.ann),
        CaptureQueriesContext(connection) as queries,
        pytest.raises(PermissionDenied, match="a row of another tenant cannot be added"),
    ):
        Client.objects.bulk_create(rows)

    assert len(queries) == 0
    assert Client.objects.using(OWNER).count() == 2


def test_a14_bulk_update_refuses_another_tenant_before_any_statement(studio):
    studio.other.name = studio.client.name = "changed"
    with (
        as_user(studio.ann),
        CaptureQueriesContext(connection) as queries,
        pytest.raises(PermissionDenied, match="another tenant cannot be changed") as denied,
    ):
        Client.objects.bulk_update([studio.client, studio.other], ["name"])

    assert len(queries) == 0
    assert (denied.value.model, denied.value.keys) == (Client, (studio.other.pk,))
    assert not Client.objects.using(OWNER).filter(name="changed").exists()


def test_a14_bulk_update_changes_rows_of_the_tenant(studio):
    studio.client.name = "changed"
    with as_user(studio.ann):
        assert Client.objects.bulk_update([studio.client], ["name"]) == 1

    assert Client.objects.using(OWNER).get(name="changed") == studio.client


@pytest.mark.parametrize("by", ["instance", "key"])
def test_a14_update_refuses_to_give_rows_away(studio, by):
    values = {"instance": {"tenant": studio.bolt}, "key": {"tenant_id": str(studio.bolt.pk)}}

    with as_user(studio.ann), pytest.raises(PermissionDenied, match="cannot be changed in tenant"):
        Client.objects.update(**values[by])
    with as_user(studio.ann):
        assert Client.objects.update(tenant=studio.acme) == 1


def test_a14_saving_a_row_of_another_tenant_is_refused_by_postgresql(studio):
    with as_user(studio.ann), pytest.raises(PermissionDenied):
        Client(name="foreign", tenant_id=studio.bolt.pk).save()
    assert Client.objects.using(OWNER).count() == 2


def test_a14_without_a_tenant_there_is_nothing_to_fill_in(studio):
    with as_system(reason="a test"), pytest.raises(IntegrityError), transaction.atomic():
        Client(name="whose?").save()
    assert Client.objects.using(OWNER).count() == 2


def test_a14_a_fixture_is_loaded_as_it_stands(studio):
    row = Client(name="raw")
    with as_user(studio.ann), pytest.raises(PermissionDenied):
        row.save_base(raw=True)
    assert row.tenant_id is None


def test_a14_validation_fills_the_tenant_in(studio):
    with as_user(studio.ann):
        row = Client(name="valid")
        row.full_clean()

    assert row.tenant_id == studio.acme.pk


def test_a14_a_form_without_the_tenant_checks_what_is_unique_within_it(studio):
    form_class = forms.modelform_factory(Client, fields=["name"])

    with as_user(studio.ann):
        form = form_class({"name": "client of acme"})
        fine = form_class({"name": "client of bolt"})

        assert form.errors == {"__all__": ["Client with this Tenant and Name already exists."]}
        assert fine.is_valid()
        assert fine.save().tenant_id == studio.acme.pk


def test_a14_a_row_is_deleted_with_what_hangs_on_it(studio):
    with as_user(studio.ann):
        _, per_model = studio.client.delete()

    assert per_model == {"studio.Campaign": 1, "studio.Client": 1}
    assert list(Client.objects.using(OWNER).all()) == [studio.other]


def test_a14_a_filter_of_its_own_survives_pickling_and_copies(studio):

    rows = Client.objects.filter(name__gt="")
    with as_user(studio.ann):
        query = pickle.loads(pickle.dumps(rows.query))  # noqa: S301 - our own
        again = Client.objects.all()
        again.query = query

        assert list(again) == [studio.client]


def test_a14_no_context_has_a_say_on_the_owners_alias(studio):
    with as_user(studio.ann):
        seen = set(Client.objects.using(OWNER).all())
        Client.objects.using(OWNER).bulk_create([Client(name="x", tenant_id=studio.bolt.pk)])

    assert seen == {studio.client, studio.other}
    assert Client.objects.using(OWNER).get(name="x").tenant_id == studio.bolt.pk


@isolate_apps("tests.studio")
def test_a14_a_tenant_column_that_not_everybody_may_read_is_not_named():
    class Hidden(TenantModel):
        class Meta:
            app_label = "studio"
            constraints = [RowSecurity(policies=[ColumnPermissions(["tenant"], view=[])])]

    assert own_tenant_field(Hidden).name == "tenant"
    assert filtering_field(Hidden) is None
    assert "WHERE" not in str(Hidden.objects.all().query)
