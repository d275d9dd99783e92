"""What a reader's project is started for: a session as of ``manage.py shell``, and settings."""

import doctest
import os
import runpy
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import django
from django.core.management import call_command


def session(typed: Path) -> int:
    """Type the lines after >>>, and compare what is printed; returns how many differ."""
    django.setup()
    from django.core.management.commands.shell import Command

    names = Command().get_namespace(verbosity=0)
    parsed = doctest.DocTestParser().get_doctest(typed.read_text(), names, typed.name, typed, 0)
    if not parsed.examples:
        raise ValueError(f"{typed.name} has no line that begins with >>>")
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.DocTestRunner(optionflags=options).run(parsed).failed


def settings(*pages: Path) -> int:
    """Start the project with what each of *pages* sets; returns how many it refused."""
    return sum(_fails(_start_with, page) for page in pages)


def _fails(does: Callable[[Path], None], page: Path) -> bool:
    """Whether it fails in a process of its own: a fork of one that has Django starts fast."""
    child = get_context("fork").Process(target=does, args=[page])
    child.start()
    child.join()
    return child.exitcode != 0


def _start_with(page: Path) -> None:
    """
    Check the project with what *page* sets beside its own settings.

    RLS_PERMS is one dict, of which a page shows a key or two: the others stay.
    """
    own = vars(import_module("project.settings"))
    given = runpy.run_path(str(page), dict(own))
    module = ModuleType("project.as_on_a_page")
    vars(module).update({name: one for name, one in given.items() if name.isupper()})
    module.RLS_PERMS = own["RLS_PERMS"] | given["RLS_PERMS"]
    sys.modules[module.__name__] = module
    os.environ["DJANGO_SETTINGS_MODULE"] = module.__name__
    print(page.name)
    django.setup()
    call_command("check", databases=["default"])


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    what, *files = sys.argv[1:]
    sys.exit({"session": session, "settings": settings}[what](*map(Path, files)))
