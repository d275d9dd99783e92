"""Each attack by injected SQL, plain and signed: docs/injection.md says the same."""

import os

import pytest

from tests import attacks, deployments
from tests.attacks import NOTHING, THROUGH
from tests.deployments import sync_pg_roles
from tests.injection_page import PAGE, page, table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def did():
    """What each attack did: mode -> attack -> outcome; it is the same database, synced anew."""
    with deployments.empty() as deployment:
        found = {}
        with attacks.settings_of(SIGNED_CONTEXT=False):
            deployments.migrate()
            scene = attacks.Scene(deployment)
            found["plain"] = run(scene, attacks.INJECTED, attacks.BY_HAND)
        with attacks.settings_of(SIGNED_CONTEXT=True):
            assert sync_pg_roles().status == 0
            del scene.keys
            found["signed"] = run(scene, attacks.INJECTED, attacks.BY_HAND)
            found["at signatures"] = run(
                scene, attacks.AT_SIGNATURES, attacks.BY_HAND_AT_SIGNATURES
            )
        yield found


def run(scene, injected, by_hand):
    found = {name: scene.inject(sql) for name, sql in injected.items()}
    return found | {name: attack(scene) for name, attack in by_hand.items()}


def through(outcomes):
    return {name for name, outcome in outcomes.items() if outcome == THROUGH}


def test_the_page_says_what_the_attacks_did(did):
    both = {
        name: {"Plain": plain, "Signed": did["signed"][name]}
        for name, plain in did["plain"].items()
    }
    one = {name: {"Signed": outcome} for name, outcome in did["at signatures"].items()}
    made = page(PAGE.read_text(), table("Attack", both), table("At the signature itself", one))

    if "RLS_PERMS_WRITE_PAGES" in os.environ:
        PAGE.write_text(made)
    assert made == PAGE.read_text()


def test_signed_little_gets_through(did):
    assert through(did["signed"]) == {
        "`RESET ROLE`, then tables of Django's framework",
        "`RESET ROLE`, then making oneself a superuser in them",
        "an open cursor of another context in this transaction",
    }


def test_of_the_signature_itself_only_a_token_that_no_backend_is_named_in_can_be_stolen(did):
    assert through(did["at signatures"]) == {"the same with `SIGNED_TO_BACKEND` `False`"}


def test_plain_whoever_writes_sql_freely_is_whoever_they_like(did):
    assert through(did["plain"]) >= {
        "`SET ROLE` to the system role",
        "`SET` of the tenant",
        "`session_role()` for another user",
        "inserting the key of another row, and reading it",
    }
    assert did["plain"]["a `UNION` onto other tables"] != THROUGH
    assert did["plain"]["`RESET ROLE`, then protected tables"] == "stopped: 42501"


def test_what_is_shown_nothing_is_shown_what_is_ones_own(did):
    assert did["signed"]["`SET` of the tenant"] == NOTHING
