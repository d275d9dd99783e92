"""What may be a model of memberships, and the checks that say why another may not."""

import pytest
from django.conf import settings
from django.test import override_settings

from rls_perms.checks import (
    e020_membership_model,
    e021_membership_backend,
    e022_models_of_tenants,
)
from rls_perms.conf import check_models, parse
from rls_perms.exceptions import ConfigurationError
from rls_perms.memberships import belongs_to, membership_model
from tests import people


def naming(label, **others):
    return override_settings(RLS_PERMS={**settings.RLS_PERMS, "MEMBERSHIP_MODEL": label, **others})


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("office.Document", "a foreign key 'group', to auth.Group, and it has none"),
        ("auth.Group", "a foreign key to office.User, and it has none. Call one 'user'"),
        ("admin.LogEntry", "a foreign key to office.Tenant, and it has none. Call one 'tenant'"),
    ],
)
def test_a_model_without_what_a_membership_is_made_of_is_refused(label, why):
    with naming(label), pytest.raises(ConfigurationError) as refused:
        membership_model()

    assert str(refused.value).startswith(f'RLS_PERMS["MEMBERSHIP_MODEL"] is {label!r}, but ')
    assert why in str(refused.value)


def test_memberships_need_tenants():
    with naming("office.Document", TENANT_MODEL=None), pytest.raises(ConfigurationError) as refused:
        membership_model()

    assert 'Set RLS_PERMS["TENANT_MODEL"].' in str(refused.value)


def test_a_model_that_does_not_exist_is_refused_at_the_start():
    raw = {**settings.RLS_PERMS, "MEMBERSHIP_MODEL": "office.Membership"}

    with pytest.raises(ConfigurationError, match="there is no such model"):
        check_models(parse(raw, settings.DATABASES))


def test_the_check_says_what_is_wrong_with_the_model():
    with naming("office.Document"):
        (error,) = e020_membership_model.check()

    assert error.id == "rls_perms.E020"
    assert "it must have" in error.msg


def test_memberships_that_has_perm_does_not_count_are_an_error():
    with naming("office.Document"):
        (error,) = e021_membership_backend.check()

    assert error.id == "rls_perms.E021"
    assert "'rls_perms.auth.MembershipBackend'" in error.hint


def test_without_memberships_there_is_nothing_to_check():
    assert list(e020_membership_model.check()) == []
    assert list(e021_membership_backend.check()) == []


def test_the_users_own_tenant_is_that_of_their_foreign_key(db):
    acme, other = people.tenant("acme"), people.tenant("other")
    ada = people.user("ada", tenant=acme)

    assert belongs_to(ada, acme)
    assert belongs_to(ada, str(acme.pk))
    assert not belongs_to(ada, other)
    assert belongs_to(ada, None)
    assert belongs_to(people.NOBODY, other)
    assert belongs_to(people.user("root", is_superuser=True), other)


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("office.Document", "has row security"),
        ("auth.Group", "is one of the framework's"),
    ],
)
def test_a_model_that_cannot_be_single_tenants_is_an_error(label, why):
    given = {"tenants": {"1": {"models": [label]}}}
    with override_settings(RLS_PERMS={**settings.RLS_PERMS, "TENANT_ROLES": given}):
        (error,) = e022_models_of_tenants.check()

    assert error.id == "rls_perms.E022"
    assert why in error.msg


def test_an_open_model_may_be_single_tenants():
    given = {"tenants": {"1": {"models": ["office.Tenant"]}}}
    with override_settings(RLS_PERMS={**settings.RLS_PERMS, "TENANT_ROLES": given}):
        assert list(e022_models_of_tenants.check()) == []
