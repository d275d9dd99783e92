"""TenantModel and TenantManager: the floor that cannot be lost, the filter, for_user()."""

import asyncio
import pickle
import re

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
from rls_perms.testing import without_owner
from tests import people
from tests.agency.models import Campaign, Client, Poster
from tests.people import OWNER
from tests.settings import RLS_PERMS

ACTIONS = ("view", "add", "change", "delete")
EVERY = [f"agency.{one}_{model}" for model in ("client", "campaign", "poster") for one in ACTIONS]


class Agency:
    """Two tenants; each has a client and a campaign for it."""

    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        group = people.group("Clerks", *EVERY)
        self.ann = people.user("ann", tenant=self.acme, groups=[group])
        self.bob = people.user("bob", tenant=self.bolt, groups=[group])
        self.boss = people.user("boss", is_superuser=True)
        self.client = people.make(Client(tenant=self.acme, name="client of acme"))
        self.other = people.make(Client(tenant=self.bolt, name="client of bolt"))
        self.campaign = people.make(
            Campaign(tenant=self.acme, client=self.client, name="campaign of acme")
        )
        self.theirs = people.make(
            Campaign(tenant=self.bolt, client=self.other, name="campaign of bolt")
        )
        people.sync()


@pytest.fixture
def agency(db):
    return Agency()


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
    assert declaration(Client) == RowSecurity(tenant="tenant", name="agency_client_rls")
    assert isinstance(Client.objects, TenantManager)


def test_a2_the_key_comes_before_the_fields_of_the_class():
    assert [one.name for one in Client._meta.fields] == ["id", "tenant", "name"]


def test_a2_the_floor_is_added_to_the_policies_of_a_class():
    found = declaration(Campaign)

    assert found.tenant == "tenant"
    assert [one.name for one in found.policies] == ["all", "own"]


@isolate_apps("tests.agency")
def test_a2_no_way_to_write_meta_loses_the_floor():
    class Plain(TenantModel):
        class Meta:
            app_label = "agency"

    class Empty(TenantModel):
        class Meta(TenantModel.Meta):
            app_label = "agency"
            constraints = []

    class Unrelated:
        constraints = [models.CheckConstraint(condition=Q(id__gt=0), name="unrelated")]
        app_label = "agency"

    class Foreign(TenantModel):
        class Meta(Unrelated):
            pass

    class Between(TenantModel):
        class Meta:
            abstract = True
            app_label = "agency"

    class Below(Between):
        pass

    class BelowWithMeta(Between):
        class Meta:
            app_label = "agency"
            ordering = ["-pk"]

    assert [declaration(one) for one in (Plain, Empty, Foreign, Below, BelowWithMeta)] == [
        RowSecurity(tenant="tenant", name=f"agency_{name}_rls")
        for name in ("plain", "empty", "foreign", "below", "belowwithmeta")
    ]
    assert [one.name for one in Foreign._meta.constraints] == ["unrelated", "agency_foreign_rls"]
    assert BelowWithMeta._meta.ordering == ["-pk"]


@isolate_apps("tests.agency")
def test_a2_policies_of_an_abstract_base_are_not_lost_by_a_meta_below_it():
    class Owned(TenantModel):
        flag = models.BooleanField()

        class Meta:
            abstract = True
            app_label = "agency"
            constraints = [RowSecurity(policies=[Policy("flagged", using=Q(flag=True))])]

    class Kept(Owned):
        class Meta:
            app_label = "agency"

    class Deeper(Owned):
        class Meta:
            abstract = True
            app_label = "agency"

    class Deepest(Deeper):
        class Meta:
            app_label = "agency"

    class Own(Owned):
        class Meta:
            app_label = "agency"
            constraints = [RowSecurity(policies=[ObjectPermissions()])]

    assert [one.name for one in declaration(Kept).policies] == ["flagged"]
    assert [one.name for one in declaration(Deepest).policies] == ["flagged"]
    assert declaration(Own).policies == (ObjectPermissions(),)
    assert {declaration(one).tenant for one in (Kept, Deepest, Own)} == {"tenant"}


