"""Make a database what settings, permissions and declarations ask for."""

from rls_perms.catalog import check_credentials
from rls_perms.plan import Plan
from rls_perms.sync.apply import Outcome, plan, sync
from rls_perms.sync.install import install

__all__ = ["Outcome", "Plan", "check_credentials", "install", "plan", "sync"]
