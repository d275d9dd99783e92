"""Declarations and the database's policies, told to a person who reads them."""

from rls_perms.explain.tables import ShownTable, show
from rls_perms.explain.words import condition_words

__all__ = ["ShownTable", "condition_words", "show"]
