"""What the database denies in a view is 403, and what is not of the view goes on."""

import asyncio

import pytest
from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from rls_perms import PermissionDenied
from tests import kept, people
from tests.office.models import Document

# Views


def edit(request, key):
    """Write twice, the second time what may not be written."""
    request.session["seen"] = key
    Document.objects.create(title="before", tenant_id=request.user.tenant_id)
    document = Document.objects.get(pk=key)
    document.title = "changed"
    document.save()
    return HttpResponse("saved")


def delete(request, key):
    Document.objects.get(pk=key).delete()
    return HttpResponse("deleted")


def careful(request, key):
    """Tries in a transaction of its own, and goes on."""
    try:
        with transaction.atomic():
            Document.objects.get(pk=key).delete()
    except PermissionDenied as denial:
        shown = Document.objects.get(pk=denial.key)
        return HttpResponse(f"kept {shown.title}", status=409)


async def async_edit(request, key):
    await request.session.aset("seen", key)
    document = await Document.objects.aget(pk=key)
    document.title = "changed"
    await document.asave()
    return HttpResponse("saved")


async def async_delete(request, key):
    await (await Document.objects.aget(pk=key)).adelete()
    return HttpResponse("deleted")


def stream(request, key):
    def body():
        Document.objects.get(pk=key).delete()
        yield "deleted"

    return StreamingHttpResponse(body())


def stream_late(request, key):
    def body():
        yield "first "
        Document.objects.get(pk=key).delete()
        yield "deleted"

    return StreamingHttpResponse(body())


async def async_stream(request, key):
    async def body():
        await (await Document.objects.aget(pk=key)).adelete()
        yield "deleted"

    return StreamingHttpResponse(body())


urlpatterns = [
    path("edit/<int:key>/", edit),
    path("delete/<int:key>/", delete),
    path("careful/<int:key>/", careful),
    path("stream/<int:key>/", stream),
    path("stream-late/<int:key>/", stream_late),
    path("async/edit/<int:key>/", async_edit),
    path("async/delete/<int:key>/", async_delete),
    path("async/stream/<int:key>/", async_stream),
]


# Who asks


@pytest.fixture
def office(db, settings_of_requests):
    return kept.world(Office)


@pytest.fixture
def settings_of_requests(monkeypatch):
    from django.conf import settings
    from django.urls import clear_url_caches

    monkeypatch.setattr(settings, "ROOT_URLCONF", __name__)
    clear_url_caches()
    yield
    clear_url_caches()


class Office:
    """Ann views and adds, and everything else is not hers."""

    def __init__(self):
        self.tenant = people.tenant("acme")
        group = people.group("Adders", "office.view_document", "office.add_document")
        self.ann = people.user("ann", tenant=self.tenant, groups=[group])
        self.row = people.make(Document(tenant_id=self.tenant.pk, title="new"))

    def ask(self, page, user=None):
        client = Client()
        client.force_login(user or self.ann)
        return client.get(f"/{page}/{self.row.pk}/")

    def ask_async(self, page):
        async def ask():
            client = AsyncClient()
            await client.aforce_login(self.ann)
            return await client.get(f"/{page}/{self.row.pk}/")

        return asyncio.run(ask())


def titles():
    return sorted(Document.objects.using("owner").values_list("title", flat=True))


def seen():
    """What is in the session that was saved last."""
    return Session.objects.using("owner").get().get_decoded().get("seen")


@pytest.fixture(params=[False, True], ids=["autocommit", "atomic"])
def atomic_requests(request, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", request.param)
    return request.param


def test_a_denied_change_is_403_and_the_session_is_saved_nevertheless(office, atomic_requests):
    response = office.ask("edit")

    assert response.status_code == 403
    assert titles() == (["new"] if atomic_requests else ["before", "new"])
    assert seen() == office.row.pk


def test_a_denied_delete_is_403(office, atomic_requests):
    response = office.ask("delete")

    assert response.status_code == 403
    assert titles() == ["new"]


def test_a_view_goes_on_after_a_denial_in_a_transaction_of_its_own(office, atomic_requests):
    response = office.ask("careful")

    assert (response.status_code, response.content) == (409, b"kept new")
    assert titles() == ["new"]


@pytest.mark.parametrize("page", ["async/edit", "async/delete"])
def test_a_denial_in_an_async_view_is_403(office, page):
    response = office.ask_async(page)

    assert response.status_code == 403
    assert titles() == ["new"]


def test_the_session_is_saved_after_a_denial_in_an_async_view(office):
    office.ask_async("async/edit")

    assert seen() == office.row.pk


@pytest.mark.parametrize("page", ["edit", "delete"])
def test_a_denial_under_the_async_handler_is_403(office, page, atomic_requests):
    response = office.ask_async(page)

    assert response.status_code == 403
    assert "changed" not in titles()


def test_a_denial_in_the_first_chunk_of_a_stream_is_403(office, atomic_requests):
    response = office.ask("stream")

    assert response.status_code == 403
    assert titles() == ["new"]


def test_a_denial_in_a_later_chunk_ends_the_stream(office):
    response = office.ask("stream-late")
    chunks = iter(response)

    assert next(chunks) == b"first "
    with pytest.raises(PermissionDenied):
        next(chunks)
    response.close()
    assert titles() == ["new"]


def test_a_denial_in_an_async_stream_ends_it_before_anything_is_shown(office):
    async def ask():
        client = AsyncClient()
        await client.aforce_login(office.ann)
        response = await client.get(f"/async/stream/{office.row.pk}/")
        return [chunk async for chunk in response]

    with pytest.raises(PermissionDenied):
        asyncio.run(ask())
    assert titles() == ["new"]


def test_a_head_request_does_not_begin_the_stream(office):
    client = Client()
    client.force_login(office.ann)

    response = client.head(f"/stream/{office.row.pk}/")

    assert response.status_code == 200


def test_the_page_of_a_denial_tells_nothing_of_roles_and_tables(office):
    text = office.ask("delete").content.decode()

    assert "403" in text
    assert "office_document" not in text
    assert "adders" not in text
