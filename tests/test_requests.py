"""A request runs as the session role of its user, from the view to the last chunk."""

import asyncio

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client, override_settings
from guardian.models import GroupObjectPermission, UserObjectPermission

from tests import kept, people
from tests.office.models import Document, Tag, Ticket, User
from tests.settings import PROJECT, RLS_PERMS
from tests.signed import said

ACTIONS = ("view", "add", "change", "delete")
ALL = tuple(f"office.{one}_{name}" for name in ("document", "ticket", "tag") for one in ACTIONS)


@pytest.fixture
def office(db):
    """One tenant with a clerk, a viewer and somebody without anything; another tenant."""
    return kept.world(Office)


class Office:
    def __init__(self):
        self.tenant, self.other = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group("Clerks", *ALL)
        viewers = people.group("Viewers", "office.view_document")
        self.ann = people.user("ann", tenant=self.tenant, groups=[clerks], is_staff=True)
        self.bob = people.user("bob", tenant=self.tenant, groups=[viewers], is_staff=True)
        self.nil = people.user("nil", tenant=self.tenant)
        self.anns = people.make(Document(tenant=self.tenant, title="anns", owner=self.ann))
        self.bobs = people.make(Document(tenant=self.tenant, title="bobs", owner=self.bob))
        self.closed = people.make(Document(tenant=self.tenant, title="closed", closed=True))
        self.foreign = people.make(Document(tenant=self.other, title="foreign"))

    def client(self, user=None, **options):
        client = Client(**options)
        if user is not None:
            client.force_login(user)
        return client


def role(name):
    return f"{PROJECT}_{name}"


def titles():
    return set(Document.objects.using("owner").values_list("title", flat=True))


# Who a request runs as


def test_a_view_without_filters_shows_the_rows_of_its_user(office):
    answer = office.client(office.ann).get("/documents/").json()

    assert answer == {"titles": ["anns", "bobs", "closed"]}


def test_each_request_runs_as_the_role_of_its_own_user(office):
    clerk, viewer = office.client(office.ann), office.client(office.bob)

    roles = [one.get("/who/").json()["role"] for one in (clerk, viewer, clerk)]

    assert roles == [role("clerk"), role("viewers"), role("clerk")]


def test_a_request_without_a_user_runs_as_anonymous(office):
    answer = office.client().get("/who/").json()

    assert answer == {"role": role("anonymous"), "user": None, "tenant": None}


def test_a_user_without_groups_runs_as_everyone(office):
    answer = office.client(office.nil).get("/who/").json()

    assert answer == {"role": role("everyone"), "user": office.nil.pk, "tenant": office.tenant.pk}


def test_an_inactive_user_is_nobody(office):
    client = office.client(office.ann)
    User.objects.using("owner").filter(pk=office.ann.pk).update(is_active=False)

    answer = client.get("/who/").json()

    assert answer == {"role": role("anonymous"), "user": None, "tenant": None}


def test_a_superuser_sees_the_rows_of_their_tenant(office):
    boss = people.user("boss", tenant=office.tenant, is_superuser=True)
    client = office.client(boss)

    assert client.get("/who/").json()["role"] == role("superuser")
    assert client.get("/documents/").json() == {"titles": ["anns", "bobs", "closed"]}


def test_a_superuser_without_a_tenant_is_the_system_and_the_audit_log_says_so_once(office, caplog):
    boss = people.user("boss", is_superuser=True)
    client = office.client(boss)

    with caplog.at_level("INFO", "rls_perms.audit"):
        answer = client.get("/owners/")

    assert answer.status_code == 200
    assert [one.getMessage() for one in caplog.records if one.name == "rls_perms.audit"] == [
        f"system role entered: user {boss.pk}, without a tenant"
    ]


def test_an_ordinary_user_is_no_event_of_the_audit_log(office, caplog):
    client = office.client(office.ann)

    with caplog.at_level("INFO", "rls_perms.audit"):
        client.get("/documents/")

    assert [one for one in caplog.records if one.name == "rls_perms.audit"] == []


def test_a_group_that_is_taken_away_counts_from_the_next_request(office):
    client = office.client(office.bob)
    before = client.get("/documents/").json()
    office.bob.groups.through.objects.using("owner").filter(user=office.bob).delete()

    after = client.get("/documents/").json()

    assert before == {"titles": ["anns", "bobs", "closed"]}
    assert after == {"titles": ["bobs"]}


# Django's own code inside of views


