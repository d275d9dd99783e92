"""Tell what models declare, and what the database holds."""

import difflib
import json
import shutil
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.models import Model

from rls_perms.exceptions import RlsPermsError
from rls_perms.explain import show
from rls_perms.explain.report import Line, as_data, differing, lines
from rls_perms.management.alias import owners_alias
from rls_perms.policies.constraint import declaration


class Command(BaseCommand):
    """Exits with 1 where --check finds a difference."""

    help = (
        "Tell each declared policy as a sentence, the SQL that it becomes, and what the database "
        "holds. Needs the owner's credentials; changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "models",
            nargs="*",
            metavar="app.Model",
            help="models to show (default: all that declare row security)",
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="alias with the owner's credentials (default: the one that settings name)",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="print only what differs, and exit with 1 if anything does",
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = list(dict.fromkeys(map(_model, options["models"])))
        connection = connections[owners_alias(options["database"])]
        try:
            shown = show(connection, wanted or _models())
        except RlsPermsError as error:
            raise CommandError(str(error)) from error
        open_models = [one.model for one in shown if not (one.declared or one.differences)]
        if not wanted:
            shown = tuple(one for one in shown if one.model not in open_models)
        if options["json"]:
            self.stdout.write(json.dumps(as_data(shown), indent=2, ensure_ascii=False))
        else:
            written = differing if options["check"] else lines
            for line in written(shown, self._width()):
                self.stdout.write(self._styled(line))
            if not wanted and open_models and not options["check"]:
                self.stdout.write(f"\nWithout row security: {', '.join(open_models)}.")
        different = [table.model for table in shown if table.differences]
        if options["check"] and different:
            raise CommandError(f"Not as declared: {', '.join(different)}.")

    def _width(self) -> int:
        return shutil.get_terminal_size().columns if self.stdout.isatty() else 0

    def _styled(self, line: Line) -> str:
        if line.kind == "heading":
            return self.style.MIGRATE_HEADING(line.text)
        return self.style.ERROR(line.text) if line.kind == "difference" else line.text


def _models() -> list[type[Model]]:
    """All models with a table, and the tables of many-to-many fields that are protected."""
    found = [
        one
        for one in apps.get_models(include_auto_created=True)
        if not (one._meta.proxy or one._meta.swapped)
        and (not one._meta.auto_created or declaration(one) is not None)
    ]
    return sorted(found, key=lambda model: model._meta.label)


def _model(label: str) -> type[Model]:
    """The model *label*, in any case; a proxy's table is that of the model behind it."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError) as error:
        labels = {one._meta.label.lower(): one._meta.label for one in apps.get_models()}
        near = difflib.get_close_matches(label.lower(), labels, n=1)
        hint = f"Did you mean {labels[near[0]]!r}?" if near else "Write app_label.Model."
        raise CommandError(f"There is no model {label!r}. {hint}") from error
    return model._meta.concrete_model or model
