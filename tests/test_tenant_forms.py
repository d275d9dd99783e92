"""Forms, the admin and Django REST framework: the tenant filled in, rows of one tenant offered."""

import pytest
from django import forms
from django.test import Client as Browser
from django.test import override_settings
from rest_framework import serializers

from rls_perms import as_system, as_user
from rls_perms.contrib.rest_framework import CurrentTenantDefault, TenantSerializerMixin
from rls_perms.forms import TenantFormMixin
from tests import people
from tests.office.models import Employee, Payslip, Ticket
from tests.people import OWNER
from tests.studio.models import Campaign, Client
from tests.studio.world import Studio


@pytest.fixture
def studio(db):
    return Studio()


# Forms


class CampaignForm(TenantFormMixin, forms.ModelForm):
    class Meta:
        model = Campaign
        fields = ["tenant", "name", "client", "partners"]


class PayslipForm(TenantFormMixin, forms.ModelForm):
    class Meta:
        model = Payslip
        fields = ["tenant", "employee", "month"]


def offered(field):
    return [key.value for key, _ in field.choices if key]


def test_a28_in_a_tenant_a_form_has_no_field_for_it(studio):
    with as_user(studio.ann):
        form = CampaignForm({"name": "x", "client": studio.client.pk})

        assert list(form.fields) == ["name", "client", "partners"]
        assert offered(form.fields["client"]) == [studio.client.pk]
        assert form.save().tenant_id == studio.acme.pk


def test_a28_for_who_has_all_tenants_a_form_offers_rows_of_the_one_that_is_edited(studio):
    with as_system(reason="a test"):
        form = CampaignForm(instance=studio.campaign)
        new = CampaignForm()

        assert list(form.fields) == ["tenant", "name", "client", "partners"]
        assert offered(form.fields["client"]) == [studio.client.pk]
        assert offered(form.fields["partners"]) == [studio.client.pk]
        assert offered(new.fields["client"]) == [studio.client.pk, studio.other.pk]


def test_a28_a_form_for_a_model_without_the_base_offers_rows_of_the_tenant(studio):
    own = people.make(Employee(tenant=studio.acme, name="own"))
    people.make(Employee(tenant=studio.bolt, name="theirs"))

    with as_system(reason="a test"):
        form = PayslipForm(instance=Payslip(tenant=studio.acme))

        assert offered(form.fields["employee"]) == [own.pk]


# Django REST framework


class ClientSerializer(TenantSerializerMixin, serializers.ModelSerializer):
    class Meta:
        model = Client
        fields = ["id", "name"]


class CampaignSerializer(TenantSerializerMixin, serializers.ModelSerializer):
    class Meta:
        model = Campaign
        fields = ["id", "tenant", "name", "client", "payer", "partners"]


class RenamedSerializer(TenantSerializerMixin, serializers.ModelSerializer):
    firm = serializers.PrimaryKeyRelatedField(
        source="tenant", queryset=Campaign._meta.get_field("tenant").related_model.objects.all()
    )
    customer = serializers.PrimaryKeyRelatedField(
        source="client", queryset=Client._base_manager.all()
    )

    class Meta:
        model = Campaign
        fields = ["firm", "name", "customer"]


class TicketSerializer(TenantSerializerMixin, serializers.ModelSerializer):
    class Meta:
        model = Ticket
        fields = ["title"]


def test_a28_a_serializer_fills_the_tenant_in(studio):
    with as_user(studio.ann):
        serializer = CampaignSerializer(data={"name": "x", "client": studio.client.pk})
        serializer.is_valid(raise_exception=True)
        made = serializer.save()

        assert made.tenant_id == studio.acme.pk
        assert serializer.data["tenant"] == studio.acme.pk


def test_a28_a_serializer_takes_no_tenant_from_who_is_in_one(studio):
    data = {"name": "x", "client": studio.client.pk, "tenant": studio.bolt.pk}

    with as_user(studio.ann):
        serializer = CampaignSerializer(data=data)
        serializer.is_valid(raise_exception=True)

        assert serializer.save().tenant_id == studio.acme.pk
    with as_user(studio.ann):
        renamed = RenamedSerializer(data={**data, "customer": studio.client.pk, "firm": 0})
        renamed.is_valid(raise_exception=True)

        assert renamed.save().tenant_id == studio.acme.pk


@pytest.mark.parametrize("many", [False, True])
def test_a28_a_serializer_finds_no_row_of_another_tenant(studio, many):
    field, value = ("partners", [studio.other.pk]) if many else ("client", studio.other.pk)
    data = {"name": "x", "client": studio.client.pk, field: value}

    with as_user(studio.ann):
        serializer = CampaignSerializer(data=data)

        assert not serializer.is_valid()
    assert serializer.errors == {
        field: [f'Invalid pk "{studio.other.pk}" - object does not exist.']
    }


