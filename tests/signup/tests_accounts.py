"""django-allauth works inside of views, and raw SQL in a view reaches none of its tables."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.checks import run_checks
from django.db import connection
from django.test import Client, override_settings
from rls_perms import PermissionDenied, as_user
from rls_perms.conf import FRAMEWORK_APPS

from notes.models import Note

PASSWORD = "correct horse battery"
SIGNUP = {
    "email": "ann@example.com",
    "username": "ann",
    "password1": PASSWORD,
    "password2": PASSWORD,
}


@pytest.fixture
def client(site):
    return Client()


def person(name="ann"):
    """A user with a confirmed address and a note, made by the owner."""
    user = User(username=name, email=f"{name}@example.com")
    user.set_password(PASSWORD)
    user.save(using="owner")
    EmailAddress.objects.using("owner").create(
        user_id=user.pk, email=user.email, verified=True, primary=True
    )
    Note.objects.using("owner").create(owner_id=user.pk, text=f"{name}'s")
    user._state.db = "default"
    return user


def link_in_mail(start):
    """The address in the last mail whose path begins with *start*."""
    return re.search(rf"http://[^/]+({start}\S+)", mail.outbox[-1].body)[1]


def own(client):
    """The notes that are shown; None where there is nobody to show them to."""
    response = client.get("/notes/")
    return None if response.status_code == 403 else response.json()["texts"]


def role(client):
    return client.get("/who/").json()["role"]


def log_in(client, name="ann", password=PASSWORD):
    return client.post("/accounts/login/", {"login": name, "password": password})


def test_signing_up_and_confirming_the_address(client, atomic_requests):
    signed_up = client.post("/accounts/signup/", SIGNUP)
    before = EmailAddress.objects.using("owner").get().verified
    link = link_in_mail("/accounts/confirm-email/")
    shown, confirmed = client.get(link), client.post(link)

    assert (signed_up.status_code, shown.status_code, confirmed.status_code) == (302, 200, 302)
    assert (before, EmailAddress.objects.using("owner").get().verified) == (False, True)
    assert log_in(client).status_code == 302
    assert role(client) == f"{settings.NAME}_everyone"


def test_an_address_that_is_not_confirmed_does_not_log_in(client):
    client.post("/accounts/signup/", SIGNUP)
    other = Client()

    log_in(other)

    assert role(other) == f"{settings.NAME}_anonymous"


@pytest.mark.parametrize("login", ["ann", "ann@example.com"])
def test_logging_in_and_out_by_name_and_address(client, login, atomic_requests):
    person("ann")
    person("bob")

    response = log_in(client, login)
    texts = own(client)
    client.post("/accounts/logout/")

    assert response["Location"] == "/notes/"
    assert texts == ["ann's"]
    assert own(client) is None
    assert role(client) == f"{settings.NAME}_anonymous"


def test_a_wrong_password_is_an_error_of_the_form(client):
    person()

    response = log_in(client, password="wrong")

    assert response.status_code == 200
    assert response.context["form"].errors


def test_resetting_a_password_by_mail(client, atomic_requests):
    person()

    asked = client.post("/accounts/password/reset/", {"email": "ann@example.com"})
    form = client.get(link_in_mail("/accounts/password/reset/key/"), follow=True)
    new = "another horse battery"
    done = client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    assert (asked.status_code, form.status_code, done.status_code) == (302, 200, 302)
    assert log_in(client, password=new)["Location"] == "/notes/"


def test_changing_password_and_address_when_logged_in(client, atomic_requests):
    person()
    log_in(client)
    new = "another horse battery"

    passed = client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    added = client.post("/accounts/email/", {"action_add": "", "email": "new@example.com"})
    client.get(link_in_mail("/accounts/confirm-email/"))
    client.post(link_in_mail("/accounts/confirm-email/"))

    assert (passed.status_code, added.status_code) == (302, 302)
    assert EmailAddress.objects.using("owner").get(email="new@example.com").verified
    assert User.objects.using("owner").get(username="ann").check_password(new)


def social_login(client, key, name):
    """What the provider for tests answers."""
    started = client.post("/accounts/dummy/login/")
    return client.post(
        started["Location"],
        {"id": key, "email": f"{name}@example.com", "email_verified": "on", "username": name},
    )


def test_signing_up_by_a_social_account_and_coming_back(client, atomic_requests):
    first = social_login(client, 7, "carl")
    if "signup" in first["Location"]:
        first = client.post(first["Location"], {"email": "carl@example.com", "username": "carl"})
    seen = role(client)
    again = Client()
    second = social_login(again, 7, "carl")

    account = SocialAccount.objects.using("owner").get()
    assert (first.status_code, second.status_code) == (302, 302)
    assert (account.provider, account.uid) == ("dummy", "7")
    assert User.objects.using("owner").get(pk=account.user_id).username == "carl"
    assert seen == role(again) == f"{settings.NAME}_everyone"


def test_sessions_are_listed_and_ended(client):
    person()
    log_in(client)
    other = Client()
    log_in(other)
    own(client)
    own(other)

    shown = client.get("/accounts/sessions/")
    count = UserSession.objects.using("owner").count()
    client.post("/accounts/sessions/")

    assert (shown.status_code, count) == (200, 2)
    assert own(other) is None
    assert own(client) == ["ann's"]


def tables():
    labels = ("account", "socialaccount", "usersessions")
    models = [one for label in labels for one in apps.get_app_config(label).get_models(True)]
    return sorted(one._meta.db_table for one in models)


@pytest.mark.parametrize("table", tables())
@pytest.mark.parametrize("query", ["SELECT * FROM {}", "SELECT count(*) FROM {}", "DELETE FROM {}"])
def test_raw_sql_neither_reads_nor_writes_its_tables(site, table, query):
    user = person()

    with (
        as_user(user),
        connection.cursor() as cursor,
        pytest.raises(PermissionDenied, match=table),
    ):
        cursor.execute(query.format(table))

    assert EmailAddress.objects.using("owner").count() == 1


def test_a_check_says_when_the_tables_of_accounts_are_open(site):
    with override_settings(RLS_PERMS={"FRAMEWORK_APPS": [*FRAMEWORK_APPS]}):
        found = [one for one in run_checks() if one.id == "rls_perms.W002"]

    assert [one.msg.partition(" look")[0] for one in found] == [
        "The tables of account.EmailConfirmation",
        "The tables of socialaccount.SocialApp, socialaccount.SocialToken",
        "The tables of usersessions.UserSession",
    ]
    assert [one for one in run_checks() if one.id == "rls_perms.W002"] == []