@isolate_apps("tests.agency")
def test_a2_a_child_with_a_table_of_its_own_must_declare_and_gets_the_floor():
    class Forgetful(Client):
        class Meta:
            app_label = "agency"

    class Declaring(Client):
        class Meta:
            app_label = "agency"
            constraints = [RowSecurity(policies=[ObjectPermissions()])]

    assert declaration(Forgetful) is None
    assert declaration(Declaring).tenant == "tenant"


@isolate_apps("tests.agency")
def test_a2_a_proxy_declares_nothing():
    class Other(Client):
        class Meta:
            app_label = "agency"
            proxy = True

    assert Other._meta.constraints == []
    assert isinstance(Other.objects, TenantManager)


@isolate_apps("tests.agency")
def test_a2_a_class_may_write_its_key_itself():
    class Own(TenantModel):
        tenant = models.ForeignKey("office.Tenant", models.PROTECT, related_name="+")

        class Meta:
            app_label = "agency"

    assert Own._meta.get_field("tenant").remote_field.on_delete is models.PROTECT
    assert declaration(Own).tenant == "tenant"


@isolate_apps("tests.agency")
@override_settings(RLS_PERMS={**RLS_PERMS, "TENANT_FK_FIELD": "firm"})
def test_a2_tenant_fk_field_names_the_key():
    class Named(TenantModel):
        class Meta:
            app_label = "agency"

    assert Named._meta.get_field("firm").column == "firm_id"
    assert declaration(Named).tenant == "firm"


@isolate_apps("tests.agency")
@pytest.mark.parametrize("instead", [None, models.IntegerField(), property(lambda self: 1)])
def test_a2_a_class_that_takes_its_key_away_is_refused(instead):
    with pytest.raises(ConfigurationError, match=r"Lost\.tenant is .*Remove it"):
        type(TenantModel)("Lost", (TenantModel,), {"__module__": __name__, "tenant": instead})


@isolate_apps("tests.agency")
def test_a2_a_class_with_another_floor_is_refused():
    meta = type("Meta", (), {"constraints": [RowSecurity(tenant="client__tenant")]})

    with pytest.raises(ConfigurationError, match="whose floor is tenant='tenant'"):
        type(TenantModel)("Other", (TenantModel,), {"__module__": __name__, "Meta": meta})


@override_settings(RLS_PERMS={})
def test_a2_a_tenant_model_needs_a_model_of_tenants():
    with pytest.raises(ConfigurationError, match=r"RLS_PERMS\['TENANT_MODEL'\] is not set"):
        type(TenantModel)("Homeless", (TenantModel,), {"__module__": __name__})


@isolate_apps("tests.agency")
def test_a2_a_misspelt_option_of_meta_is_still_found():
    meta = type("Meta", (), {"app_label": "agency", "orderin": ["pk"]})

    with pytest.raises(TypeError, match="orderin"):
        type(TenantModel)("Misspelt", (TenantModel,), {"__module__": __name__, "Meta": meta})


def test_a2_makemigrations_comes_to_rest():
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(
        loader.project_state(), ProjectState.from_apps(apps), MigrationQuestioner()
    )

    assert detector.changes(loader.graph, trim_to_apps={"agency"}) == {}


def test_a2_nothing_odd_stands_in_a_migration():
    state = ModelState.from_model(Client)

    assert state.bases == (models.Model,)
    assert state.managers == []
    assert sorted(state.options) == ["constraints", "indexes", "ordering"]
    text, _ = MigrationWriter.serialize(declaration(Client))
    assert text == "rls_perms.RowSecurity(name='agency_client_rls', tenant='tenant')"


def test_a2_the_checks_have_nothing_to_say_of_tenant_models():
    found = [*e002_declaration.check(), *e003_child_without_declaration.check()]

    assert [one for one in found if one.obj in (Client, Campaign, Poster)] == []


