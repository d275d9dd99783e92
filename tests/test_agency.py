"""An agency whose people work for several clients: memberships, in each mode and model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests import databases

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "agency"
PASSWORD = settings.DATABASES["default"]["PASSWORD"]


@pytest.fixture
def run():
    """Run test files of the agency on a database of their own; returns what they printed."""
    name = f"{settings.PROJECT}_agency"
    databases.make(name, PASSWORD)

    def run(*files, **environment):
        ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        own = {
            "AGENCY_NAME": name,
            "AGENCY_PASSWORD": PASSWORD,
            "DJANGO_SETTINGS_MODULE": "agency.settings",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(FOLDER.parent.parent),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *files], cwd=FOLDER,
            env={**ours, **own, **environment},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        report = ended.stdout + ended.stderr
        assert ended.returncode == 0, report
        return report

    yield run
    databases.remove(name)


@pytest.mark.parametrize("models", ["djangos", "own"])
def test_memberships(run, models):
    assert " passed" in run("tests_memberships.py", "tests_isolation.py", AGENCY_MODELS=models)


def test_memberships_and_isolation_where_each_tenant_has_a_role(run):
    report = run("tests_memberships.py", "tests_isolation.py", AGENCY_TENANT_ROLES="1")

    assert " passed" in report


def test_isolation_and_roles_of_tenants_where_contexts_are_signed(run):
    files = "tests_isolation.py", "tests_tenant_roles.py"
    report = run(*files, AGENCY_TENANT_ROLES="1", AGENCY_SIGNED="1")

    assert " passed" in report


@pytest.mark.parametrize("models", ["djangos", "own"])
def test_roles_of_tenants(run, models):
    assert " passed" in run("tests_tenant_roles.py", AGENCY_TENANT_ROLES="1", AGENCY_MODELS=models)


@pytest.mark.parametrize(("roles", "signed"), [("", ""), ("1", ""), ("", "1"), ("1", "1")])
def test_logins_of_tenants(run, roles, signed):
    report = run("tests_tenant_logins.py", AGENCY_TENANT_ROLES=roles, AGENCY_SIGNED=signed)

    assert " passed" in report