def test_the_statements_after_login_are_those_of_the_new_user(office):
    answer = office.client().post("/login/", {"name": "ann"}).json()

    assert answer["before"]["role"] == role("anonymous")
    assert answer["after"]["role"] == role("clerk")
    assert answer["titles"] == ["anns", "bobs", "closed"]


def test_login_inside_a_view_is_kept_and_counted(office):
    client = office.client()
    client.post("/login/", {"name": "ann"})

    assert client.get("/who/").json()["user"] == office.ann.pk
    assert User.objects.using("owner").get(pk=office.ann.pk).last_login is not None


def test_the_statements_after_logout_are_those_of_nobody(office):
    client = office.client(office.ann)

    answer = client.post("/logout/").json()

    assert answer["before"]["role"] == role("clerk")
    assert answer["after"] == {"role": role("anonymous"), "user": None, "tenant": None}
    assert answer["titles"] == []
    assert Session.objects.using("owner").count() == 0


def test_a_login_in_the_middle_of_another_users_request_changes_the_user(office):
    answer = office.client(office.bob).post("/login/", {"name": "ann"}).json()

    assert answer["before"]["role"] == role("viewers")
    assert answer["after"]["role"] == role("clerk")


@pytest.mark.parametrize("atomic", [False, True])
def test_the_session_is_saved_between_statements_of_the_user(office, atomic):
    client = office.client(office.bob)

    with AtomicRequests(atomic):
        answers = [client.get("/remember/").json() for _ in range(2)]

    assert [one["count"] for one in answers] == [3, 6]
    assert answers[0]["titles"] == ["anns", "bobs", "closed"]
    assert answers[0]["messages"] == ["remembered"]


@pytest.mark.parametrize("address", ["/template/", "/late-template/"])
def test_a_template_asks_for_permissions_and_rows(office, address):
    text = office.client(office.bob).get(address).content.decode()

    assert text == "True False anns bobs closed"


def test_has_perm_reads_permissions_and_grants(office):
    permission = people.permission("office.change_document")
    people.make(
        UserObjectPermission(
            user=office.bob,
            permission=permission,
            content_type=permission.content_type,
            object_pk=str(office.anns.pk),
        )
    )
    client = office.client(office.bob)

    granted = client.get(f"/permissions/{office.anns.pk}/").json()
    other = client.get(f"/permissions/{office.bobs.pk}/").json()

    assert granted == {"model": True, "object": True, "type": "document"}
    assert other == {"model": True, "object": False, "type": "document"}


def test_assign_perm_works_between_statements_of_the_user(office):
    answer = office.client(office.ann).post(f"/share/{office.anns.pk}/", {"name": "nil"})

    assert answer.json() == {"given": [True, 3]}
    assert office.client(office.nil).get("/documents/").json() == {"titles": ["anns"]}


def test_remove_perm_takes_the_row_away_again(office):
    office.client(office.ann).post(f"/share/{office.anns.pk}/", {"name": "nil", "take": "yes"})

    assert UserObjectPermission.objects.using("owner").count() == 0
    assert office.client(office.nil).get("/documents/").json() == {"titles": []}


@pytest.mark.parametrize("name", ["ann", "bob"])
def test_get_objects_for_user_with_the_permission_is_every_row_that_is_shown(office, name):
    client = office.client(User.objects.using("owner").get(username=name))

    answer = client.get("/granted/").json()

    assert answer == {"granted": ["anns", "bobs", "closed"], "titles": ["anns", "bobs", "closed"]}


def test_get_objects_for_user_with_grants_is_every_row_that_is_shown(office):
    group = people.group("Readers")
    office.nil.groups.through.objects.using("owner").create(user=office.nil, group=group)
    view = people.permission("office.view_document")
    fields = {"permission": view, "content_type": view.content_type}
    people.make(UserObjectPermission(user=office.nil, object_pk=str(office.anns.pk), **fields))
    people.make(GroupObjectPermission(group=group, object_pk=str(office.closed.pk), **fields))

    answer = office.client(office.nil).get("/granted/").json()

    assert answer == {"granted": ["anns", "closed"], "titles": ["anns", "closed"]}


def test_statements_may_join_the_user_model(office):
    answer = office.client(office.bob).get("/owners/").json()

    assert answer == {
        "select_related": [["anns", "ann"], ["bobs", "bob"]],
        "deferred": ["password"],
        "prefetch_related": [["anns", "ann"], ["bobs", "bob"]],
        "filter": ["anns"],
        "values": ["ann", "bob"],
        "annotate": [{"owner__username": "ann", "n": 1}, {"owner__username": "bob", "n": 1}],
        "by group": 1,
        "users": 2,
    }


