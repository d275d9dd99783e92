"""What a policy made of a condition shows, and what ``Model.objects.filter(condition)`` has."""

from contextlib import contextmanager

from django.db import connection, connections
from django.db.models import Q

from rls_perms import SELECT, CurrentUser, Policy, as_user
from rls_perms.conditions import parse
from rls_perms.exceptions import ReadsItself
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import RowSecurity, declaration
from rls_perms.statements.conditions import Text

OWNER = "owner"
#: How a condition becomes a policy: by its text alone; or in a declaration, with all that a
#: migration writes, as one that shows rows or as one that hides the others.
TEXT = "text"
PERMISSIVE, RESTRICTIVE = DECLARED = ("permissive", "restrictive")
#: Under which the text of a condition alone decides; the owner sees all rows.
NOTHING = [Policy("nothing", command=SELECT, using=Q(pk=None), permission_required=False)]
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

    def __init__(self, model, reader, *, permitted=True):
        self.model = model
        self.reader = reader
        self.permitted = permitted
        self.table = model._meta.db_table
        self.is_declared = False
        with connections[OWNER].cursor() as cursor:
            cursor.execute("SELECT rls_perms.named_role('everyone')")
            (self.everyone,) = cursor.fetchone()

    def under(self, condition, *, trusted=False, way=TEXT):
        """
        The keys that a raw cursor shows under a policy of *condition*.

        Where it is declared, the ORM shows the same.
        """
        trusted = trusted or reads_itself(self.model, condition)
        if way == TEXT:
            self._make_policy(condition, trusted)
        else:
            self._declare(self._around(condition, trusted, way))
            self.is_declared = True
        with as_user(self.reader):
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT "{self.model._meta.pk.column}" FROM "{self.table}"')
                by_sql = {key for (key,) in cursor.fetchall()}
            if way != TEXT:
                assert set(self.model.objects.values_list("pk", flat=True)) == by_sql
        return by_sql

    def _around(self, condition, trusted, way):
        """Policies of a declaration under which *condition* alone decides."""
        if way == RESTRICTIVE:
            return [
                Policy("all", command=SELECT, using=Q(), permission_required=False),
                Policy(
                    "corpus", command=SELECT, using=condition, permissive=False, trusted=trusted
                ),
            ]
        found = [
            Policy(
                "corpus",
                command=SELECT,
                using=condition,
                trusted=trusted,
                permission_required=False,
            ),
            Policy("bounds", command=SELECT, using=Q(), permissive=False),
        ]
        # For who may view, it would show all rows.
        return found if self.permitted else [*found, Policy("of the permitted", using=Q())]

    def _declare(self, policies):
        """What a migration would run for these policies, on a table that is open already."""
        made = RowSecurity(name=f"{self.table}_rls", policies=policies)
        owner = connections[OWNER]
        compiler = made.compiler(self.model, owner, owner.settings_dict["USER"])
        self._execute(";\n".join([made.written(compiler).sql, *self._opened(compiler.readers())]))

    def _opened(self, readers):
        """What a sync grants."""
        return [
            f'GRANT EXECUTE ON FUNCTION rls_perms."{one.name}"({", ".join(one.arguments)}) '
            f'TO "{self.everyone}"'
            for one in readers
        ]

    def filtered(self, condition):
        """The keys of the rows that the owner's filter() has."""
        rows = self.model._base_manager.using(OWNER).filter(without_asker(condition, self.reader))
        return set(rows.values_list("pk", flat=True))

    def _make_policy(self, condition, trusted):
        reach = RowSecurity(name="corpus").reach(self.model)
        text = Text(self.model, table_of(self.model), connections[OWNER])
        using = text.of(parse(condition, self.model), reach.as_owner(trusted=trusted))
        made = [one.sql.rstrip(";\n") for one in text.readers.values()]
        if self.is_declared:
            self._declare(NOTHING)
            self.is_declared = False
        made = [
            *made,
            *self._opened(text.readers.values()),
            f'CREATE POLICY corpus ON "{self.table}" FOR SELECT TO "{self.everyone}" '
            f"USING ({using})",
        ]
        self._execute(";\n".join(made))

    def _execute(self, statements):
        with connections[OWNER].cursor() as cursor:
            cursor.execute(f'DROP POLICY IF EXISTS corpus ON "{self.table}";\n{statements}', None)

    @contextmanager
    def cleared(self):
        """Nothing of this is left afterwards."""
        try:
            yield self
        finally:
            self._declare(declaration(self.model).policies)
            self._execute(DROP_READERS)


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
