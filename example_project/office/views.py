"""
Documents and what belongs to them.

No view filters by tenant, user or permission: PostgreSQL does, and says no by itself.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, connection, transaction
from django.shortcuts import get_object_or_404, redirect, render
from guardian.shortcuts import (
    assign_perm,
    get_groups_with_perms,
    get_users_with_perms,
    remove_perm,
)

from office.forms import AttachmentForm, CommentForm, DocumentForm, ShareForm
from office.models import Attachment, Comment, Document, File


@login_required
def documents(request):
    found = Document.objects.select_related("owner")
    if wanted := request.GET.get("q"):
        found = found.filter(title__icontains=wanted)
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    return render(request, "office/documents.html", {"page": page, "wanted": wanted or ""})


def public(request, firm):
    """For visitors, too; the firm comes from the address, see tenants/resolver.py."""
    page = Paginator(Document.objects.all(), 25).get_page(request.GET.get("page"))
    return render(request, "office/public.html", {"page": page})


@login_required
def document(request, pk):
    shown = get_object_or_404(Document.objects.select_related("owner"), pk=pk)
    form = CommentForm(request.POST or None, instance=Comment(document=shown, author=request.user))
    if form.is_valid():
        form.save()
        return redirect(shown)
    context = {
        "document": shown,
        "comments": shown.comments.select_related("author"),
        "attachments": shown.attachments.select_related("file"),
        "form": form,
    }
    return render(request, "office/document.html", context)


def to_change(pk):
    """The document, locked. PostgreSQL decides: FOR UPDATE shows only what may be changed."""
    found = Document.objects.select_for_update().filter(pk=pk).first()
    if found is None:
        shown = get_object_or_404(Document, pk=pk)
        raise PermissionDenied(
            f"PostgreSQL lets you read “{shown}”, but not change or share it. For that you need "
            "the permission office.change_document, or a share that lets you change it, or to be "
            "its owner; and the document must not be closed."
        )
    return found


@login_required
def new(request):
    made = Document(owner=request.user, tenant_id=request.user.tenant_id)
    form = DocumentForm(request.POST or None, instance=made)
    if form.is_valid():
        return redirect(form.save())
    return render(request, "form.html", {"form": form, "title": "New document"})


@login_required
def edit(request, pk):
    shown = to_change(pk)
    form = DocumentForm(request.POST or None, instance=shown)
    if form.is_valid():
        messages.success(request, "Saved.")
        return redirect(form.save())
    return render(request, "form.html", {"form": form, "title": f"Edit {shown}", "back": shown})


@login_required
def delete(request, pk):
    shown = get_object_or_404(Document, pk=pk)
    if request.method != "POST":
        return render(request, "office/delete.html", {"document": shown})
    try:
        with transaction.atomic():
            # What is shown and may not be deleted is a denial that names it.
            shown.delete()
            connection.check_constraints()  # now, not when the request commits
    except IntegrityError as error:
        raise PermissionDenied(
            "The document has comments or attachments that you do not see."
        ) from error
    messages.success(request, f"{shown} is deleted.")
    return redirect("documents")


@login_required
def share(request, pk):
    """Who may change a document may share it."""
    shown = to_change(pk)
    form = ShareForm(request.POST or None)
    if form.is_valid():
        chosen = form.cleaned_data
        holder = chosen["group"] or chosen["colleague"].user
        if "take" in request.POST:
            change, said = remove_perm, "Taken away from"
        else:
            change, said = assign_perm, "Shared with"
        change(chosen["permission"], holder, shown)
        messages.success(request, f"{said} {holder}.")
        return redirect("share_document", pk=pk)
    context = {
        "document": shown,
        "form": form,
        "users": get_users_with_perms(shown, attach_perms=True, with_group_users=False),
        "groups": get_groups_with_perms(shown, attach_perms=True),
    }
    return render(request, "office/share.html", context)


@login_required
def attach(request, pk):
    shown = get_object_or_404(Document, pk=pk)
    form = AttachmentForm(request.POST or None, instance=Attachment(document=shown))
    if form.is_valid():
        form.save()
        return redirect(shown)
    return render(
        request, "form.html", {"form": form, "title": f"Attach to {shown}", "back": shown}
    )


@login_required
def files(request):
    found = File.objects.select_related("uploaded_by")
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    return render(request, "office/files.html", {"page": page})
