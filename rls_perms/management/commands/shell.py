"""Django's shell, as a user or a role if it is asked for."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.shell import Command as Shell

from rls_perms.management import asking


class Command(Shell):
    """Without an option of ours it is Django's, and the shell has no context."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        asking.add_options(parser, "as-")

    def handle(self, *args: Any, **options: Any) -> Any:
        entering: AbstractContextManager[Any] = nullcontext()
        if asking.is_asked(options):
            entering = asking.asked_entering(options)
        with entering:
            return super().handle(*args, **options)