def test_a28_a_serializer_refuses_what_crosses_for_who_has_all_tenants(studio):
    data = {"name": "x", "client": studio.other.pk, "tenant": studio.acme.pk}
    renamed = {"name": "x", "customer": studio.other.pk, "firm": studio.acme.pk}

    with as_system(reason="a test"):
        serializer = CampaignSerializer(data=data)
        other_names = RenamedSerializer(data=renamed)

        assert list(serializer.fields["tenant"].choices) != []
        assert not serializer.is_valid()
        assert not other_names.is_valid()
    assert list(serializer.errors) == ["client"]
    assert list(other_names.errors) == ["customer"]


def test_a28_a_serializer_refuses_to_move_a_row_away_from_what_it_refers_to(studio):
    with as_system(reason="a test"):
        serializer = CampaignSerializer(
            studio.campaign, data={"tenant": studio.bolt.pk}, partial=True
        )

        assert not serializer.is_valid()
    assert list(serializer.errors) == ["client"]
    assert studio.campaign.tenant_id == studio.acme.pk


def test_a28_a_serializer_changes_a_row_in_its_tenant(studio):
    with as_user(studio.ann):
        serializer = CampaignSerializer(
            studio.campaign, data={"name": "new", "payer": studio.client.pk}, partial=True
        )
        serializer.is_valid(raise_exception=True)
        serializer.save()

    stored = Campaign.objects.using(OWNER).get(pk=studio.campaign.pk)
    assert (stored.name, stored.payer_id) == ("new", studio.client.pk)


def test_a28_what_is_unique_within_the_tenant_is_checked_without_its_field(studio):
    with as_user(studio.ann):
        taken = ClientSerializer(data={"name": "client of acme"})
        free = ClientSerializer(data={"name": "client of bolt"})

        assert not taken.is_valid()
        assert free.is_valid()
        assert free.save().tenant_id == studio.acme.pk
    assert list(taken.errors) == ["non_field_errors"]


def test_a28_what_is_unique_within_the_tenant_is_checked_with_its_field(studio):
    class WithTenant(TenantSerializerMixin, serializers.ModelSerializer):
        class Meta:
            model = Client
            fields = ["id", "name", "tenant"]

    with as_user(studio.ann):
        taken = WithTenant(data={"name": "client of acme"})
        free = WithTenant(data={"name": "client of bolt"})

        assert not taken.is_valid()
        assert free.is_valid(), free.errors
        assert free.save().tenant_id == studio.acme.pk


def test_a28_a_row_of_a_model_without_the_base_gets_its_tenant_too(studio):
    clerk = people.user(
        "clerk", tenant=studio.acme, permissions=["office.add_ticket", "office.view_ticket"]
    )
    people.sync()

    with as_user(clerk):
        serializer = TicketSerializer(data={"title": "x"})
        serializer.is_valid(raise_exception=True)

        assert serializer.save().tenant_id == studio.acme.pk


def test_a28_related_fields_of_any_queryset_are_limited(studio):
    with as_user(studio.boss, tenant=studio.acme):
        fields = RenamedSerializer().fields

        assert list(fields["customer"].get_queryset()) == [studio.client]
        assert "tenant_id" in str(fields["customer"].get_queryset().query)


def test_a28_the_current_tenant_is_none_without_a_context(studio):
    class Defaulting(serializers.ModelSerializer):
        tenant = serializers.HiddenField(default=CurrentTenantDefault())

        class Meta:
            model = Client
            fields = ["tenant", "name"]

    assert Defaulting().fields["tenant"].get_default() is None
    with as_user(studio.ann):
        assert Defaulting().fields["tenant"].get_default() == studio.acme


def test_a26_an_api_serves_rows_of_one_tenant(studio):
    with override_settings(ROOT_URLCONF="tests.studio.urls"):
        page = Browser()
        page.force_login(studio.ann)
        listed = page.get("/api/campaigns/").json()
        made = page.post("/api/campaigns/", {"name": "api", "client": studio.client.pk})
        crossing = page.post("/api/campaigns/", {"name": "bad", "client": studio.other.pk})
        hidden = page.get(f"/api/campaigns/{studio.theirs.pk}/")

    assert [one["name"] for one in listed] == ["campaign of acme"]
    assert (made.status_code, made.json()["tenant"]) == (201, studio.acme.pk)
    assert (crossing.status_code, list(crossing.json())) == (400, ["client"])
    assert hidden.status_code == 404


# The admin


def test_a27_the_admin_refuses_what_crosses_for_who_has_all_tenants(studio):
    with override_settings(ROOT_URLCONF="tests.studio.urls"):
        page = Browser()
        page.force_login(studio.boss)
        data = {"tenant": studio.acme.pk, "name": "x", "client": studio.other.pk}
        refused = page.post("/admin/studio/campaign/add/", data)
        fine = page.post("/admin/studio/campaign/add/", {**data, "client": studio.client.pk})

    assert "is not a valid choice" in refused.content.decode()
    assert fine.status_code == 302
    assert Campaign.objects.using(OWNER).get(name="x").client_id == studio.client.pk


def test_a27_the_admin_offers_rows_of_the_tenant(studio):
    with override_settings(ROOT_URLCONF="tests.studio.urls"):
        page = Browser()
        page.force_login(studio.ann)
        form = page.get("/admin/studio/campaign/add/").content.decode()

    assert "client of acme" in form
    assert "client of bolt" not in form
