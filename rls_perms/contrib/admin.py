"""Show what the database denies where the admin's user can do something about it."""

import logging
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from rls_perms.exceptions import PermissionDenied
from rls_perms.loud import loud_denials

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _ModelAdmin = ModelAdmin[Any]
else:
    _ModelAdmin = object

logger = logging.getLogger("rls_perms.denial")

#: Where a request keeps the denial that its form is to show.
_DENIAL = "_rls_perms_denial"
NAMED = 10


class RowSecurityAdminMixin(_ModelAdmin):
    """
    Beside ``ModelAdmin``: a denial is an error of the form, or a message, and nothing is lost.

    ``class DocumentAdmin(RowSecurityAdminMixin, admin.ModelAdmin)``. Forms, with inlines and
    in the list, come back with what was typed; deleting and actions tell which rows were
    denied. Each is done as a whole or not at all: rows that Django would pass over are
    denials (``loud_denials``), and an action runs in a transaction.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            with loud_denials():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except PermissionDenied as denial:
            if request.method != "POST" or _denial(request) is not None:
                raise
            # Django rolled back and forgot the form. It reads the same request again, and
            # this time the denial is one of the form's errors.
            setattr(request, _DENIAL, denial)
            _log(denial)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        denial = _denial(request)
        return form if denial is None else _form_with(form, self.denial_text(denial))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        try:
            with loud_denials():
                return super().changelist_view(request, extra_context)
        except PermissionDenied as denial:
            if "_save" not in request.POST or _denial(request) is not None:
                raise
            setattr(request, _DENIAL, denial)
            _log(denial)
            return super().changelist_view(request, extra_context)

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        formset: Any = super().get_changelist_formset(request, **kwargs)
        denial = _denial(request)
        return formset if denial is None else _formset_with(formset, self.denial_text(denial))

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except PermissionDenied as denial:
            return self._answer(request, denial)

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            with transaction.atomic(using=router.db_for_write(self.model)), loud_denials():
                return super().response_action(request, *args, **kwargs)
        except PermissionDenied as denial:
            return self._answer(request, denial)

    def denial_text(self, denial: PermissionDenied) -> str:
        """
        What the admin's user reads; override it to say it otherwise.

        It tells no role and no table: the log ``rls_perms.denial`` has the whole message.
        """
        name = "this" if denial.model is None else str(denial.model._meta.verbose_name)
        keys = ", ".join(str(key) for key in denial.keys[:NAMED])
        if len(denial.keys) > NAMED:
            keys += ", ..."
        action = "do" if denial.model is None else denial.action or "use"
        return (
            f"You may not {action} {name}{f' {keys}' if keys else ''}: the database denied it. "
            "Nothing was saved."
        )

    def _answer(self, request: HttpRequest, denial: PermissionDenied) -> HttpResponseBase:
        if request.method != "POST":
            raise denial
        _log(denial)
        self.message_user(request, self.denial_text(denial), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


def _denial(request: HttpRequest) -> PermissionDenied | None:
    return getattr(request, _DENIAL, None)


def _log(denial: PermissionDenied) -> None:
    logger.warning("%s", denial)


def _form_with(form: Any, text: str) -> Any:
    def clean(self: Any) -> Any:
        cleaned = form.clean(self)
        self.add_error(None, ValidationError(text, code="denied"))
        return cleaned

    return type(form.__name__, (form,), {"clean": clean})


def _formset_with(formset: Any, text: str) -> Any:
    def clean(self: Any) -> None:
        formset.clean(self)
        raise ValidationError(text, code="denied")

    return type(formset.__name__, (formset,), {"clean": clean})