def test_a2_each_tenant_sees_its_own_rows_by_orm_and_sql(agency):
    assert people.seen(agency.ann, Client, agency.acme) == {agency.client.pk}
    assert people.seen(agency.bob, Client, agency.bolt) == {agency.other.pk}
    with as_user(agency.ann):
        assert list(Client.objects.all()) == [agency.client]
        assert list(Client._base_manager.all()) == [agency.client]


# A14: the filter, in every query


def test_a14_each_kind_of_query_names_the_tenant(agency):
    rows = Client.objects.filter(name__gt="")
    with as_user(agency.ann):
        statements = [
            *sent(lambda: list(rows.all())),
            *sent(rows.all().count),
            *sent(rows.exists),
            *sent(lambda: rows.aggregate(Count("pk"))),
            *sent(lambda: list(rows.annotate(n=Count("campaigns")))),
            *sent(lambda: rows.get(pk=agency.client.pk)),
            *sent(lambda: rows.in_bulk([agency.client.pk])),
            *sent(lambda: list(rows.values_list("name").distinct())),
            *sent(lambda: list(rows.iterator())),
            *sent(lambda: rows.update(name=F("name"))),
            *sent(lambda: rows.filter(name="none")._raw_delete("default")),
        ]

    assert len(statements) == 11
    assert [one for one in statements if not filters(one, "agency_client", agency.acme)] == []


def test_a14_the_filter_is_of_the_context_in_which_a_queryset_runs(agency):
    with as_user(agency.bob):
        rows = Client.objects.all()
    anywhere = Client.objects.order_by("name")

    with as_user(agency.ann):
        assert (list(rows.all()), list(anywhere.all())) == ([agency.client], [agency.client])
    with as_user(agency.bob):
        assert (list(rows.all()), list(anywhere.all())) == ([agency.other], [agency.other])


def test_a14_select_related_names_the_tenant_of_each_joined_table(agency):
    with as_user(agency.ann):
        [statement] = sent(lambda: list(Campaign.objects.select_related("client", "payer")))
        [campaign] = Campaign.objects.select_related("client", "payer")

    # Of the campaign once, of the client in its ON clause, of the payer under another alias.
    assert filters(statement, "agency_campaign", agency.acme) == 1
    assert filters(statement, "agency_client", agency.acme) == 1
    assert f'("T4"."tenant_id" = {agency.acme.pk})' in statement
    assert 'LEFT OUTER JOIN "agency_client"' in statement
    assert (campaign.client.name, campaign.payer) == ("client of acme", None)


def test_a14_prefetch_related_names_the_tenant_each_way(agency):
    with as_user(agency.ann):
        forward = sent(lambda: list(Campaign.objects.prefetch_related("client")))
        backward = sent(lambda: list(Client.objects.prefetch_related("campaigns")))
        across = sent(lambda: list(Campaign.objects.prefetch_related("partners")))

    assert filters(forward[1], "agency_client", agency.acme) == 1
    assert filters(backward[1], "agency_campaign", agency.acme) == 1
    assert filters(across[1], "agency_client", agency.acme) == 1


def test_a14_a_foreign_key_that_is_followed_names_the_tenant(agency):
    with as_user(agency.ann):
        campaign = Campaign.objects.get()
        [statement] = sent(lambda: campaign.client)

    assert filters(statement, "agency_client", agency.acme) == 1


def test_a14_joins_of_a_filter_and_subqueries_name_the_tenant(agency):
    with as_user(agency.ann):
        [joined] = sent(lambda: list(Campaign.objects.filter(client__name="client of acme")))
        [nested] = sent(lambda: list(Client.objects.filter(campaigns__in=Campaign.objects.all())))
        [left_out] = sent(lambda: list(Client.objects.exclude(campaigns__name="x")))

    assert filters(joined, "agency_client", agency.acme) == 1
    assert len(re.findall(rf'"tenant_id" = {agency.acme.pk}\b', nested)) == 3
    assert len(re.findall(rf'"tenant_id" = {agency.acme.pk}\b', left_out)) == 2