def test_a_password_that_a_join_left_out_is_read_when_it_is_asked_for(office):
    answer = office.client(office.bob).get(f"/password/{office.anns.pk}/").json()

    assert answer == {"deferred": True, "right": True}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT password FROM office_user",
        "SELECT * FROM office_user",
        "SELECT session_data FROM django_session",
        "SELECT * FROM auth_group",
        "SELECT object_pk FROM guardian_userobjectpermission",
        "SELECT * FROM django_admin_log",
        "UPDATE office_user SET is_superuser = true RETURNING id",
        "INSERT INTO office_user_groups (user_id, group_id) VALUES (1, 1) RETURNING id",
    ],
)
def test_raw_sql_in_a_view_cannot_read_or_write_the_framework(office, query):
    response = office.client(office.ann).post("/raw/", {"query": query})

    assert response.status_code == 403
    assert b"rows" not in response.content


# The admin


def test_the_index_of_the_admin_shows_the_models_of_the_user(office):
    text = office.client(office.bob).get("/admin/").content.decode()

    assert "/admin/office/document/" in text
    assert "/admin/office/ticket/" not in text


def test_the_list_of_the_admin_shows_the_rows_of_the_user(office):
    text = office.client(office.ann).get("/admin/office/document/?q=bob").content.decode()

    assert "bobs" in text
    assert "anns" not in text
    assert "foreign" not in text


def test_the_admin_filters_by_users(office):
    address = f"/admin/office/document/?owner__id__exact={office.ann.pk}"

    text = office.client(office.ann).get(address).content.decode()

    assert "anns" in text
    assert "bobs" not in text


def test_the_admin_adds_a_row_and_writes_its_log(office):
    data = {"title": "new", "tenant": office.tenant.pk, "owner": office.ann.pk}

    response = office.client(office.ann).post("/admin/office/document/add/", data)

    assert response.status_code == 302
    assert "new" in titles()
    assert LogEntry.objects.using("owner").get().user == office.ann


def test_the_admin_changes_a_row(office):
    address = f"/admin/office/document/{office.bobs.pk}/change/"
    client = office.client(office.ann)
    data = {"title": "changed", "tenant": office.tenant.pk, "owner": office.bob.pk}

    shown, response = client.get(address), client.post(address, data)

    assert shown.status_code == 200
    assert response.status_code == 302
    assert titles() == {"anns", "changed", "closed", "foreign"}


def test_the_admin_deletes_a_row_after_a_question(office):
    address = f"/admin/office/document/{office.bobs.pk}/delete/"
    client = office.client(office.ann)

    asked, response = client.get(address), client.post(address, {"post": "yes"})

    assert asked.status_code == 200
    assert response.status_code == 302
    assert titles() == {"anns", "closed", "foreign"}


def test_the_admin_deletes_rows_by_an_action(office):
    data = {
        "action": "delete_selected",
        "_selected_action": [office.anns.pk, office.bobs.pk, office.foreign.pk],
        "post": "yes",
    }

    response = office.client(office.ann).post("/admin/office/document/", data)

    assert response.status_code == 302
    assert titles() == {"closed", "foreign"}


def test_the_admin_shows_the_history_of_a_row(office):
    client = office.client(office.ann)
    address = f"/admin/office/document/{office.bobs.pk}"
    client.post(f"{address}/change/", {"title": "changed", "tenant": office.tenant.pk})

    text = client.get(f"{address}/history/").content.decode()

    assert "Changed Title" in text


def test_the_admin_of_other_keys_and_declarations_adds_and_lists(office):
    client = office.client(office.ann)

    added = [
        client.post("/admin/office/tag/add/", {"slug": "red", "note": "x"}).status_code,
        client.post(
            "/admin/office/ticket/add/", {"title": "one", "tenant": office.tenant.pk}
        ).status_code,
    ]

    assert added == [302, 302]
    assert "red" in client.get("/admin/office/tag/").content.decode()
    assert Tag.objects.using("owner").count() == Ticket.objects.using("owner").count() == 1


def test_the_row_of_another_tenant_is_not_in_the_admin(office):
    response = office.client(office.ann).get(f"/admin/office/document/{office.foreign.pk}/change/")

    assert response.status_code == 302
    assert response["Location"] == "/admin/"


