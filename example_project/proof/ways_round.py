"""Try to get round row security, and tell what PostgreSQL answered."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import DatabaseError, connection, connections, transaction
from django.db.models import Model
from rls_perms import as_user

from billing.models import InvoiceLine
from office.models import Document
from proof import postgresql_says
from proof.django_says import Django, load
from proof.postgresql_says import Undo
from tenants.models import Tenant, User


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt: who tried, what PostgreSQL answered, and whether that stopped it."""

    title: str
    who: str
    answer: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    SQL that somebody runs; *asker* None is no context at all.

    *verdict* judges what came back: an error's text, or rows and a count.
    """

    title: str
    asker: User | None
    statement: str
    verdict: Callable[["Reply"], bool]
    run: Callable[[str], "Reply"] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said to one statement."""

    refusal: str | None = None
    state: str | None = None
    rows: tuple = ()
    count: int = 0

    def __str__(self) -> str:
        if self.refusal is not None:
            return f"ERROR {self.state}: {self.refusal}"
        return f"{self.count} row{'' if self.count == 1 else 's'}"


def refused(reply: Reply) -> bool:
    """The privilege is missing, or a policy forbids the row: SQLSTATE 42501."""
    return reply.state == "42501"


def nothing(reply: Reply) -> bool:
    return reply.refusal is None and reply.count == 0


def exactly(count: int) -> Callable[[Reply], bool]:
    return lambda reply: reply.refusal is None and reply.count == count


def ways_round(using: str = "owner") -> list[Outcome]:
    """Run every attempt; each is undone."""
    return [_outcome(one) for one in attempts(using)]


def _outcome(attempt: Attempt) -> Outcome:
    reply = Reply()
    try:
        with transaction.atomic(), as_user(attempt.asker) if attempt.asker else nullcontext():
            reply = (attempt.run or execute)(attempt.statement)
            raise Undo
    except Undo:
        pass
    except DatabaseError as error:
        diagnosis = error.__cause__.diag
        reply = Reply(refusal=diagnosis.message_primary, state=diagnosis.sqlstate)
    who = str(attempt.asker) if attempt.asker else "no context"
    stopped = attempt.verdict(reply)
    allowed = ", those that has_perm and the policies allow" if stopped and reply.count else ""
    return Outcome(attempt.title, who, f"{reply}{allowed}", stopped)


def execute(statement: str) -> Reply:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = tuple(cursor.fetchall()) if cursor.description else ()
        return Reply(rows=rows, count=cursor.rowcount)


def copy(statement: str) -> Reply:
    """COPY .. TO STDOUT, line by line."""
    with connection.cursor() as cursor, cursor.copy(statement) as lines:
        rows = tuple(lines.rows())
        return Reply(rows=rows, count=len(rows))


def leak(statement: str) -> Reply:
    """A function so cheap that the planner would like to call it before the policies."""
    told: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001"
            " AS $$ BEGIN RAISE NOTICE 'told: %', $1; RETURN true; END $$"
        )

        def note(diagnosis: object) -> None:
            told.append(diagnosis.message_primary)

        connection.connection.add_notice_handler(note)
        try:
            cursor.execute(statement)
        finally:
            connection.connection.remove_notice_handler(note)
    return Reply(rows=tuple(told), count=len(told))


def after_a_request(statement: str) -> Reply:
    """What a user's statements leave on the connection for the next one."""
    with as_user(User.objects.get(username="mona.north")):
        execute("SELECT count(*) FROM office_document")
    return execute(statement)


