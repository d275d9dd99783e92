"""The project in tests/nasty: grants of every shape, with guardian's own tables and with others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.slow(seconds=30)

ROOT = Path(__file__).resolve().parent.parent
SUITES = sorted(path.name for path in (ROOT / "tests" / "nasty").glob("pytests_*.py"))


@pytest.mark.parametrize("swapped", ["0", "1"], ids=["guardians", "swapped"])
@pytest.mark.parametrize("suite", SUITES)
def test_the_nasty_project_passes(suite, swapped):
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    own |= {
        "DJANGO_SETTINGS_MODULE": "tests.nasty.settings",
        "NASTY_SWAPPED": swapped,
        # A database of its own beside that of this process.
        "RLS_PERMS_TEST_RUN": f"{settings.PROJECT.removeprefix('rls_')}_nasty",
    }

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-qs", "-p", "no:cacheprovider", f"tests/nasty/{suite}"],
        cwd=ROOT, env=own, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout + ended.stderr
    print(ended.stdout)


def test_the_nasty_project_has_no_migration_to_make():
    # No such database: what other tests have migrated in this process's own is another project's.
    own = {"DJANGO_SETTINGS_MODULE": "tests.nasty.settings", "RLS_PERMS_TEST_RUN": "none"}

    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "django", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT, env={**os.environ, **own},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout + ended.stderr