def test_a_change_that_a_policy_denies_is_403_in_the_admin(office):
    address = f"/admin/office/document/{office.closed.pk}/change/"
    data = {"title": "changed", "tenant": office.tenant.pk, "closed": "on"}

    response = office.client(office.ann).post(address, data)

    assert response.status_code == 403
    assert "closed" in titles()
    assert LogEntry.objects.using("owner").count() == 0


@pytest.mark.parametrize("page", ["add/", "{key}/change/"])
def test_a_row_that_is_moved_to_another_tenant_is_403_in_the_admin(office, page):
    address = f"/admin/office/document/{page.format(key=office.bobs.pk)}"

    data = {"title": "moved", "tenant": office.other.pk}
    response = office.client(office.ann).post(address, data)

    assert response.status_code == 403
    assert "moved" not in titles()


def test_a_user_with_view_alone_may_look_at_the_admin_and_change_nothing(office):
    client = office.client(office.bob)
    address = f"/admin/office/document/{office.anns.pk}/change/"

    shown = client.get(address)
    changed = client.post(address, {"title": "changed", "tenant": office.tenant.pk})

    assert shown.status_code == 200
    assert changed.status_code == 403
    assert "anns" in titles()


# Denials


def test_what_the_database_denies_is_403(office):
    response = office.client(office.bob).post(f"/edit/{office.anns.pk}/", {"title": "changed"})

    assert response.status_code == 403
    assert "anns" in titles()


def test_a_row_that_is_not_shown_is_404(office):
    response = office.client(office.nil).post(f"/edit/{office.anns.pk}/", {"title": "changed"})

    assert response.status_code == 404


def test_a_form_saves_a_row_that_its_owner_may_change(office):
    response = office.client(office.bob).post(f"/edit/{office.bobs.pk}/", {"title": "changed"})

    assert response.status_code == 200
    assert "changed" in titles()


def test_a_user_with_add_alone_creates_a_row_and_does_not_see_it_afterwards(office):
    adder = people.user("adder", tenant=office.tenant, permissions=["office.add_document"])
    people.sync()

    response = office.client(adder).post("/add/", {"tenant": office.tenant.pk})

    assert response.json() == {"saved": True, "titles": []}
    assert "made" in titles()


def test_a_row_for_another_tenant_is_not_created(office):
    response = office.client(office.ann).post("/add/", {"tenant": office.other.pk})

    assert response.status_code == 403
    assert "made" not in titles()


# What is read, and when


def test_a_view_without_queries_reads_no_session_and_varies_on_no_cookie(office):
    client = office.client(office.ann)

    with Counted() as queries:
        response = client.get("/still/")

    assert response.content == b"still"
    assert "Vary" not in response
    assert queries == []


def test_a_view_with_queries_varies_on_the_cookie(office):
    response = office.client(office.ann).get("/documents/")

    assert response["Vary"] == "Cookie"


def test_the_context_costs_no_query_of_its_own(office):
    client = office.client(office.ann)

    with Counted() as queries:
        client.get("/documents/")

    assert [query.split()[3] for query in queries if "django_session" in query] != []
    assert len(queries) == 3


@pytest.mark.parametrize("atomic", [False, True])
def test_streams_run_as_the_user_of_their_request(office, atomic):
    client = office.client(office.bob)

    with AtomicRequests(atomic):
        response = client.get("/stream/")
        other = office.client().get("/who/").json()
        text = response.getvalue().decode()

    assert text == f"anns bobs closed {role('viewers')}"
    assert other["role"] == role("anonymous")


def test_a_stream_that_enters_a_context_keeps_it_between_its_chunks(office):
    response = office.client(office.bob).get(f"/stream-as/{office.ann.pk}/")

    ann, bob = office.ann.pk, office.bob.pk
    assert response.getvalue().decode() == f"{bob} {ann} {ann} {bob}"


def test_two_streams_that_are_read_by_turns_keep_their_users(office):
    first = iter(office.client(office.bob).get(f"/stream-as/{office.nil.pk}/"))
    second = iter(office.client(office.ann).get(f"/stream-as/{office.nil.pk}/"))

    chunks = [next(one).decode().strip() for _ in range(4) for one in (first, second)]

    bob, ann, nil = str(office.bob.pk), str(office.ann.pk), str(office.nil.pk)
    assert chunks == [bob, ann, nil, nil, nil, nil, bob, ann]


# Async


