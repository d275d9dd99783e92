"""Django REST framework: who it authenticates is who asks, and denials are 403."""

import base64

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings
from rest_framework.authentication import (
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.routers import APIRootView
from rest_framework.test import APIClient
from rls_perms import PermissionDenied, as_user
from rls_perms.conf import FRAMEWORK_APPS
from rls_perms.contrib.rest_framework import RowSecurityPermissions
from rls_perms.exceptions import ConfigurationError

from goods import api
from goods.models import Line, Order


def client_of(user):
    """A client that brings the token of *user*, and no session."""
    token, _ = Token.objects.using("owner").get_or_create(user_id=user.pk)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
    return client


@pytest.fixture
def client(shop):
    return client_of(shop.clerk)


PAGES = pytest.mark.parametrize("page", ["/api/orders/{}/", "/api/order/{}/"])


@PAGES
@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_denied_change_is_403(shop, client, page, method, atomic_requests):
    order = shop.order(closed=True)

    response = getattr(client, method)(page.format(order.pk), {"number": "two"}, format="json")

    assert response.status_code == 403
    assert "may not be changed" in response.json()["detail"]
    assert shop.stored(Order, "number") == ["one"]


@PAGES
def test_a_denied_deletion_is_403(shop, client, page, atomic_requests):
    order = shop.order(closed=True)

    response = client.delete(page.format(order.pk))

    assert response.status_code == 403
    assert shop.stored(Order, "number") == ["one"]


@PAGES
def test_what_is_allowed_is_done(shop, client, page, atomic_requests):
    order = shop.order()

    changed = client.patch(page.format(order.pk), {"number": "two"}, format="json")
    numbers = shop.stored(Order, "number")
    deleted = client.delete(page.format(order.pk))

    assert (changed.status_code, numbers) == (200, ["two"])
    assert (deleted.status_code, shop.stored(Order, "number")) == (204, [])


def test_a_denied_addition_is_403(shop, atomic_requests):
    response = client_of(shop.visitor).post("/api/orders/", {"number": "two"}, format="json")

    assert response.status_code == 403
    assert shop.stored(Order, "number") == []


def test_a_closed_table_is_403(shop):
    assert client_of(shop.nobody).get("/api/orders/").status_code == 403


def nested(order, line, text):
    return {"number": "two", "lines": [{"id": line.pk, "text": text}]}


def test_a_denied_row_of_a_nested_serializer_is_403_and_atomic_requests_undo_the_rest(
    shop, client, atomic_requests
):
    order = shop.order()
    line = shop.make(Line, order_id=order.pk, text="one", closed=True)

    response = client.put(f"/api/orders/{order.pk}/", nested(order, line, "two"), format="json")

    assert response.status_code == 403
    assert f"goods.Line {line.pk}" in response.json()["detail"]
    assert shop.stored(Line, "text") == ["one"]
    assert shop.stored(Order, "number") == (["one"] if atomic_requests else ["two"])


def test_a_nested_serializer_that_is_allowed_saves_all(shop, client, atomic_requests):
    order = shop.order()
    line = shop.make(Line, order_id=order.pk, text="one")

    changed = client.put(f"/api/orders/{order.pk}/", nested(order, line, "two"), format="json")
    added = client.post(
        "/api/orders/", {"number": "three", "lines": [{"text": "new"}]}, format="json"
    )

    assert (changed.status_code, added.status_code) == (200, 201)
    assert shop.stored(Line, "text") == ["two", "new"]


def test_the_browsable_api_shows_a_denial_as_403(shop, atomic_requests):
    order = shop.order(closed=True)
    client = APIClient()
    client.force_login(shop.clerk)

    shown = client.get(f"/api/orders/{order.pk}/", HTTP_ACCEPT="text/html")
    denied = client.put(
        f"/api/orders/{order.pk}/", {"number": "two"}, format="multipart", HTTP_ACCEPT="text/html"
    )

    assert shown.status_code == 200
    assert denied.status_code == 403
    assert "may not be changed" in denied.content.decode()
    assert shop.stored(Order, "number") == ["one"]


def test_the_handler_of_the_library_tells_clients_no_role_and_no_table(shop, client, caplog):
    order = shop.order(closed=True)
    handler = {"EXCEPTION_HANDLER": "rls_perms.contrib.rest_framework.exception_handler"}

    with override_settings(REST_FRAMEWORK=handler):
        response = client.delete(f"/api/orders/{order.pk}/")
        missing = client.get("/api/orders/0/")

    assert response.status_code == 403
    assert response.json() == {"detail": "You do not have permission to perform this action."}
    assert missing.status_code == 404
    assert [one.getMessage() for one in caplog.records if one.name == "rls_perms.denial"] != []


def test_w043_before_a_deploy_clients_are_told_roles_and_tables():
    def found(**options):
        return [one.id for one in run_checks(**options) if one.id == "rls_perms.W043"]

    handler = {"EXCEPTION_HANDLER": "rls_perms.contrib.rest_framework.exception_handler"}
    assert (found(include_deployment_checks=True), found()) == (["rls_perms.W043"], [])
    with override_settings(REST_FRAMEWORK=handler):
        assert found(include_deployment_checks=True) == []


# Tokens


@pytest.mark.parametrize("name", ["clerk", "visitor"])
def test_a_view_runs_as_the_user_of_the_token(shop, name, atomic_requests):
    user = getattr(shop, name)

    answer = client_of(user).get("/api/who/").json()

    assert answer == {"role": shop.role(f"{name}s"), "user": user.pk, "name": name}


def test_without_a_token_a_view_runs_as_anonymous(shop):
    answer = APIClient().get("/api/who/").json()

    assert (answer["role"], answer["name"]) == (shop.role("anonymous"), "")


def test_a_token_counts_more_than_a_session(shop):
    client = client_of(shop.visitor)
    client.force_login(shop.clerk)

    assert client.get("/api/who/").json()["name"] == "visitor"
    assert client.get("/api/who/").json()["role"] == shop.role("visitors")


def test_a_wrong_token_is_401(shop):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Token wrong")

    assert client.get("/api/orders/").status_code == 401


def test_only_statements_on_tokens_run_before_the_user_is_known(shop, atomic_requests):
    shop.order()
    client = client_of(shop.clerk)
    seen = []

    def note(execute, query, params, many, context):
        seen.append(query)
        return execute(query, params, many, context)

    with connection.execute_wrapper(note):
        response = client.get("/api/orders/")

    tables = ["authtoken_token" if "authtoken_token" in query else "goods" for query in seen]
    assert response.status_code == 200
    assert tables[0] == "authtoken_token"
    assert set(tables[1:]) == {"goods"}


def test_a_view_makes_a_token_between_statements_of_its_user(shop, atomic_requests):
    shop.order()

    answer = client_of(shop.clerk).post("/api/token/").json()

    assert answer["orders"] == [1, 1]
    assert Token.objects.using("owner").get(user_id=shop.clerk.pk).key == answer["token"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT key FROM authtoken_token",
        "SELECT count(*) FROM authtoken_token",
        "UPDATE authtoken_token SET user_id = 1",
        "DELETE FROM authtoken_token",
        "INSERT INTO authtoken_token (key, user_id, created) SELECT 'x', 1, now()",
    ],
)
def test_raw_sql_neither_reads_nor_writes_tokens(shop, query):
    client_of(shop.clerk)

    with (
        as_user(shop.clerk),
        connection.cursor() as cursor,
        pytest.raises(PermissionDenied, match="authtoken_token"),
    ):
        cursor.execute(query)

    assert Token.objects.using("owner").filter(user_id=shop.clerk.pk).count() == 1


