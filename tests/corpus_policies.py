"""What a policy made of a condition shows, and what ``Model.objects.filter(condition)`` has."""

from contextlib import contextmanager

from django.db import connection, connections
from django.db.models import Q

from rls_perms import SELECT, CurrentUser, Policy, as_user
from rls_perms.conditions import parse
from rls_perms.exceptions import ReadsItself
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import RowSecurity
from rls_perms.statements.conditions import Text

OWNER = "owner"
DROP_READERS = """
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN
        SELECT oid FROM pg_proc
         WHERE pronamespace = 'rls_perms'::regnamespace
           AND obj_description(oid, 'pg_proc') = 'rls_perms reader'
           AND NOT EXISTS (SELECT FROM pg_depend WHERE refobjid = pg_proc.oid AND deptype = 'n')
    LOOP
        EXECUTE format('DROP FUNCTION %s', one);
    END LOOP;
END
$$
"""


class Shown:
    """The rows of *model* that *reader* sees under policies made for everyone."""

    def __init__(self, model, reader):
        self.model = model
        self.reader = reader
        self.table = model._meta.db_table
        with connections[OWNER].cursor() as cursor:
            cursor.execute("SELECT rls_perms.named_role('everyone')")
            (self.everyone,) = cursor.fetchone()

    def under(self, condition, *, trusted=False):
        """The keys that a raw cursor and the ORM show under a policy of *condition*."""
        self._make_policy(condition, trusted or reads_itself(self.model, condition))
        with as_user(self.reader):
            by_orm = set(self.model.objects.values_list("pk", flat=True))
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT "{self.model._meta.pk.column}" FROM "{self.table}"')
                by_sql = {key for (key,) in cursor.fetchall()}
        assert by_orm == by_sql
        return by_sql

    def filtered(self, condition):
        """The keys of the rows that the owner's filter() has."""
        rows = self.model._base_manager.using(OWNER).filter(without_asker(condition, self.reader))
        return set(rows.values_list("pk", flat=True))

    def _make_policy(self, condition, trusted):
        reach = RowSecurity(name="corpus").reach(self.model)
        text = Text(self.model, table_of(self.model), connections[OWNER])
        using = text.of(parse(condition, self.model), reach.as_owner(trusted=trusted))
        made = [one.sql.rstrip(";\n") for one in text.readers.values()]
        made += [
            f'GRANT EXECUTE ON FUNCTION rls_perms."{one.name}"({", ".join(one.arguments)}) '
            f'TO "{self.everyone}"'
            for one in text.readers.values()
        ]
        made = [
            f'DROP POLICY IF EXISTS corpus ON "{self.table}"',
            *made,
            f'CREATE POLICY corpus ON "{self.table}" FOR SELECT TO "{self.everyone}" '
            f"USING ({using})",
        ]
        with connections[OWNER].cursor() as cursor:
            cursor.execute(";\n".join(made), None)

    @contextmanager
    def cleared(self):
        """Nothing of this is left afterwards."""
        try:
            yield self
        finally:
            with connections[OWNER].cursor() as cursor:
                cursor.execute(f'DROP POLICY IF EXISTS corpus ON "{self.table}"')
                cursor.execute(DROP_READERS)


def reads_itself(model, condition):
    """Whether only the owner can look: the condition comes back to its own table."""
    policy = Policy("corpus", command=SELECT, using=condition, permission_required=False)
    try:
        list(RowSecurity(name="corpus", policies=[policy]).reach(model).reads())
    except ReadsItself:
        return True
    return False


def without_asker(condition, user):
    """*condition* with the key of *user* in the place of CurrentUser()."""
    children = []
    for child in condition.children:
        if isinstance(child, Q):
            child = without_asker(child, user)
        elif isinstance(child, tuple) and isinstance(child[1], CurrentUser):
            child = (child[0], user.pk)
        elif hasattr(child, "condition") and hasattr(child, "model"):
            child = type(child)(child.model, without_asker(child.condition, user))
        children.append(child)
    return Q.create(children, connector=condition.connector, negated=condition.negated)
