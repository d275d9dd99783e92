"""Projects of their own, each in its process, with what not every project has installed."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from tests import databases

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent
PASSWORD = settings.DATABASES["default"]["PASSWORD"]


@pytest.fixture
def run():
    """Run the tests of a project on a database of its own; returns what they printed."""
    names = []

    def run(project):
        name = f"{settings.PROJECT}_{project}"
        databases.make(name, PASSWORD)
        names.append(name)
        ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        own = {
            f"{project.upper()}_NAME": name,
            f"{project.upper()}_PASSWORD": PASSWORD,
            "DJANGO_SETTINGS_MODULE": f"{project}.settings",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(FOLDER.parent),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q"], cwd=FOLDER / project, env={**ours, **own},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        report = ended.stdout + ended.stderr
        assert ended.returncode == 0, report
        return report

    yield run
    for name in names:
        databases.remove(name)


def test_a_shop_with_an_admin_and_an_api(run):
    assert " passed" in run("shop")


def test_an_atlas_on_postgis(run):
    with psycopg.connect(dbname="postgres") as administrator:
        query = "SELECT FROM pg_available_extensions WHERE name = 'postgis'"
        here = administrator.execute(query).fetchone() is not None
        is_debians = administrator.info.server_version < 160_000
    if not here:
        reason = "No postgis on this server. Install Debian's package postgresql-15-postgis-3."
        # The embedded server has none; in CI a test that could run is not left out.
        (pytest.fail if os.environ.get("CI") and is_debians else pytest.skip)(reason)

    assert " passed" in run("atlas")


def test_a_site_that_people_sign_up_to(run):
    assert " passed" in run("signup")