@pytest.mark.parametrize("listed", [False, True])
def test_a_check_says_when_the_tables_of_tokens_are_open(people, listed):
    apps = [*FRAMEWORK_APPS, "authtoken"] if listed else [*FRAMEWORK_APPS]

    with override_settings(RLS_PERMS={"FRAMEWORK_APPS": apps}):
        found = [one for one in run_checks() if one.id == "rls_perms.W002"]

    assert [one.msg.partition(" look")[0] for one in found] == (
        [] if listed else ["The tables of authtoken.Token"]
    )


# Other authentications: each is in the view, not in a middleware (PARITY A26)


@pytest.fixture
def as_whom(shop, monkeypatch):
    """The page that tells as whom its statements run, with one kind of authentication."""

    def authenticated_by(*classes):
        monkeypatch.setattr(api.who.cls, "authentication_classes", classes)
        return "/api/who/"

    return authenticated_by


def basic(name, said="secret"):
    client = APIClient()
    pair = base64.b64encode(f"{name}:{said}".encode()).decode()
    client.credentials(HTTP_AUTHORIZATION=f"Basic {pair}")
    return client


def signed_in(user, **options):
    client = APIClient(**options)
    client.force_login(user)
    return client


@pytest.mark.parametrize("name", ["clerk", "visitor"])
@pytest.mark.parametrize(
    ("authentication", "client"),
    [
        (TokenAuthentication, client_of),
        (BasicAuthentication, lambda user: basic(user.username)),
        (SessionAuthentication, signed_in),
    ],
)
def test_a_view_runs_as_the_user_whom_it_authenticated(
    shop, as_whom, name, authentication, client, atomic_requests
):
    user = getattr(shop, name)

    answer = client(user).get(as_whom(authentication)).json()

    assert answer == {"role": shop.role(f"{name}s"), "user": user.pk, "name": name}


def test_a_session_that_the_view_does_not_take_is_nobodys(shop, as_whom):
    answer = signed_in(shop.clerk).get(as_whom(BasicAuthentication)).json()

    assert (answer["role"], answer["name"]) == (shop.role("anonymous"), "")


