"""Views without a filter: what each answers is what PostgreSQL shows to the request's user."""

import asyncio
import time

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse

from tests.office.models import Document, Room

WHO = "SELECT current_user::text, rls_perms.user_id(), rls_perms.tenant_id()"
#: What a request may leave behind on a connection, for the next one to meet.
LEFT = (
    "SELECT pg_backend_pid(), current_user = session_user AND current_setting('role') = 'none',"
    " coalesce(current_setting('rls_perms.user_id', true), '') = ''"
    " AND coalesce(current_setting('rls_perms.tenant_id', true), '') = '',"
    " (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM pg_prepared_statements),"
    " pg_sleep(0.3) IS NULL"
)


class Stop(Exception):
    """Ends a view in the middle."""


def up(request):
    """Asked until the server is there; no database is."""
    return HttpResponse("up")


def titles():
    return sorted(Document.objects.values_list("title", flat=True))


def whoever():
    with connection.cursor() as cursor:
        cursor.execute(WHO)
        return list(cursor.fetchone())


def answer(found):
    return JsonResponse({"who": whoever(), "titles": found})


def orm(request):
    return answer(titles())


def raw(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM office_document ORDER BY title")
        found = [title for (title,) in cursor.fetchall()]
    return answer(found)


def atomic(request):
    """A savepoint that fails, in a transaction that goes on."""
    with transaction.atomic():
        before = titles()
        try:
            with transaction.atomic():
                titles()
                raise Stop
        except Stop:
            after = titles()
        return answer(before if before == after else [before, after])


def chunks(request):
    """A cursor on the server, read one row at a time, with other statements in between."""
    found = []
    with transaction.atomic():
        for one in Document.objects.order_by("title").iterator(chunk_size=1):
            whoever()
            found.append(one.title)
        return answer(found)


TEMPLATE = "{% for one in documents %}{{ one.title }} {% endfor %}"


def late_template(request):
    template = engines["django"].from_string(TEMPLATE)
    return TemplateResponse(request, template, {"documents": Document.objects.order_by("title")})


def stream(request):
    def body():
        for one in Document.objects.order_by("title"):
            yield f"{one.title} "
            time.sleep(0.01)
        yield f"{whoever()[0]}"

    return StreamingHttpResponse(body())


def endless(request):
    """Longer than its reader stays."""

    def body():
        for _ in range(100):
            with transaction.atomic():
                whoever()
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(0.02)")
                yield " ".join([*titles(), "/"])

    return StreamingHttpResponse(body())


def slow(request):
    """Its client goes away while PostgreSQL is at work."""
    with transaction.atomic():
        before = titles()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.5)")
        return answer(before)


def fails(request):
    with transaction.atomic():
        Room.objects.create(name="left by a request that failed")
        titles()
        raise Stop


def denied(request):
    """No session role may move a row to another tenant."""
    with transaction.atomic():
        Room.objects.create(name="left by a request that was denied")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE office_document SET tenant_id = tenant_id + 1")
            cursor.execute("SELECT password FROM office_user")
    return HttpResponse("the passwords were read")


async def async_orm(request):
    found = [one.title async for one in Document.objects.order_by("title")]
    count = await Document.objects.acount()
    who = await sync_to_async(whoever)()
    return JsonResponse({"who": who, "titles": found if count == len(found) else [count, found]})


async def async_stream(request):
    async def body():
        async for one in Document.objects.order_by("title").aiterator(chunk_size=1):
            yield f"{one.title} "
            await asyncio.sleep(0.01)
        yield (await sync_to_async(whoever)())[0]

    return StreamingHttpResponse(body())


async def async_endless(request):
    async def body():
        for _ in range(100):
            yield " ".join([*(await sync_to_async(titles)()), "/"])
            await asyncio.sleep(0.02)

    return StreamingHttpResponse(body())


async def async_slow(request):
    return await sync_to_async(slow)(request)


async def async_fails(request):
    await sync_to_async(titles)()
    await sync_to_async(fails)(request)


def session(request):
    """What is left on this connection, asked by libpq itself: nothing of ours comes before it."""
    connection.ensure_connection()
    result = connection.connection.pgconn.exec_(LEFT.encode())
    names = ("backend", "role", "settings", "cursors", "prepared", "slept")
    values = [result.get_value(0, column).decode() for column in range(len(names))]
    return JsonResponse(dict(zip(names, values, strict=True)))