def attempts(using: str) -> list[Attempt]:
    people = {user.username: user for user in User.objects.all()}
    clerk, auditor, manager = (people[f"{one}.north"] for one in ("carl", "ada", "mona"))
    nina = people["nina.north"]
    with connections[using].cursor() as cursor:
        cursor.execute("ANALYZE")  # so that there are statistics to read
    rows = load(using)
    home, away = (Tenant.objects.using(using).get(slug=one).pk for one in ("north", "harbour"))
    theirs = next(row.pk for row in rows[Document] if row.tenant_id == away)
    mine = next(row.pk for row in rows[Document] if row.owner_id == clerk.pk and not row.closed)

    def allowed(asker: User, model: type[Model], action: str) -> Callable[[Reply], bool]:
        """As many as has_perm and the policies allow."""
        return exactly(len(Django(asker, home, rows).allowed(model, action)))

    def only_ours(asker: User, model: type[Model], action: str) -> Callable[[Reply], bool]:
        """The same by key: none of another firm among them."""
        expected = Django(asker, home, rows).allowed(model, action)
        return lambda reply: (
            reply.count == len(expected)
            and postgresql_says.allowed(asker, home, model, action) == expected
        )

    user_table = User._meta.db_table
    return [
        Attempt("no context: raw SELECT", None, "SELECT * FROM office_document", refused),
        Attempt(
            "no context: SELECT invoices of all", None, "SELECT * FROM billing_invoice", refused
        ),
        Attempt(
            "what a request left on the connection",
            None,
            "SELECT * FROM office_document",
            refused,
            after_a_request,
        ),
        Attempt(
            "another firm's document by its key",
            manager,
            f"SELECT * FROM office_document WHERE id = {theirs}",
            nothing,
        ),
        Attempt(
            "another firm's documents by raw SQL",
            manager,
            f"SELECT * FROM office_document WHERE tenant_id = {away} OR tenant_id <> {home}",
            nothing,
        ),
        Attempt(
            "injected: ' OR 1=1 --",
            nina,
            "SELECT * FROM office_document WHERE title = '' OR 1=1 --'",
            only_ours(nina, Document, "view"),
        ),
        Attempt(
            "injected: UNION with password hashes",
            clerk,
            f"SELECT title FROM office_document UNION SELECT password FROM {user_table}",
            refused,
        ),
        Attempt(
            "move a document of one's own to another firm",
            clerk,
            f"UPDATE office_document SET tenant_id = {away} WHERE id = {mine}",
            refused,
        ),
        Attempt(
            "move everything, blind",
            manager,
            f"UPDATE billing_customer SET tenant_id = {away}",
            refused,
        ),
        Attempt(
            "blind UPDATE of all documents",
            clerk,
            "UPDATE office_document SET title = 'tried'",
            only_ours(clerk, Document, "change"),
        ),
        Attempt(
            "blind UPDATE without the permission",
            auditor,
            "UPDATE billing_customer SET name = 'tried'",
            refused,
        ),
        Attempt(
            "blind DELETE of all invoice lines",
            clerk,
            "DELETE FROM billing_invoiceline",
            only_ours(clerk, InvoiceLine, "delete"),
        ),
        Attempt(
            "blind DELETE without the permission", clerk, "DELETE FROM billing_customer", refused
        ),
        Attempt("TRUNCATE", manager, "TRUNCATE office_document CASCADE", refused),
        Attempt(
            "insert a customer into another firm",
            manager,
            "INSERT INTO billing_customer (tenant_id, name, city, email)"
            f" VALUES ({away}, 'x', 'x', '')",
            refused,
        ),
        Attempt(
            "comment in another's name",
            clerk,
            "INSERT INTO office_comment (document_id, author_id, text, made_at)"
            f" VALUES ({mine}, {manager.pk}, 'x', now())",
            refused,
        ),
        Attempt(
            "RESET ROLE, then SELECT",
            manager,
            "RESET ROLE; SELECT * FROM office_document",
            refused,
        ),
        Attempt(
            "become the owner",
            manager,
            f"SET ROLE {connection.ops.quote_name(owner_of('office_document'))}",
            refused,
        ),
        Attempt(
            "switch row security off",
            manager,
            "ALTER TABLE office_document DISABLE ROW LEVEL SECURITY",
            refused,
        ),
        Attempt(
            "row_security = off, then SELECT",
            manager,
            "SET LOCAL row_security = off; SELECT * FROM office_document",
            refused,
        ),
        Attempt("password hashes", manager, f"SELECT password FROM {user_table}", refused),
        Attempt("sessions", manager, "SELECT * FROM django_session", refused),
        Attempt(
            "guardian's grants", manager, "SELECT * FROM guardian_userobjectpermission", refused
        ),
        Attempt(
            "a forged grant",
            nina,
            "INSERT INTO guardian_userobjectpermission"
            " (user_id, permission_id, content_type_id, object_pk)"
            f" SELECT {nina.pk}, 1, 1, '{theirs}'",
            refused,
        ),
        Attempt(
            "a forged membership",
            nina,
            f"INSERT INTO {user_table}_groups (user_id, group_id) VALUES ({nina.pk}, 1)",
            refused,
        ),
        Attempt(
            "make oneself a superuser",
            nina,
            f"UPDATE {user_table} SET is_superuser = true WHERE id = {nina.pk}",
            refused,
        ),
        Attempt(
            "COPY TO: only what one sees",
            clerk,
            "COPY office_document TO STDOUT",
            allowed(clerk, Document, "view"),
            copy,
        ),
        Attempt(
            "COPY FROM",
            manager,
            "COPY billing_customer FROM '/dev/null'",
            refused,
        ),
        Attempt(
            "a function that tells rows before the policy",
            clerk,
            "SELECT count(*) FROM office_document WHERE pg_temp.tell(title)",
            allowed(clerk, Document, "view"),
            leak,
        ),
        Attempt(
            "the planner's statistics",
            manager,
            "SELECT most_common_vals FROM pg_stats WHERE tablename = 'billing_customer'",
            nothing,
        ),
        Attempt(
            "a policy of one's own",
            manager,
            "CREATE POLICY mine ON billing_customer USING (true)",
            refused,
        ),
    ]


def owner_of(table: str) -> str:
    """Everybody may read the catalog."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableowner FROM pg_tables WHERE tablename = %s", [table])
        return str(cursor.fetchone()[0])