def test_basic_credentials_count_more_than_a_session(shop, as_whom):
    client = basic("visitor")
    client.force_login(shop.clerk)

    answer = client.get(as_whom(BasicAuthentication, SessionAuthentication)).json()

    assert (answer["role"], answer["name"]) == (shop.role("visitors"), "visitor")


def test_wrong_basic_credentials_are_401(shop, as_whom):
    assert basic("clerk", "wrong").get(as_whom(BasicAuthentication)).status_code == 401


def test_a_session_without_the_csrf_token_is_403(shop):
    shop.order()

    response = signed_in(shop.clerk, enforce_csrf_checks=True).post("/api/orders/", {"number": "2"})

    assert response.status_code == 403
    assert shop.stored(Order, "number") == ["one"]


def test_an_inactive_user_is_401(shop, as_whom):
    client, page = basic("clerk"), as_whom(BasicAuthentication)
    User.objects.using("owner").filter(pk=shop.clerk.pk).update(is_active=False)

    response = client.get(page)
    User.objects.using("owner").filter(pk=shop.clerk.pk).update(is_active=True)

    assert response.status_code == 401


# The permission class


@pytest.fixture
def asking(shop, monkeypatch):
    """The orders, with the permission class of the library."""
    monkeypatch.setattr(api.Orders, "permission_classes", [RowSecurityPermissions])
    return shop


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("clerk", {"get": 200, "options": 200, "post": 201, "put": 200, "delete": 204}),
        ("visitor", {"get": 200, "options": 200, "post": 403, "put": 403, "delete": 403}),
        ("nobody", {"get": 403, "options": 403, "post": 403, "put": 403, "delete": 403}),
    ],
)
def test_the_permission_class_asks_the_database(asking, name, statuses, atomic_requests):
    order = asking.order()
    client = client_of(getattr(asking, name))
    page = f"/api/orders/{order.pk}/"

    answers = {
        "get": client.get("/api/orders/"),
        "options": client.options("/api/orders/"),
        "post": client.post("/api/orders/", {"number": "two"}, format="json"),
        "put": client.put(page, {"number": "three"}, format="json"),
        "delete": client.delete(page),
    }

    assert {method: answer.status_code for method, answer in answers.items()} == statuses


def test_the_permission_class_sends_who_brought_no_credentials_to_authenticate(asking, monkeypatch):
    monkeypatch.setattr(api.Orders, "authentication_classes", [BasicAuthentication])

    response = APIClient().get("/api/orders/")

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Basic")


def test_the_permission_class_leaves_rows_to_the_database(asking):
    order = asking.order(closed=True)

    response = client_of(asking.clerk).delete(f"/api/orders/{order.pk}/")

    assert response.status_code == 403
    assert "may not be deleted" in response.json()["detail"]
    assert asking.stored(Order, "number") == ["one"]


def test_the_browsable_api_shows_no_form_that_could_not_work(asking):
    order = asking.order()

    clerks = signed_in(asking.clerk).get("/api/orders/", HTTP_ACCEPT="text/html").content.decode()
    visitors = signed_in(asking.visitor).get("/api/orders/", HTTP_ACCEPT="text/html")

    assert order.number in visitors.content.decode()
    assert 'name="number"' in clerks
    assert 'name="number"' not in visitors.content.decode()


def test_what_the_permission_class_denies_is_told_to_the_audit_log_once(asking, caplog):
    """The page of the denial asks once more, for its forms; nobody sent that."""
    order, page = asking.order(), {"HTTP_ACCEPT": "text/html"}
    client = signed_in(asking.visitor)
    with caplog.at_level("INFO", "rls_perms.audit"):
        statuses = [
            client.get(f"/api/orders/{order.pk}/", **page).status_code,
            client.options("/api/orders/").status_code,
            client.post("/api/orders/", {"number": "2"}, **page).status_code,
        ]

    assert statuses == [200, 200, 403]
    assert [
        (one.event, one.user, one.cause, one.model, one.action)
        for one in caplog.records
        if one.name == "rls_perms.audit"
    ] == [("denied", str(asking.visitor.pk), "privilege", "goods.Order", "add")]


def test_the_root_of_a_router_has_no_model(asking, monkeypatch):
    monkeypatch.setattr(APIRootView, "permission_classes", [RowSecurityPermissions])

    assert client_of(asking.nobody).get("/api/").status_code == 200


def test_a_method_that_is_no_command_is_405(asking):
    with pytest.raises(MethodNotAllowed):
        RowSecurityPermissions().has_permission(RequestOf("TRACE"), api.Orders())


class RequestOf:
    def __init__(self, method):
        self.method = method


def test_the_permission_class_is_refused_for_a_model_that_is_not_protected(asking):
    class Tokens(api.viewsets.ModelViewSet):
        queryset = Token.objects.all()

    with pytest.raises(ConfigurationError, match=r"authtoken.Token has no RowSecurity.*Tokens"):
        RowSecurityPermissions().has_permission(RequestOf("GET"), Tokens())