def test_a14_combined_querysets_name_the_tenant_in_each_part(agency):
    with as_user(agency.ann):
        union = Client.objects.filter(name="a").union(Client.objects.filter(name="b"))
        [statement] = sent(lambda: list(union))
        either = Client.objects.filter(name="client of acme") | Client.objects.filter(name="b")

        assert filters(statement, "agency_client", agency.acme) == 2
        assert list(either) == [agency.client]


def test_a14_the_system_has_no_filter_and_sees_all_tenants(agency):
    with as_system(reason="a test"):
        [statement] = sent(lambda: list(Client.objects.all()))

        assert "WHERE" not in statement
        assert list(Client.objects.all()) == [agency.client, agency.other]


def test_a14_the_system_in_a_tenant_still_sees_all_and_fills_that_tenant_in(agency):
    with as_system(reason="a test"), as_tenant(agency.bolt):
        made = Client.objects.create(name="new")

        assert made.tenant == agency.bolt
        assert set(Client.objects.all()) == {agency.client, agency.other, made}


def test_a14_a_superuser_without_a_tenant_has_no_filter(agency):
    with as_user(agency.boss):
        assert list(Client.objects.all()) == [agency.client, agency.other]
    with as_user(agency.boss, tenant=agency.bolt):
        assert list(Client.objects.all()) == [agency.other]


def test_a14_without_a_context_postgresql_says_permission_denied(agency):
    with without_owner(), pytest.raises(PermissionDenied, match="permission denied for table"):
        list(Client.objects.all())


def test_a14_a_user_without_a_tenant_sees_nothing(agency):
    with as_user(agency.ann, tenant=None):
        assert list(Client.objects.all()) == []


def test_a14_a_tenant_that_the_key_cannot_hold_is_left_to_postgresql(agency):
    with as_user(agency.ann, tenant="no number"), pytest.raises(Exception, match="no number"):
        list(Client.objects.all())


def test_a14_rows_that_are_shared_with_other_tenants_are_not_filtered_out(agency):
    shared = people.make(Poster(tenant=agency.bolt, name="shared", is_shared=True))
    people.make(Poster(tenant=agency.bolt, name="own"))

    with as_user(agency.ann):
        assert list(Poster.objects.all()) == [shared]


def test_a14_a_left_join_to_another_tenants_row_keeps_the_row(agency):
    Campaign.objects.using(OWNER).filter(pk=agency.campaign.pk).update(payer=agency.other)

    with as_user(agency.ann):
        [found] = Campaign.objects.select_related("payer")

    assert (found.pk, found.payer_id) == (agency.campaign.pk, agency.other.pk)


# A13: for_user()


def test_a13_for_user_shows_what_that_user_sees_whoever_asks(agency):
    with as_user(agency.bob):
        rows = Client.objects.for_user(agency.ann)

        assert list(rows) == [agency.client]
        assert list(Client.objects.all()) == [agency.other]


def test_a13_for_user_needs_no_context_around_it(agency):
    rows = Client.objects.for_user(agency.ann)

    with without_owner():
        assert list(rows.all()) == [agency.client]
        assert (rows.count(), rows.exists(), rows.contains(agency.client)) == (1, True, True)
        assert rows.get() == rows.first() == rows.last() == rows.earliest("pk") == agency.client
        assert rows.aggregate(n=Count("pk")) == {"n": 1}
        assert rows.in_bulk() == {agency.client.pk: agency.client}
        assert list(rows.values_list("pk", flat=True).iterator()) == [agency.client.pk]
        assert "agency_client" in rows.explain()
        assert rows.update(name="new") == 1
        assert rows.filter(name="new").delete()[0] >= 1


def test_a13_for_user_filters_and_sets_the_context_at_once(agency):
    with CaptureQueriesContext(connection) as queries:
        list(Client.objects.for_user(agency.ann))

    assert filters(queries[0]["sql"], "agency_client", agency.acme) == 1
    with without_owner(), as_user(agency.bob):
        who = Client.objects.for_user(agency.ann).annotate(
            who=models.expressions.RawSQL("rls_perms.user_id()::text", [])
        )
        assert [one.who for one in who] == [str(agency.ann.pk)]


