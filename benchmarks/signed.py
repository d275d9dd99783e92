"""The same with signed contexts."""

from benchmarks.with_rls_perms import *

RLS_PERMS = {**RLS_PERMS, "SIGNED_CONTEXT": True}
