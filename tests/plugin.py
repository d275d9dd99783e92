"""Start PostgreSQL before conftest.py is imported: settings then know its address."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests import postgres, variants

SERVER = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    # An xdist worker inherits what its controller exported, and starts nothing.
    try:
        os.environ |= postgres.start()
        database = os.environ.get("PGDATABASE", "postgres")
        with psycopg.connect(dbname=database, connect_timeout=10) as connection:
            info = connection.info
            server = f"{info.parameter_status('server_version')} at {info.host}"
    except (postgres.ServerError, psycopg.OperationalError) as error:
        raise pytest.UsageError(f"no PostgreSQL to test with: {error}") from error
    early_config.stash[SERVER] = server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", help="run the tests that are marked slow, too, as CI does"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Before workers are started, which inherit it.
    if config.getoption("all") or any("::" in one or ".py" in one for one in config.args):
        os.environ[variants.ALL] = "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out, unless asked for; then the files that take longest come first."""
    if variants.ALL in os.environ:
        items.sort(key=_in_order(items))
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_report_header(config: pytest.Config) -> str:
    return f"PostgreSQL: {config.stash[SERVER]}"


def _in_order(items: list[pytest.Item]) -> Callable[[pytest.Item], tuple[int, Path]]:
    """
    The key that puts whole files in order, for one that takes minutes must not be the last.

    A file takes the seconds of its slow tests, as ``slow(seconds=...)`` says them.
    """
    seconds: Counter[Path] = Counter()
    for item in items:
        if slow := item.get_closest_marker("slow"):
            seconds[item.path] += slow.kwargs.get("seconds", 2)
    return lambda item: (-seconds[item.path], item.path)