def test_a13_for_user_of_a_superuser_shows_all_tenants(agency):
    assert list(Client.objects.for_user(agency.boss)) == [agency.client, agency.other]
    assert list(Client.objects.for_user(agency.boss, tenant=agency.bolt)) == [agency.other]


def test_a13_for_user_is_lazy_and_chains(agency):
    rows = Client.objects.filter(name__gt="").for_user(agency.ann).exclude(name="x")
    late = people.make(Client(tenant=agency.acme, name="late"))

    assert list(rows.order_by("name")) == [agency.client, late]


def test_a13_for_user_covers_prefetches_and_related_managers(agency):
    with without_owner():
        [client] = Client.objects.for_user(agency.ann).prefetch_related("campaigns")

        assert list(client.campaigns.all()) == [agency.campaign]
        assert list(client.campaigns.for_user(agency.ann)) == [agency.campaign]
        assert list(client.campaigns.for_user(agency.bob)) == []


def test_a13_what_reads_the_rows_of_an_iterator_is_not_the_user(agency):
    people.make(Client(tenant=agency.acme, name="second"))

    with as_user(agency.bob):
        seen = [
            (row.name, list(Client.objects.values_list("name", flat=True)))
            for row in Client.objects.for_user(agency.ann).iterator(chunk_size=1)
        ]

    assert seen == [
        ("client of acme", ["client of bolt"]),
        ("second", ["client of bolt"]),
    ]


def test_a13_for_user_creates_as_the_user_in_their_tenant(agency):
    with without_owner():
        made = Client.objects.for_user(agency.ann).create(name="made")
        found, is_new = Client.objects.for_user(agency.ann).get_or_create(name="made")
        changed, _ = Client.objects.for_user(agency.ann).update_or_create(
            name="made", defaults={"name": "changed"}
        )
        [bulk] = Client.objects.for_user(agency.ann).bulk_create([Client(name="bulk")])

    assert made.tenant_id == bulk.tenant_id == agency.acme.pk
    assert (found, is_new, changed.name) == (made, False, "changed")


def test_a13_for_user_works_in_coroutines(agency):
    async def read():
        rows = Client.objects.for_user(agency.ann)
        return (
            [one async for one in rows],
            [one async for one in rows.aiterator()],
            await rows.acount(),
            await rows.aget(),
            await Client.objects.for_user(agency.bob).afirst(),
        )

    found = asyncio.run(read())

    assert found == ([agency.client], [agency.client], 1, agency.client, agency.other)


def test_a13_querysets_of_two_users_are_not_combined(agency):
    ann, bob = Client.objects.for_user(agency.ann), Client.objects.for_user(agency.bob)

    with pytest.raises(TypeError, match="one statement runs as one user"):
        ann | bob
    with pytest.raises(TypeError, match="one statement runs as one user"):
        Client.objects.all() & bob
    with pytest.raises(TypeError, match="one statement runs as one user"):
        Client.objects.union(bob)
    assert list(ann.filter(name="x") | ann) == [agency.client]


def test_a13_raw_sql_is_not_run_as_somebody_else(agency):
    with pytest.raises(TypeError, match="would run as whoever asks"):
        Client.objects.for_user(agency.ann).raw("SELECT * FROM agency_client")


def test_a13_for_user_refuses_at_once_who_is_no_user(agency):
    with pytest.raises(ValueError, match="takes a user"):
        Client.objects.for_user(agency.acme)


# The tenant that a row lacks, and another one


def test_a14_saving_fills_the_tenant_in(agency):
    with as_user(agency.ann):
        made = Client(name="made")
        made.save()

    assert Client.objects.using(OWNER).get(pk=made.pk).tenant_id == agency.acme.pk


def test_a14_bulk_create_fills_the_tenant_in(agency):
    with as_user(agency.ann):
        made = Client.objects.bulk_create([Client(name="one"), Client(name="two")])

    found = Client.objects.using(OWNER).filter(pk__in=[one.pk for one in made])
    assert {one.tenant_id for one in found} == {agency.acme.pk}


