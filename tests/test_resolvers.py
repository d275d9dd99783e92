"""The tenant of a request: by user, session, host, header; and who may be where."""

import re

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import connection
from django.http import Http404
from django.test import Client as Browser
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from rls_perms import PermissionDenied, memberships, switching
from rls_perms.checks import w010_client_chooses_tenant
from rls_perms.exceptions import ConfigurationError
from rls_perms.resolvers import (
    FromSubdomain,
    choose_tenant,
    from_header,
    from_session,
    from_subdomain,
    from_user,
)
from tests import people
from tests.settings import RLS_PERMS
from tests.studio.models import Client
from tests.studio.world import Studio

pytestmark = pytest.mark.usefixtures("urls")


@pytest.fixture
def urls():
    with override_settings(ROOT_URLCONF="tests.studio.urls"):
        yield


@pytest.fixture
def studio(db):
    return Studio()


def resolving_by(path):
    return override_settings(RLS_PERMS={**RLS_PERMS, "TENANT_RESOLVER": path})


def browser(user=None, **options):
    found = Browser(**options)
    if user is not None:
        found.force_login(user)
    return found


def names(response):
    return response.json()["names"]


def request_of(user, **options):
    request = RequestFactory().get("/", **options)
    request.user = user
    request.session = {}
    return request


BY_USER = "rls_perms.resolvers.from_user"
BY_SESSION = "rls_perms.resolvers.from_session"
BY_HEADER = "rls_perms.resolvers.from_header"
BY_HOST = "tests.studio.resolvers.by_host"


# By user


@resolving_by(BY_USER)
def test_a30_by_user_a_request_is_in_the_tenant_of_its_user(studio):
    assert names(browser(studio.ann).get("/clients/")) == ["client of acme"]
    assert names(browser(studio.bob).get("/clients/")) == ["client of bolt"]


@resolving_by(BY_USER)
def test_a30_by_user_a_superuser_without_a_tenant_is_in_none(studio):
    answer = browser(studio.boss).get("/clients/").json()

    assert answer == {"names": ["client of acme", "client of bolt"], "tenant": None}


def test_a30_the_anonymous_user_has_no_tenant(studio):
    assert from_user(request_of(AnonymousUser())) is None
    assert from_session(request_of(AnonymousUser())) is None
    assert from_header(request_of(AnonymousUser())) is None


# By session


@resolving_by(BY_SESSION)
def test_a30_by_session_the_users_own_tenant_counts_until_one_is_chosen(studio):
    page = browser(studio.boss)
    before = page.get("/clients/").json()["tenant"]
    chosen = page.post("/switch/", {"tenant": studio.bolt.pk, "next": "/clients/"})

    after = page.get("/clients/").json()

    assert (chosen.status_code, chosen["Location"]) == (302, "/clients/")
    assert before is None
    assert after == {"names": ["client of bolt"], "tenant": str(studio.bolt.pk)}


@resolving_by(BY_SESSION)
def test_a27_a_choice_is_taken_back_by_an_empty_one(studio):
    page = browser(studio.boss)
    page.post("/switch/", {"tenant": studio.bolt.pk})
    page.post("/switch/", {"tenant": ""})

    assert page.get("/clients/").json()["tenant"] is None


@resolving_by(BY_SESSION)
def test_a27_a_tenant_of_others_cannot_be_chosen(studio):
    page = browser(studio.ann)

    response = page.post("/switch/", {"tenant": studio.bolt.pk})

    assert response.status_code == 403
    assert names(page.get("/clients/")) == ["client of acme"]


@resolving_by(BY_SESSION)
def test_a27_a_tenant_that_is_not_there_cannot_be_chosen(studio):
    page = browser(studio.boss)

    assert page.post("/switch/", {"tenant": "0"}).status_code == 403
    assert page.post("/switch/", {"tenant": "no key"}).status_code == 403
    with pytest.raises(DjangoPermissionDenied, match="do not belong"):
        choose_tenant(request_of(studio.boss), 0)
    with pytest.raises(PermissionDenied):
        choose_tenant(request_of(studio.boss), "no key")


@resolving_by(BY_SESSION)
def test_a27_a_visitor_chooses_nothing(studio):
    assert (
        browser()
        .post("/switch/", {"tenant": studio.acme.pk})["Location"]
        .startswith("/accounts/login/")
    )
    with pytest.raises(PermissionDenied):
        choose_tenant(request_of(AnonymousUser()), studio.acme)


@resolving_by(BY_SESSION)
def test_a27_switching_needs_a_token_and_a_post(studio):
    page = browser(studio.boss, enforce_csrf_checks=True)
    with override_settings(
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "rls_perms.middleware.SetRoleMiddleware",
        ]
    ):
        assert page.post("/switch/", {"tenant": studio.bolt.pk}).status_code == 403
        assert page.get("/switch/", {"tenant": studio.bolt.pk}).status_code == 405
        assert page.get("/clients/").json()["tenant"] is None


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:x"])
@resolving_by(BY_SESSION)
def test_a27_switching_leads_to_no_other_site(studio, target):
    response = browser(studio.boss).post("/switch/", {"tenant": studio.bolt.pk, "next": target})

    assert response["Location"] == "/accounts/profile/"


