"""Each public name of the libraries that projects come from: imported here, or in a guide."""

import importlib
import re

import pytest

from tests.moving.names import public_names
from tests.pages import ROOT

HERE = "rls_perms.contrib.django_rls_tenants"
OF_TENANTS = public_names(
    "django_rls_tenants", "", "exceptions", "operations", "pool", "contrib.celery", "contrib.drf",
    "rls", "rls.constraints", "rls.context", "rls.guc", "rls.predicates", "tenants",
    "tenants.admin", "tenants.bypass", "tenants.context", "tenants.managers", "tenants.middleware",
    "tenants.models", "tenants.selection", "tenants.sql", "tenants.state", "tenants.testing",
    "tenants.types",
)  # fmt: skip
OF_RLS = public_names(
    "django_rls", "", "backends.postgresql.base", "context", "db.functions", "exceptions",
    "expressions", "middleware", "migration_operations", "models", "policies", "simple_context",
)  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name"), [one for one in OF_TENANTS if one != ("contrib.celery", "RLSTask")]
)
def test_a_name_of_django_rls_tenants_is_there_or_says_what_to_write(module, name):
    try:
        found = getattr(importlib.import_module(f"{HERE}.{module}".rstrip(".")), name)
    except ImportError as refusal:
        assert re.search(rf"'{name}' .*no equivalent in rls_perms: \w", str(refusal))  # noqa: PT017
    else:
        assert found is not None


@pytest.mark.parametrize(
    ("module", "name"),
    [("rls.guc", "set_guc"), ("contrib.drf", "RLSTenantPermission"), ("tenants", "bypass_flag")],
)
def test_what_is_refused_is_refused_where_it_is_imported(module, name):
    found = importlib.import_module(f"{HERE}.{module}")

    with pytest.raises(ImportError, match=f"'{name}' of django-rls-tenants has no equivalent"):
        getattr(found, name)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no 'nonsense'"):
        importlib.import_module(HERE).nonsense  # noqa: B018


@pytest.mark.parametrize("name", sorted({name for _, name in OF_TENANTS}))
def test_the_guide_from_django_rls_tenants_has_each_name(name):
    assert is_in("from_django_rls_tenants", name)


@pytest.mark.parametrize("name", sorted({name for _, name in OF_RLS}))
def test_the_guide_from_django_rls_has_each_name(name):
    assert is_in("from_django_rls", name)


def is_in(guide, name):
    """Whether *guide* says *name* in code of its text or of a table."""
    text = (ROOT / "docs" / f"{guide}.md").read_text()
    return re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", re.sub("```.*?```", "", text, flags=re.DOTALL))
