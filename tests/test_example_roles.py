"""The example project with a role for each firm: its own tests, its proof, on and off again."""

import pytest
from django.conf import settings

from tests.example import deployed
from tests.test_example_project import DIFFERENCES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def example():
    with deployed(f"{settings.PROJECT}_roles", FIRM_TENANT_ROLES="1") as example:
        yield example


@pytest.fixture(scope="module")
def seeded(example):
    example.seed(8)
    return example


def test_its_own_tests_pass(example):
    done = example.manage("test", "--noinput")

    assert "OK" in done.stderr, done.stderr


def test_the_proof_finds_no_difference(seeded):
    assert seeded.answer(DIFFERENCES) == "0"


def test_no_way_round_gets_through(seeded):
    found = seeded.answer(
        "from proof.ways_round import ways_round;"
        " print([one.title for one in ways_round() if not one.stopped])"
    )

    assert found == "[]"


def test_each_firm_has_a_role(seeded):
    found = seeded.deployment.value(
        "SELECT count(*) FROM pg_roles WHERE rolname ~ %s",
        f"^{seeded.deployment.name}_tenant_[0-9]+$",
    )

    assert found == 3


def test_it_goes_off_and_on_without_a_migration(seeded):
    off = seeded.python("manage.py", "sync_pg_roles", FIRM_TENANT_ROLES="0")
    made = seeded.python("manage.py", "makemigrations", "--check", FIRM_TENANT_ROLES="0")
    differences = seeded.python(
        "-c", f"import django; django.setup(); {DIFFERENCES}", FIRM_TENANT_ROLES="0"
    )
    on = seeded.manage("sync_pg_roles")

    assert off.returncode == 0, off.stderr
    assert made.returncode == 0, made.stderr
    assert differences.stdout.strip() == "0", differences.stderr
    assert on.returncode == 0, on.stderr
    assert seeded.answer(DIFFERENCES) == "0"
    assert seeded.manage("sync_pg_roles", "--check").returncode == 0