@resolving_by(BY_SESSION)
def test_a27_a_choice_is_gone_with_the_membership(studio, monkeypatch):
    both = {str(studio.acme.pk), str(studio.bolt.pk)}
    page = browser(studio.ann)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(memberships, "tenants_of", lambda user: both)
        meanwhile.setattr(switching, "tenants_of", lambda user: both)
        chosen = page.post("/switch/", {"tenant": studio.bolt.pk})
        inside = page.get("/clients/").json()

    after = page.get("/clients/").json()

    assert chosen.status_code == 302
    assert inside == {"names": ["client of bolt"], "tenant": str(studio.bolt.pk)}
    assert after == {"names": ["client of acme"], "tenant": str(studio.acme.pk)}


@resolving_by(BY_SESSION)
def test_a27_a_choice_of_another_user_does_not_count(studio):
    request = request_of(studio.ann)
    request.session = {
        "rls_perms_tenant": {"user": str(studio.boss.pk), "tenant": str(studio.bolt.pk)}
    }

    assert from_session(request) == studio.acme.pk


@resolving_by(BY_SESSION)
def test_a27_the_form_offers_the_tenants_of_the_user(studio):
    of_ann = browser(studio.ann).get("/choices/").json()["choices"]
    page = browser(studio.boss)
    page.post("/switch/", {"tenant": studio.bolt.pk})
    of_boss = page.get("/choices/").json()

    assert [key for key, _ in of_ann] == ["", str(studio.acme.pk)]
    assert [key for key, _ in of_boss["choices"]] == ["", str(studio.acme.pk), str(studio.bolt.pk)]


# By header


@resolving_by(BY_HEADER)
def test_a30_by_header_a_request_says_its_tenant(studio):
    page = browser(studio.boss)

    assert names(page.get("/clients/", headers={"X-Tenant": studio.bolt.pk})) == ["client of bolt"]
    assert names(browser(studio.ann).get("/clients/")) == ["client of acme"]


@resolving_by(BY_HEADER)
@pytest.mark.parametrize("value", ["{bolt}", "0", "no key", "", "{acme} OR 1=1"])
def test_a30_by_header_a_tenant_of_others_is_403_before_any_query(studio, value):
    page = browser(studio.ann)
    named = value.format(bolt=studio.bolt.pk, acme=studio.acme.pk)

    with CaptureQueriesContext(connection) as queries:
        response = page.get("/clients/", headers={"X-Tenant": named})

    assert response.status_code == 403
    assert [one["sql"] for one in queries if "studio_client" in one["sql"]] == []


@resolving_by("tests.studio.resolvers.by_firm_header")
def test_a30_the_header_has_the_name_that_it_is_given(studio):
    page = browser(studio.boss)

    answer = page.get("/clients/", headers={"X-Firm": studio.bolt.pk, "X-Tenant": studio.acme.pk})
    assert answer.json()["tenant"] == str(studio.bolt.pk)


# By host


@resolving_by(BY_HOST)
def test_a30_by_subdomain_the_host_says_the_tenant(studio):
    host = f"{studio.acme.pk}.Example.com:8000"

    assert names(browser(studio.ann).get("/clients/", headers={"host": host})) == ["client of acme"]
    assert browser(studio.bob).get("/clients/", headers={"host": host}).status_code == 403


@resolving_by(BY_HOST)
def test_a30_a_host_that_no_tenant_has_is_not_found(studio):
    page = browser(studio.boss)

    assert page.get("/clients/", headers={"host": "0.example.com"}).status_code == 404
    assert page.get("/clients/", headers={"host": "nobody.example.com"}).status_code == 404


@pytest.mark.parametrize(
    ("host", "label"),
    [
        ("acme.example.com", "acme"),
        ("ACME.example.com.", "acme"),
        ("acme.example.com:8000", "acme"),
        ("example.com", None),
        ("www.example.com", None),
        ("a.acme.example.com", None),
        ("acme.example.org", None),
        ("acmeexample.com", None),
        ("[::1]:8000", None),
        ("127.0.0.1:8000", None),
    ],
)
def test_a30_the_label_of_a_host(host, label):
    assert FromSubdomain(domain="example.com")._label(host) == label


@override_settings(ALLOWED_HOSTS=["localhost", ".example.com", ".a.example.com"])
def test_a30_allowed_hosts_tell_the_domain(studio):
    assert from_subdomain._label("x.a.example.com") == "x"
    assert from_subdomain._label("x.example.com") == "x"
    assert from_subdomain._label("a.example.com") is None


def test_a30_a_subdomain_without_a_domain_says_what_to_write(studio):
    with pytest.raises(ConfigurationError, match=r"FromSubdomain\(domain='example.com'\)"):
        from_subdomain(request_of(studio.ann))


