"""The example site in a browser: who sees which rows, what is refused, what sharing changes."""

import json
import os
import shutil

import pytest
from django.conf import settings

from tests.browser import DRIVER, PROGRAM, Site, chromium
from tests.example import deployed

pytestmark = pytest.mark.slow

#: Where to write the pictures of docs/example.md, if at all; takes pngquant, and no xdist.
PICTURES = os.environ.get("RLS_PERMS_SCREENSHOTS")
SIZE = 30  # documents of each firm, more than one page of the list
ROLES = [("mona", "manager"), ("carl", "clerk"), ("ada", "auditor")]
DJANGO_SAYS = """
import json
from office.models import Document
from proof.django_says import Django, load
from tenants.models import User

rows = load("owner")
said = {}
for user in User.objects.exclude(tenant=None):
    django = Django(user, user.tenant_id, rows)
    said[user.username] = {
        action: sorted(django.allowed(Document, action)) for action in ("view", "change")
    }
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def browser():
    if missing := [name for name in (PROGRAM, DRIVER) if shutil.which(name) is None]:
        reason = (
            f"No {' and no '.join(missing)} on this machine. "
            "Install Debian's packages chromium and chromium-driver."
        )
        # In CI a test that does not run is a test that fails.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def example(browser):
    """Three firms; in pictures the names of database and roles are the same each time."""
    name = "rls_perms_example" if PICTURES else f"{settings.PROJECT}_site"
    with deployed(name) as example:
        example.seed(SIZE)
        example.deployment.rows("UPDATE office_document SET made_at = '2026-03-02 09:00Z'")
        yield example


@pytest.fixture(scope="module")
def address(example):
    with example.served() as address:
        yield address


@pytest.fixture(scope="module")
def django_says(example):
    """Keys of documents, by user and action, that has_perm, grants and policies allow."""
    return json.loads(example.answer(f"exec({DJANGO_SAYS!r})"))


@pytest.fixture(scope="module")
def visited(browser, address):
    return Site(browser, address, PICTURES)


@pytest.fixture
def site(visited):
    """The site as a visitor finds it, who is not logged in."""
    visited.leave()
    return visited


def one(example, query, *parameters):
    """What the administrator of the server finds, whom no policy binds."""
    ((value,),) = example.deployment.rows(query, *parameters)
    return value


def title_of(example, key):
    return one(example, "SELECT title FROM office_document WHERE id = %s", key)


def test_a_visitor_is_asked_to_log_in(site):
    site.open("/documents/")

    site.picture("login")
    assert site.heading == "Log in"
    assert "/login/?next=/documents/" in site.url


def test_a_wrong_password_is_told_and_shows_nothing(site):
    site.log_in("mona.north", "wrong")

    assert "correct username and password" in site.text
    assert "Log out" not in site.text


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_each_role_sees_exactly_its_documents(site, django_says, name, role):
    site.log_in(f"{name}.north")
    site.open("/documents/")
    site.picture(f"documents-{role}")

    wanted = django_says[f"{name}.north"]["view"]
    assert f"{len(wanted)} in all" in site.text
    assert sorted(site.documents()) == wanted


def test_the_three_roles_do_not_see_the_same(django_says, example):
    mona, carl, ada = (set(django_says[f"{name}.north"]["view"]) for name, _ in ROLES)

    assert len(mona) == SIZE
    assert carl < mona
    assert ada == mona
    assert one(example, "SELECT count(*) FROM office_document") == 3 * SIZE


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_the_page_of_a_document_shows_what_is_in_its_row(site, example, django_says, name, role):
    (*_, key) = django_says[f"{name}.north"]["view"]
    row = "SELECT body FROM office_document WHERE id = %s"

    site.log_in(f"{name}.north")
    site.open(f"/documents/{key}/")

    site.picture("document", role == "clerk")
    assert site.status == 200
    assert site.heading.startswith(title_of(example, key))
    assert one(example, row, key) in site.text


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_each_role_is_named_by_the_page_that_says_who_one_is_to_postgresql(
    site, example, name, role
):
    site.log_in(f"{name}.north")
    site.follow("Who am I to PostgreSQL")

    site.picture("who-am-i", role == "clerk")
    facts = site.facts()
    assert facts["Current role"] == example.deployment.role(role)
    assert facts["Logged in as"] == example.deployment.web
    assert facts["Django's user"] == f"{name}.north"


def test_another_firms_document_is_no_page(site, example, django_says):
    theirs = one(
        example,
        "SELECT min(d.id) FROM office_document d JOIN tenants_tenant t ON t.id = d.tenant_id"
        " WHERE t.slug = 'mill' AND d.is_public",
    )

    site.log_in("mona.north")
    site.open(f"/documents/{theirs}/")

    assert site.status == 404
    assert site.heading == "There is no such page for you"
    assert title_of(example, theirs) not in site.text


def test_an_auditor_who_opens_a_page_for_editing_reads_why_not(site, example, django_says):
    ada = django_says["ada.north"]
    key = min({*ada["view"]} - {*ada["change"]})

    site.log_in("ada.north")
    site.open(f"/documents/{key}/")
    site.follow("Edit")

    site.picture("refused")
    assert site.status == 403
    assert site.heading == "You may not do this"
    assert title_of(example, key) in site.text
    assert "office.change_document" in site.text
    assert "What you can do" in site.text
    assert "Log out ada.north" in site.text


def test_a_clerk_who_saves_a_document_that_was_closed_meanwhile_reads_why_not(
    site, example, django_says
):
    (key, *_) = django_says["carl.north"]["change"]
    before = title_of(example, key)
    close = "UPDATE office_document SET closed = %s WHERE id = %s"

    site.log_in("carl.north")
    site.open(f"/documents/{key}/edit/")
    example.deployment.rows(close, True, key)
    site.fill(title="Changed all the same")
    site.press("Save")
    example.deployment.rows(close, False, key)

    assert site.status == 403
    assert site.heading == "You may not do this"
    assert "must not be closed" in site.text
    assert title_of(example, key) == before


def test_a_clerk_who_changes_an_invoice_that_is_paid_reads_what_the_library_says(site, example):
    key = one(
        example,
        "SELECT min(i.id) FROM billing_invoice i JOIN tenants_user u ON u.id = i.made_by_id"
        " WHERE u.username = 'carl.north' AND i.state = 'paid'",
    )
    note = "SELECT note FROM billing_invoice WHERE id = %s"

    site.log_in("carl.north")
    site.open(f"/invoices/{key}/edit/")
    site.fill(note="Changed all the same")
    site.press("Save")

    assert site.status == 403
    assert site.heading == "You may not do this"
    assert f"billing.Invoice {key} is shown and may not be changed" in site.text
    assert "Nothing was changed" in site.text
    assert one(example, note, key) == ""


def test_a_shared_document_appears_for_the_other_and_vanishes_when_it_is_taken_away(
    site, example, django_says
):
    carl, clara = django_says["carl.north"], django_says["clara.north"]
    key = min({*carl["change"]} - {*clara["view"]})
    title = title_of(example, key)

    site.log_in("clara.north")
    site.open(f"/documents/{key}/")
    assert site.status == 404
    assert sorted(site.documents()) == clara["view"]

    site.log_in("carl.north")
    site.open(f"/documents/{key}/share/")
    site.choose(colleague="Clara")
    site.press("Share")
    assert "clara.north: view_document" in site.text
    site.picture("share")

    site.log_in("clara.north")
    assert sorted(site.documents()) == sorted([*clara["view"], key])
    site.follow(title)
    assert (site.status, site.heading) == (200, title)
    site.open(f"/documents/{key}/edit/")
    assert site.status == 403

    site.log_in("carl.north")
    site.open(f"/documents/{key}/share/")
    site.choose(colleague="Clara")
    site.press("Take away")
    assert "clara.north: view_document" not in site.text

    site.log_in("clara.north")
    assert sorted(site.documents()) == clara["view"]
    site.open(f"/documents/{key}/")
    assert site.status == 404
