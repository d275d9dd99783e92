"""guardian's own test-suite passes with the library installed and its backend in use."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.conf import settings

from tests import databases

pytestmark = pytest.mark.slow(seconds=60)

TESTS = "guardian.testapp.tests"
ROOT = Path(__file__).resolve().parent.parent
NAME = f"{settings.PROJECT}_guardians"
PASSWORD = settings.DATABASES["default"]["PASSWORD"]


@pytest.fixture
def deployed():
    databases.make(NAME, PASSWORD)
    yield
    databases.remove(NAME)


def test_guardians_own_suite_passes(deployed):
    # The wheel brings it, as the sdist does.
    assert find_spec("guardian.testapp.tests.test_shortcuts"), "guardian comes without its tests"
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    own |= {
        "DJANGO_SETTINGS_MODULE": "tests.guardians.settings",
        "GUARDIANS_NAME": NAME,
        "GUARDIANS_PASSWORD": PASSWORD,
    }

    ended = subprocess.run(
        [sys.executable, "-m", "django", "test", "--noinput", "--durations", "20", TESTS],
        cwd=ROOT, env=own, capture_output=True, text=True, timeout=5400, check=False,
    )  # fmt: skip

    report = ended.stdout + ended.stderr
    assert ended.returncode == 0, report
    ran = re.search(r"^Ran (\d+) tests", report, re.MULTILINE)
    assert ran is not None, report
    assert int(ran[1]) >= 500, report
    print(report)
