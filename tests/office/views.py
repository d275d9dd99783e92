"""Views without a filter by tenant, user or permission."""

from asgiref.sync import sync_to_async
from django import forms
from django.contrib import messages
from django.contrib.auth import aauthenticate, alogin, authenticate, login, logout
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Count
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template import engines
from django.template.response import TemplateResponse
from guardian.shortcuts import assign_perm, get_objects_for_user, remove_perm

from rls_perms import as_user
from tests.office.models import Document, User


class DocumentForm(forms.ModelForm):
    class Meta:
        model = Document
        fields = ["title"]


def titles():
    return sorted(Document.objects.values_list("title", flat=True))


def whoever():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rls_perms.user_id(), rls_perms.tenant_id()")
        role, user, tenant = cursor.fetchone()
    return {"role": role, "user": user, "tenant": tenant}


def documents(request):
    return JsonResponse({"titles": titles()})


def who(request):
    return JsonResponse(whoever())


def still(request):
    """Nothing is asked of the database."""
    return HttpResponse("still")


def log_in(request):
    """Who the statements are before and after, in one request."""
    before = whoever()
    user = authenticate(request, username=request.POST["name"], password="secret")
    login(request, user)
    return JsonResponse({"before": before, "after": whoever(), "titles": titles()})


def log_out(request):
    before = whoever()
    logout(request)
    return JsonResponse({"before": before, "after": whoever(), "titles": titles()})


def remember(request):
    """Change the session, before and after statements of the user's role."""
    count = len(titles())
    request.session["count"] = request.session.get("count", 0) + count
    request.session.save()
    messages.info(request, "remembered")
    kept = [str(message) for message in messages.get_messages(request)]
    return JsonResponse({"count": request.session["count"], "titles": titles(), "messages": kept})


PERMS = (
    "{{ perms.office.view_document }} {{ perms.office.delete_document }}"
    "{% for one in documents %} {{ one.title }}{% endfor %}"
)


def template(request):
    text = (
        engines["django"]
        .from_string(PERMS)
        .render({"documents": Document.objects.order_by("title")}, request)
    )
    return HttpResponse(text)


def late_template(request):
    """The query runs when the response is rendered, after the view."""
    shown = {"documents": Document.objects.order_by("pk")}
    return TemplateResponse(request, engines["django"].from_string(PERMS), shown)


def permissions(request, key):
    document = Document.objects.get(pk=key)
    return JsonResponse(
        {
            "model": request.user.has_perm("office.view_document"),
            "object": request.user.has_perm("office.change_document", document),
            "type": ContentType.objects.get_for_model(document).model,
        }
    )


def share(request, key):
    """Grant to somebody and take it away again, between statements of one's own."""
    document = Document.objects.get(pk=key)
    other = User.objects.get(username=request.POST["name"])
    assign_perm("office.view_document", other, document)
    given = [other.has_perm("office.view_document", document), len(titles())]
    if "take" in request.POST:
        remove_perm("office.view_document", other, document)
    return JsonResponse({"given": given})


def granted(request):
    found = get_objects_for_user(request.user, "office.view_document")
    return JsonResponse({"granted": sorted(one.title for one in found), "titles": titles()})


def owners(request):
    """Joins to the user model, in each way that the ORM has."""
    shown = Document.objects.exclude(owner=None)
    joined = list(shown.select_related("owner").order_by("owner__username", "title"))
    fetched = list(shown.prefetch_related("owner").order_by("title"))
    return JsonResponse(
        {
            "select_related": [[one.title, one.owner.username] for one in joined],
            "deferred": sorted(joined[0].owner.get_deferred_fields()),
            "prefetch_related": [[one.title, one.owner.username] for one in fetched],
            "filter": list(shown.filter(owner__username="ann").values_list("title", flat=True)),
            "values": sorted(set(shown.values_list("owner__username", flat=True))),
            "annotate": list(
                shown.values("owner__username").annotate(n=Count("pk")).order_by("owner__username")
            ),
            "by group": shown.filter(owner__in=User.objects.filter(groups__name="Clerks")).count(),
            "users": User.objects.filter(document__in=shown).distinct().count(),
        }
    )


def password(request, key):
    """The join leaves the password out; asking for it is a statement of the framework's."""
    owner = Document.objects.select_related("owner").get(pk=key).owner
    return JsonResponse(
        {
            "deferred": "password" in owner.get_deferred_fields(),
            "right": owner.check_password("secret"),
        }
    )


def raw(request):
    with connection.cursor() as cursor:
        cursor.execute(request.POST["query"])
        return JsonResponse({"rows": [list(map(str, row)) for row in cursor.fetchall()]})


def stream(request):
    def body():
        for one in Document.objects.order_by("title").iterator():
            yield f"{one.title} "
        yield whoever()["role"]

    return StreamingHttpResponse(body())


def stream_as(request, key):
    """A body that becomes somebody else for two chunks."""

    def body():
        yield f"{whoever()['user']} "
        with as_user(User.objects.get(pk=key)):
            yield f"{whoever()['user']} "
            yield f"{whoever()['user']} "
        yield f"{whoever()['user']}"

    return StreamingHttpResponse(body())


def edit(request, key):
    """A form of the model, saved without a look at permissions."""
    document = get_object_or_404(Document, pk=key)
    form = DocumentForm(request.POST, instance=document)
    form.is_valid()
    form.save()
    return HttpResponse("saved")


def write(request):
    """Write twice, and fail if it is asked for."""
    Document.objects.filter(title=request.POST["old"]).update(title="between")
    Document.objects.filter(title="between").update(title=request.POST["new"])
    if "fail" in request.POST:
        raise RuntimeError("after writing")
    return JsonResponse(whoever())


def add(request):
    made = Document.objects.create(title="made", tenant_id=request.POST["tenant"])
    return JsonResponse({"saved": made.pk is not None, "titles": titles()})


async def async_documents(request):
    return JsonResponse({"titles": [one.title async for one in Document.objects.order_by("title")]})


async def async_who(request):
    return JsonResponse(await sync_to_async(whoever)())


async def async_log_in(request):
    before = await sync_to_async(whoever)()
    user = await aauthenticate(request, username=request.POST["name"], password="secret")
    await alogin(request, user)
    return JsonResponse({"before": before, "after": await sync_to_async(whoever)()})


async def async_stream(request):
    async def body():
        async for one in Document.objects.order_by("title"):
            yield f"{one.title} "
        yield (await sync_to_async(whoever)())["role"]

    return StreamingHttpResponse(body())


async def async_stream_as(request, key):
    other = await User.objects.aget(pk=key)

    async def body():
        yield f"{(await sync_to_async(whoever)())['user']} "
        async with as_user(other):
            yield f"{(await sync_to_async(whoever)())['user']} "
            yield f"{(await sync_to_async(whoever)())['user']} "
        yield f"{(await sync_to_async(whoever)())['user']}"

    return StreamingHttpResponse(body())
