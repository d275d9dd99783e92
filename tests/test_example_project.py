"""The example project: its own tests, its demo, and that its proof can fail."""

import re
import textwrap
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from django.conf import settings
from psycopg import sql

from tests import databases
from tests.deployments import ROOT
from tests.example import PROJECT, deployed

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "example.md"
DIFFERENCES = (
    "from proof.comparison import compare; print(len([one for one in compare() if not one.agrees]))"
)


@pytest.fixture(scope="module")
def example():
    with deployed(f"{settings.PROJECT}_example") as example:
        yield example


@pytest.fixture(scope="module")
def seeded(example):
    example.seed(8)
    return example


@pytest.fixture
def hole(seeded):
    """A policy that nobody declared: every document, for each who is signed in."""
    role = sql.Identifier(seeded.deployment.role("everyone")).as_string(None)
    floor = seeded.deployment.rows(
        "SELECT format('CREATE POLICY %1$I ON office_document AS RESTRICTIVE FOR SELECT TO %2$s"
        " USING (%3$s)', policyname, array_to_string(roles, ', '), qual),"
        " format('DROP POLICY %I ON office_document', policyname) FROM pg_policies"
        " WHERE tablename = 'office_document' AND policyname = 'floor select'"
    )
    make_floor, drop_floor = floor[0]
    seeded.deployment.rows(drop_floor)
    seeded.deployment.rows(
        f"CREATE POLICY hole ON office_document FOR SELECT TO {role} USING (true)"
    )
    yield
    seeded.deployment.rows("DROP POLICY hole ON office_document")
    seeded.deployment.rows(make_floor)


def test_its_own_tests_pass(example):
    done = example.manage("test", "--noinput")

    assert "OK" in done.stderr, done.stderr
    assert done.returncode == 0


def test_its_migrations_are_those_of_its_models(seeded):
    done = seeded.manage("makemigrations", "--check", "--dry-run")

    assert (done.returncode, done.stdout) == (0, "No changes detected\n")


def test_no_check_has_anything_to_say(seeded):
    done = seeded.manage("check", "--fail-level", "INFO")

    assert done.returncode == 0, done.stderr


def test_the_database_allows_what_has_perm_and_the_policies_allow(seeded):
    assert seeded.answer(DIFFERENCES) == "0"


def test_has_perm_says_of_each_granted_row_what_the_demo_takes_for_its_answer(seeded):
    code = (
        "from proof.comparison import checker_errors; asked, found = checker_errors();"
        " print(asked > 100, found)"
    )

    assert seeded.answer(code) == "True []"


@pytest.mark.usefixtures("hole")
def test_the_comparison_finds_a_policy_too_many(seeded):
    assert int(seeded.answer(DIFFERENCES)) > 0


@pytest.mark.usefixtures("hole")
def test_an_attempt_gets_through_where_a_policy_is_too_many(seeded):
    code = (
        "from proof.ways_round import ways_round;"
        " print([one.title for one in ways_round() if not one.stopped])"
    )

    assert "another firm's document by its key" in seeded.answer(code)


def test_seeding_twice_is_refused(seeded):
    before = seeded.deployment.value("SELECT count(*) FROM office_document")

    done = seeded.manage("seed")

    assert done.returncode == 1
    assert "Seed an empty database" in done.stderr
    assert seeded.deployment.value("SELECT count(*) FROM office_document") == before


def test_the_demo_ends_well(example):
    done = example.python(
        "demo.py", "--once", "--size", "6", FIRM_DATABASE=f"{settings.PROJECT}_demo"
    )
    databases.remove(f"{settings.PROJECT}_demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "tables with a difference: 0" in done.stdout
    assert "31 ways tried, 31 stopped" in done.stdout


def test_its_page_quotes_the_declaration_as_it_is():
    (quoted,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)

    models = (PROJECT / "office" / "models.py").read_text()

    assert textwrap.indent(quoted, 12 * " ") in models


def test_every_picture_on_its_page_is_there():
    pictures = re.findall(r"^!\[.+\]\((.+)\)$", PAGE.read_text(), re.MULTILINE)

    assert len(pictures) == 8
    assert [one for one in pictures if not (PAGE.parent / one).is_file()] == []


@pytest.fixture
def site(seeded):
    """The site, served by a process that has the login's credentials only."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    with seeded.served() as address:
        yield lambda path, **fields: visit(browser, address + path, fields)


def visit(browser, url, fields):
    page = browser.open(url).read().decode()
    if not fields:
        return page
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    data = urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
    return browser.open(url, data).read().decode()


def test_the_site_is_served_with_the_credentials_of_the_login_alone(site, seeded):
    site("/login/", username="ada.north", password="demo")

    page = site("/who-am-i/")

    assert seeded.deployment.role("auditor") in page
    assert seeded.deployment.web in page
    assert "8 in all" in site("/documents/")