@resolving_by("tests.studio.resolvers.by_name")
def test_a30_a_field_that_several_tenants_may_share_names_none(studio):
    with pytest.raises(ConfigurationError, match=r"Make office\.Tenant\.name unique"):
        browser(studio.ann).get("/clients/", headers={"host": "acme.example.com"})


@resolving_by("tests.studio.resolvers.by_no_field")
def test_a30_a_field_that_is_not_there_is_named(studio):
    with pytest.raises(ConfigurationError, match="'nickname', which is no field"):
        browser(studio.ann).get("/clients/", headers={"X-Tenant": "acme"})


def test_a30_a_tenant_by_a_unique_field(studio, monkeypatch):
    monkeypatch.setitem(vars(studio.acme._meta.get_field("name")), "unique", True)
    resolver = FromSubdomain(field="name", domain="example.com")

    assert resolver(request_of(studio.ann, headers={"host": "acme.example.com"})) == studio.acme.pk
    with pytest.raises(Http404):
        resolver(request_of(studio.ann, headers={"host": "other.example.com"}))


# Who belongs where


def test_a30_who_belongs_to_a_tenant(studio):
    assert memberships.belongs_to(studio.ann, studio.acme)
    assert memberships.belongs_to(studio.ann, str(studio.acme.pk))
    assert not memberships.belongs_to(studio.ann, studio.bolt.pk)
    assert memberships.belongs_to(studio.ann, None)
    assert memberships.belongs_to(studio.boss, studio.bolt)
    assert memberships.belongs_to(AnonymousUser(), studio.bolt)


@pytest.mark.parametrize("path", [BY_HEADER, BY_HOST])
def test_a30_a_tenant_from_the_client_warns_where_nobody_says_who_belongs(monkeypatch, path):
    monkeypatch.setattr(w010_client_chooses_tenant, "tenant_field", lambda: None)

    with resolving_by(path):
        [found] = w010_client_chooses_tenant.check()

    assert found.id == "rls_perms.W010"
    assert re.search("every user can work in every tenant", found.msg)
    assert "MEMBERSHIP_MODEL" in found.hint


@pytest.mark.parametrize("path", [BY_USER, BY_SESSION])
def test_a30_a_tenant_that_the_client_does_not_choose_does_not_warn(monkeypatch, path):
    monkeypatch.setattr(w010_client_chooses_tenant, "tenant_field", lambda: None)

    with resolving_by(path):
        assert list(w010_client_chooses_tenant.check()) == []


@pytest.mark.parametrize("path", [BY_HEADER, BY_HOST, None])
def test_a30_it_does_not_warn_where_the_user_model_says_who_belongs(path):
    with resolving_by(path):
        assert list(w010_client_chooses_tenant.check()) == []


# The admin


@resolving_by(BY_SESSION)
def test_a27_the_admin_has_a_page_to_choose_the_tenant(studio):
    page = browser(studio.boss)

    start = page.get("/admin/")
    form = page.get("/admin/tenant/")
    chosen = page.post("/admin/tenant/", {"tenant": studio.bolt.pk})
    listed = page.get("/admin/studio/client/")

    assert 'href="/admin/tenant/"' in start.content.decode()
    assert "acme" in form.content.decode()
    assert chosen["Location"] == "/admin/"
    assert "client of bolt" in listed.content.decode()
    assert "client of acme" not in listed.content.decode()


@resolving_by(BY_SESSION)
def test_a27_the_admins_page_refuses_a_tenant_of_others(studio):
    page = browser(studio.ann)

    refused = page.post("/admin/tenant/", {"tenant": studio.bolt.pk})
    listed = page.get("/admin/studio/client/")

    assert "not one of the available choices" in refused.content.decode()
    assert "client of bolt" not in listed.content.decode()


@resolving_by(BY_SESSION)
def test_a27_the_list_tells_the_tenant_where_all_are_shown(studio):
    page = browser(studio.boss)
    everywhere = page.get("/admin/studio/client/").content.decode()
    page.post("/switch/", {"tenant": studio.acme.pk})
    inside = page.get("/admin/studio/client/").content.decode()

    assert "column-tenant" in everywhere
    assert "?tenant__id__exact=" in everywhere
    assert "column-tenant" not in inside


def test_a27_a_form_of_the_admin_offers_the_tenant_alone_and_fills_it_in(studio):
    page = browser(studio.ann)

    form = page.get("/admin/studio/client/add/").content.decode()
    saved = page.post("/admin/studio/client/add/", {"name": "new", "tenant": studio.acme.pk})
    refused = page.post("/admin/studio/client/add/", {"name": "bad", "tenant": studio.bolt.pk})

    assert f'<option value="{studio.acme.pk}" selected>' in form
    assert f'<option value="{studio.bolt.pk}"' not in form
    assert saved.status_code == 302
    assert "Select a valid choice" in refused.content.decode()
    stored = Client.objects.using(people.OWNER)
    assert stored.get(name="new").tenant == studio.acme
    assert not stored.filter(name="bad").exists()
