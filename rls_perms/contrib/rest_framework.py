"""Let Django REST framework ask the database who may, and answer denials in its own words."""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import connections, router
from rest_framework import exceptions, permissions
from rest_framework.views import exception_handler as of_rest_framework

from rls_perms.audit import Cause
from rls_perms.contrib.serializers import CurrentTenantDefault, TenantSerializerMixin
from rls_perms.denial import asking_on, tell
from rls_perms.exceptions import ConfigurationError, PermissionDenied
from rls_perms.keywords import Command
from rls_perms.policies.constraint import declaration
from rls_perms.statements.privileges import may_use

__all__ = [
    "CurrentTenantDefault",
    "RowSecurityPermissions",
    "TenantSerializerMixin",
    "exception_handler",
]

logger = logging.getLogger("rls_perms.denial")


def exception_handler(error: Exception, context: dict[str, Any]) -> Any:
    """
    For ``REST_FRAMEWORK["EXCEPTION_HANDLER"]``: 403 with the framework's own text.

    Its default handler answers 403, too, with the whole message of the denial, which names
    the role and the table. Here that goes to the log ``rls_perms.denial``.
    """
    if isinstance(error, PermissionDenied):
        logger.warning("%s", error)
        error = exceptions.PermissionDenied()
    return of_rest_framework(error, context)


class RowSecurityPermissions(permissions.BasePermission):  # type: ignore[misc]
    """
    Whether the role of the request may use the model's table for the method at all.

    One question to the database, before the body is read: 403, or 401 for who brought no
    credentials, and the browsable API shows no form that could not work. Which rows, the
    statements find out themselves. Unlike ``DjangoModelPermissions`` it knows object
    permissions and policies that ask for no permission. A view with methods of its own says
    in a subclass what they are: ``commands = {**RowSecurityPermissions.commands, "POST":
    Command.UPDATE}``.
    """

    commands: Mapping[str, Command] = MappingProxyType(
        {
            "GET": Command.SELECT,
            "HEAD": Command.SELECT,
            "OPTIONS": Command.SELECT,
            "POST": Command.INSERT,
            "PUT": Command.UPDATE,
            "PATCH": Command.UPDATE,
            "DELETE": Command.DELETE,
        }
    )

    def has_permission(self, request: Any, view: Any) -> bool:
        if getattr(view, "_ignore_model_permissions", False):
            # The root of DefaultRouter has no model.
            return True
        command = self.commands.get(request.method)
        if command is None:
            raise exceptions.MethodNotAllowed(request.method)
        model = view.get_queryset().model
        if declaration(model._meta.concrete_model) is None:
            raise ConfigurationError(
                f"{model._meta.label} has no RowSecurity, so the database keeps nobody from it. "
                f"Give {type(view).__name__} another permission class, such as "
                "DjangoModelPermissions, or protect the model."
            )
        find = router.db_for_read if command is Command.SELECT else router.db_for_write
        connection = connections[find(model)]
        table = connection.ops.quote_name(model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(may_use(table, command))
            (allowed,) = cursor.fetchone()
        if not (allowed or _is_a_clone(request)):
            tell(Cause.PRIVILEGE, asking_on(connection), model=model, action=command.action)
        return bool(allowed)


def _is_a_clone(request: Any) -> bool:
    """
    Whether nobody sent *request*: the framework asks so which forms and fields to offer.

    It is what ``rest_framework.request.clone_request`` makes: the method is its own.
    """
    return "method" in vars(request)