def test_async_views_run_as_their_user(office):
    async def ask():
        client = AsyncClient()
        await client.aforce_login(office.bob)
        return [(await client.get(f"/async/{one}/")).json() for one in ("documents", "who")]

    documents, who = asyncio.run(ask())

    assert documents == {"titles": ["anns", "bobs", "closed"]}
    assert who == {"role": role("viewers"), "user": office.bob.pk, "tenant": office.tenant.pk}


def test_sync_views_run_as_their_user_under_the_async_handler(office):
    async def ask():
        client = AsyncClient()
        await client.aforce_login(office.bob)
        return (await client.get("/who/")).json(), (await AsyncClient().get("/who/")).json()

    signed_in, nobody = asyncio.run(ask())

    assert signed_in["role"] == role("viewers")
    assert nobody["role"] == role("anonymous")


def test_async_requests_at_once_do_not_meet(office):
    async def ask():
        clients = [AsyncClient(), AsyncClient(), AsyncClient()]
        await clients[0].aforce_login(office.ann)
        await clients[1].aforce_login(office.bob)
        asked = [one.get("/async/who/") for one in clients * 3]
        return [answer.json()["role"] for answer in await asyncio.gather(*asked)]

    roles = asyncio.run(ask())

    assert roles == [role("clerk"), role("viewers"), role("anonymous")] * 3


def test_the_statements_after_an_async_login_are_those_of_the_new_user(office):
    async def ask():
        return (await AsyncClient().post("/async/login/", {"name": "ann"})).json()

    answer = asyncio.run(ask())

    assert answer["before"]["role"] == role("anonymous")
    assert answer["after"]["role"] == role("clerk")


def test_async_streams_run_as_the_user_of_their_request(office):
    text = asyncio.run(streamed(office.bob, "/async/stream/"))

    assert text == f"anns bobs closed {role('viewers')}"


def test_an_async_stream_that_enters_a_context_keeps_it_between_its_chunks(office):
    text = asyncio.run(streamed(office.bob, f"/async/stream-as/{office.ann.pk}/"))

    ann, bob = office.ann.pk, office.bob.pk
    assert text == f"{bob} {ann} {ann} {bob}"


async def streamed(user, address):
    client = AsyncClient()
    await client.aforce_login(user)
    response = await client.get(address)
    return b"".join([chunk async for chunk in response]).decode()


# Transactions


def test_atomic_requests_commit_what_a_view_wrote(office):
    with AtomicRequests(True):
        answer = office.client(office.ann).post("/write/", {"old": "anns", "new": "later"}).json()

    assert answer["role"] == role("clerk")
    assert "later" in titles()


def test_atomic_requests_roll_back_what_a_failing_view_wrote(office):
    with AtomicRequests(True):
        client = office.client(office.ann, raise_request_exception=False)
        response = client.post("/write/", {"old": "anns", "new": "later", "fail": "yes"})

    assert response.status_code == 500
    assert "anns" in titles()


def test_a_denial_in_an_atomic_request_is_403(office):
    with AtomicRequests(True):
        response = office.client(office.bob).post(f"/edit/{office.anns.pk}/", {"title": "changed"})

    assert response.status_code == 403
    assert "changed" not in titles()


# Settings of the project


def resolve_other(request):
    return people.Tenant.objects.get(name="bolt")


def resolve_header(request):
    return request.headers.get("Tenant")


def resolve_by_table(request):
    return Document.objects.get(title="anns").tenant_id


def fail(request):
    raise LookupError("no such tenant")


def with_settings(**changes):
    return override_settings(RLS_PERMS={**RLS_PERMS, **changes})


def test_a_resolver_says_the_tenant(office):
    with with_settings(TENANT_RESOLVER="tests.test_requests.resolve_header"):
        client = office.client(office.ann, headers={"Tenant": str(office.tenant.pk)})
        answer = client.get("/documents/").json()

    assert answer == {"titles": ["anns", "bobs", "closed"]}


def test_a_resolver_that_answers_none_shows_no_row(office):
    with with_settings(TENANT_RESOLVER="tests.test_requests.resolve_header"):
        answer = office.client(office.ann).get("/documents/").json()

    assert answer == {"titles": []}


def test_a_resolver_gives_an_anonymous_visitor_the_public_rows_of_a_tenant(office):
    people.make(Document(tenant=office.other, title="public", is_public=True))
    people.make(Document(tenant=office.tenant, title="elsewhere", is_public=True))

    with with_settings(TENANT_RESOLVER="tests.test_requests.resolve_other"):
        answer = office.client().get("/documents/").json()

    assert answer == {"titles": ["public"]}