def test_a14_bulk_create_refuses_another_tenant_before_any_statement(agency):
    rows = [Client(name="one"), Client(name="two", tenant=agency.bolt)]
    with (
        as_user(agency.ann),
        CaptureQueriesContext(connection) as queries,
        pytest.raises(PermissionDenied, match="a row of another tenant cannot be added"),
    ):
        Client.objects.bulk_create(rows)

    assert len(queries) == 0
    assert Client.objects.using(OWNER).count() == 2


def test_a14_bulk_update_refuses_another_tenant_before_any_statement(agency):
    agency.other.name = agency.client.name = "changed"
    with (
        as_user(agency.ann),
        CaptureQueriesContext(connection) as queries,
        pytest.raises(PermissionDenied, match="another tenant cannot be changed") as denied,
    ):
        Client.objects.bulk_update([agency.client, agency.other], ["name"])

    assert len(queries) == 0
    assert (denied.value.model, denied.value.keys) == (Client, (agency.other.pk,))
    assert not Client.objects.using(OWNER).filter(name="changed").exists()


def test_a14_bulk_update_changes_rows_of_the_tenant(agency):
    agency.client.name = "changed"
    with as_user(agency.ann):
        assert Client.objects.bulk_update([agency.client], ["name"]) == 1

    assert Client.objects.using(OWNER).get(name="changed") == agency.client


@pytest.mark.parametrize("by", ["instance", "key"])
def test_a14_update_refuses_to_give_rows_away(agency, by):
    values = {"instance": {"tenant": agency.bolt}, "key": {"tenant_id": str(agency.bolt.pk)}}

    with as_user(agency.ann), pytest.raises(PermissionDenied, match="cannot be changed in tenant"):
        Client.objects.update(**values[by])
    with as_user(agency.ann):
        assert Client.objects.update(tenant=agency.acme) == 1


def test_a14_saving_a_row_of_another_tenant_is_refused_by_postgresql(agency):
    with as_user(agency.ann), pytest.raises(PermissionDenied):
        Client(name="foreign", tenant_id=agency.bolt.pk).save()
    assert Client.objects.using(OWNER).count() == 2


def test_a14_without_a_tenant_there_is_nothing_to_fill_in(agency):
    with as_system(reason="a test"), pytest.raises(IntegrityError), transaction.atomic():
        Client(name="whose?").save()
    assert Client.objects.using(OWNER).count() == 2


def test_a14_a_fixture_is_loaded_as_it_stands(agency):
    row = Client(name="raw")
    with as_user(agency.ann), pytest.raises(PermissionDenied):
        row.save_base(raw=True)
    assert row.tenant_id is None


def test_a14_validation_fills_the_tenant_in(agency):
    with as_user(agency.ann):
        row = Client(name="valid")
        row.full_clean()

    assert row.tenant_id == agency.acme.pk


def test_a14_a_form_without_the_tenant_checks_what_is_unique_within_it(agency):
    form_class = forms.modelform_factory(Client, fields=["name"])

    with as_user(agency.ann):
        form = form_class({"name": "client of acme"})
        fine = form_class({"name": "client of bolt"})

        assert form.errors == {"__all__": ["Client with this Tenant and Name already exists."]}
        assert fine.is_valid()
        assert fine.save().tenant_id == agency.acme.pk


def test_a14_a_row_is_deleted_with_what_hangs_on_it(agency):
    with as_user(agency.ann):
        _, per_model = agency.client.delete()

    assert per_model == {"agency.Campaign": 1, "agency.Client": 1}
    assert list(Client.objects.using(OWNER).all()) == [agency.other]


def test_a14_a_filter_of_its_own_survives_pickling_and_copies(agency):

    rows = Client.objects.filter(name__gt="")
    with as_user(agency.ann):
        query = pickle.loads(pickle.dumps(rows.query))  # noqa: S301 - our own
        again = Client.objects.all()
        again.query = query

        assert list(again) == [agency.client]
