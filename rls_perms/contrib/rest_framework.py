"""Answer denials in Django REST framework without the database's words."""

import logging
from typing import Any

from rest_framework import exceptions
from rest_framework.views import exception_handler as of_rest_framework

from rls_perms.exceptions import PermissionDenied

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
