"""The fault injector: what it finds in the example, and what it refuses."""

import json
import os

import pytest
from django.conf import settings

from rls_perms.exceptions import ConfigurationError
from rls_perms.testing.injector import Injector
from tests.example import deployed
from tests.faults_page import PAGE, page
from tests.office.models import Document

CODE = "from proof.faults import main; main({})"


@pytest.fixture(scope="module")
def example():
    # Always as long: the page names roles, and long names are cut to what the prefix leaves.
    with deployed(f"{settings.PROJECT}_faults".ljust(26, "_")) as example:
        yield example


def unnoticed(found):
    return [one for one in found if one[2] and not one[3]]


@pytest.mark.slow(seconds=200)
def test_the_comparison_notices_each_fault_that_changes_something(example):
    found = json.loads(example.answer(CODE.format("")).splitlines()[-1])

    if "RLS_PERMS_WRITE_PAGES" in os.environ:
        PAGE.write_text(page(found))
    assert unnoticed(found) == []
    assert len(found) > 1500
    assert page(found) == PAGE.read_text()


@pytest.mark.slow(seconds=200)
def test_the_comparison_notices_each_fault_of_customers_that_changes_something(example):
    code = CODE.format("labels=['billing.Customer'], only='billing.Customer'")

    found = json.loads(example.answer(code).splitlines()[-1])

    assert unnoticed(found) == []
    assert sum(one[2] for one in found) > 20
    assert all(one[4] for one in found if not one[2])


def test_faults_are_put_into_test_databases_only():
    with pytest.raises(ConfigurationError, match="is no test database"):
        Injector([Document])
