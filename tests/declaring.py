"""Give a model another declaration for one test, in the database too."""

from contextlib import contextmanager

from django.db import connections

from rls_perms import RowSecurity
from tests import people


@contextmanager
def declared(*declarations):
    """Each of *declarations* is a model and the policies, or the RowSecurity, it has meanwhile."""
    before = {model: model._meta.constraints for model, _ in declarations}
    try:
        for model, wanted in declarations:
            if not isinstance(wanted, RowSecurity):
                wanted = RowSecurity(policies=wanted, name=f"{model._meta.label_lower}_rls")
            model._meta.constraints = [wanted]
        _write(before)
        yield
    finally:
        for model, constraints in before.items():
            model._meta.constraints = constraints
        _write(before)


def _write(models):
    owner = connections[people.OWNER]
    if owner.needs_rollback:
        return
    with owner.schema_editor() as editor:
        for model in models:
            for constraint in model._meta.constraints:
                editor.execute(constraint.create_sql(model, editor), params=None)
            if not model._meta.constraints:
                table = editor.quote_name(model._meta.db_table)
                editor.execute(
                    f"SELECT rls_perms.clear_table('{table}', '{{}}'); "
                    f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; "
                    f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
                    params=None,
                )
    people.sync()
