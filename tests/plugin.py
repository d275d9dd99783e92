"""Start PostgreSQL before conftest.py is imported: settings then know its address."""

import os

import psycopg
import pytest

from tests import postgres

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


def pytest_report_header(config: pytest.Config) -> str:
    return f"PostgreSQL: {config.stash[SERVER]}"
