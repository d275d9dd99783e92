"""What tests ask of a context, signed (RLS_PERMS_TEST_SIGNED=1) and not."""

import pytest

from tests.settings import RLS_PERMS

SIGNED = bool(RLS_PERMS["SIGNED_CONTEXT"])

#: What the login and session roles can read of it by SQL, without a function of the library.
CONTEXT = "nullif(substr(current_setting('rls_perms.proof', true), 65), '')::json"


def said(name):
    """An expression for the user_id, the tenant_id or a setting of the context, whoever asks."""
    if not SIGNED:
        return f"nullif(current_setting('rls_perms.{name}', true), '')"
    short = {"user_id": "u", "tenant_id": "t"}.get(name)
    value = f"{CONTEXT} ->> '{short}'" if short else f"{CONTEXT} -> 's' ->> '{name}'"
    return f"nullif({value}, '')"


#: Of what a login may do without a signature, and of what a setting alone changes.
unsigned_only = pytest.mark.skipif(SIGNED, reason="says what holds without SIGNED_CONTEXT")