def test_a_resolver_that_answers_a_foreign_tenant_is_403_before_any_query_of_the_view(office):
    with (
        with_settings(TENANT_RESOLVER="tests.test_requests.resolve_other"),
        Counted() as queries,
    ):
        response = office.client(office.ann).get("/documents/")

    assert response.status_code == 403
    assert [query for query in queries if "office_document" in query] == []


def test_a_resolver_that_answers_a_foreign_tenant_writes_nothing(office):
    with with_settings(TENANT_RESOLVER="tests.test_requests.resolve_other"):
        response = office.client(office.ann).post("/write/", {"old": "foreign", "new": "stolen"})

    assert response.status_code == 403
    assert "foreign" in titles()


def test_a_resolver_puts_a_superuser_into_any_tenant(office):
    boss = people.user("boss", tenant=office.tenant, is_superuser=True)

    with with_settings(TENANT_RESOLVER="tests.test_requests.resolve_other"):
        answer = office.client(boss).get("/documents/").json()

    assert answer == {"titles": ["foreign"]}


def test_a_resolver_that_reads_a_protected_model_without_a_context_is_403(office):
    with with_settings(TENANT_RESOLVER="tests.test_requests.resolve_by_table"):
        response = office.client(office.ann).get("/documents/")

    assert response.status_code == 403


def test_an_error_of_the_resolver_fails_the_request(office):
    client = office.client(office.ann)

    with (
        with_settings(TENANT_RESOLVER="tests.test_requests.fail"),
        pytest.raises(LookupError, match="no such tenant"),
    ):
        client.get("/documents/")


def test_an_error_of_the_resolver_is_500_and_shows_nothing(office):
    client = office.client(office.ann, raise_request_exception=False)

    with with_settings(TENANT_RESOLVER="tests.test_requests.fail"):
        response = client.get("/documents/")

    assert response.status_code == 500
    assert b"anns" not in response.content


def test_an_error_of_a_context_processor_fails_the_request(office):
    client = office.client(office.ann)

    with (
        with_settings(CONTEXT_PROCESSORS=["tests.test_requests.fail"]),
        pytest.raises(LookupError, match="no such tenant"),
    ):
        client.get("/documents/")


def region(request):
    return {"region": "north' OR true", "empty": None}


def test_context_processors_set_what_policies_read(office):
    """PARITY A19."""
    with with_settings(CONTEXT_PROCESSORS=["tests.test_requests.region"]):
        query = f"SELECT {said('region')}, {said('empty')}"
        response = office.client(office.ann).post("/raw/", {"query": query})

    assert response.json() == {"rows": [["north' OR true", "None"]]}


def overrule(request):
    return {"user_id": 1, "tenant_id": 2}


def test_a_context_processor_may_not_say_who_the_user_is(office):
    client = office.client(office.ann)

    with (
        with_settings(CONTEXT_PROCESSORS=["tests.test_requests.overrule"]),
        pytest.raises(ImproperlyConfigured, match=r"CONTEXT_PROCESSORS.*tenant_id|user_id"),
    ):
        client.get("/documents/")


def test_a_middleware_before_authentication_is_told_its_place(office):
    with (
        override_settings(MIDDLEWARE=["rls_perms.middleware.SetRoleMiddleware"]),
        pytest.raises(ImproperlyConfigured, match=r"request\.user.*AuthenticationMiddleware"),
    ):
        Client().get("/documents/")


class Counted:
    """The statements on "default" that reach the database inside."""

    def __enter__(self):
        from django.db import connection

        self.queries = []
        self.wrapper = connection.execute_wrapper(self.note)
        self.wrapper.__enter__()
        return self.queries

    def __exit__(self, *error):
        self.wrapper.__exit__(*error)

    def note(self, execute, query, params, many, context):
        result = execute(query, params, many, context)
        self.queries.append(query)
        return result


class AtomicRequests:
    """ATOMIC_REQUESTS of "default", as the handler reads it."""

    def __init__(self, value):
        self.value = value

    def __enter__(self):
        from django.db import connections

        self.settings = connections["default"].settings_dict
        self.before = self.settings["ATOMIC_REQUESTS"]
        self.settings["ATOMIC_REQUESTS"] = self.value

    def __exit__(self, *error):
        self.settings["ATOMIC_REQUESTS"] = self.before
