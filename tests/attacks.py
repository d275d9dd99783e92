"""What somebody tries who can inject SQL into a view: each attack of docs/injection.md."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.test import override_settings

from rls_perms import as_user, signing
from rls_perms.conf import get_settings
from rls_perms.context import Asker, Context
from rls_perms.exceptions import RlsPermsError
from rls_perms.statements.row_security import Table, new_row_setting
from tests import people
from tests.deployments import PASSWORD, sync_pg_roles
from tests.office.models import Document, Ticket

#: What nobody of the attackers may read, and what somebody else may.
SECRET = "the secret"
THROUGH = "**gets through**"
NOTHING = "stopped: shown nothing"


@contextmanager
def settings_of(**given):
    """RLS_PERMS with other values, obeyed by new connections."""
    connections.close_all()
    with override_settings(RLS_PERMS={**settings.RLS_PERMS, **given}):
        yield
    connections.close_all()


@dataclass
class Scene:
    """Mallory, a clerk of acme, wants what managers of acme, or clerks of bolt, may read."""

    deployment: object

    def __post_init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group("Clerks", "office.view_ticket", "office.add_document")
        managers = people.group("Managers", "office.view_document", "office.view_ticket")
        self.mallory = people.user("mallory", tenant=self.acme, groups=[clerks])
        self.victim = people.user("victim", tenant=self.bolt, groups=[clerks])
        self.manager = people.user("manager", tenant=self.acme, groups=[managers])
        people.make(Ticket(tenant=self.acme, title="her own"))
        people.make(Ticket(tenant=self.bolt, title=SECRET))
        self.hidden = people.make(Document(tenant=self.acme, title=SECRET))
        people.make(Document(tenant=self.acme, title=SECRET))
        people.make(Document(tenant=self.bolt, title=SECRET, owner=self.victim))
        sync_pg_roles()

    @cached_property
    def words(self):
        setting = new_row_setting("rls_perms", Table("office_document"))
        return {
            "<prefix>": self.deployment.name,
            "<acme>": str(self.acme.pk),
            "<bolt>": str(self.bolt.pk),
            "<mallory>": str(self.mallory.pk),
            "<victim>": str(self.victim.pk),
            "<manager>": str(self.manager.pk),
            "<hidden>": str(self.hidden.pk),
            "<new>": setting,
        }

    def written(self, sql):
        for word, value in self.words.items():
            sql = sql.replace(word, value)
        return sql

    def inject(self, sql):
        """What Mallory is shown by *sql* in a statement of her request, or how it is stopped."""
        return self.outcome(self.shown, sql)

    def shown(self, sql):
        with as_user(self.mallory, settings={"region": "north"}), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(self.written(sql))
                rows = rows_of(cursor)
            transaction.set_rollback(True)
        return rows

    def outcome(self, attack, *given, **named):
        try:
            shown = attack(*given, **named)
        except (DatabaseError, RlsPermsError, psycopg.Error) as error:
            cause = error if isinstance(error, psycopg.Error) else error.__cause__
            return f"stopped: {cause.sqlstate}"
        return THROUGH if any(one in str(shown) for one in (SECRET, *self.keys)) else NOTHING

    @cached_property
    def keys(self):
        """What is secret of the keys, as SQL would show it."""
        found = self.deployment.rows(
            "SELECT encode(inside, 'hex') FROM rls_perms.signing_key"
            " UNION ALL SELECT encode(inside, 'hex') FROM rls_perms.proof_key"
        )
        return [one for (one,) in found]

    # What she might have from elsewhere

    def token(self, user, *, backend, **changed):
        """A token that the application made for *user*, for another request."""
        conf = get_settings()
        made = replace(conf, signed_seconds=changed.pop("seconds", conf.signed_seconds))
        database = changed.pop("database", self.deployment.name)
        context = Context(asker=Asker.USER, user=str(user.pk), tenant=str(user.tenant_id))
        signer = signing.Signer(made, database)
        return signer.token(context, backend=backend)

    def proof(self, user):
        """The proof of a request of *user* that has ended."""
        with as_user(user), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('rls_perms.proof', true)")
            return cursor.fetchone()[0]


def rows_of(cursor):
    """The rows of every statement of a message."""
    rows = []
    while True:
        if cursor.description:
            rows += cursor.fetchall()
        if not cursor.nextset():
            return rows


ALL = "SELECT title FROM office_ticket; SELECT title FROM office_document"
#: Enter by a token, as the library does.
ENTER = (
    "SELECT set_config('role', f.role, true), set_config('rls_perms.proof', f.proof, true)"
    " FROM rls_perms.enter({}) AS f; "
)
OWN_TOKEN = (
    "(SELECT substring(query FROM 'enter[(]''([0-9a-f]{64}[{].*?[}])''[)]')"
    " FROM pg_stat_activity WHERE pid = pg_backend_pid())"
)

#: Each attack that is SQL alone: what it is, and the statements.
INJECTED = {
    "a `UNION` onto other tables": (
        "SELECT title FROM office_ticket UNION SELECT title FROM office_document"
        " UNION SELECT password FROM office_user"
    ),
    "a blind condition on rows that are not shown": (
        "SELECT CASE WHEN EXISTS (SELECT FROM office_document WHERE title LIKE 'the%')"
        f" THEN '{SECRET}' END"
    ),
    "`RESET ROLE`, then protected tables": f"RESET ROLE; {ALL}",
    "`COMMIT`, then protected tables": f"COMMIT; {ALL}",
    "`RESET ROLE`, then tables of Django's framework": (
        f"RESET ROLE; SELECT replace(username, 'victim', '{SECRET}'), password FROM office_user"
    ),
    "`RESET ROLE`, then making oneself a superuser in them": (
        "RESET ROLE; UPDATE office_user SET is_superuser = true WHERE id = <mallory>"
        f" RETURNING '{SECRET}'"
    ),
    "`SET ROLE` to a role that sees more": f"SET ROLE <prefix>_manager; {ALL}",
    "`SET ROLE` to the system role": f"SET ROLE <prefix>_system; {ALL}",
    "`SET SESSION AUTHORIZATION`": f"SET SESSION AUTHORIZATION <prefix>_system; {ALL}",
    "`set_config('role', ..)`, and a query in a text (`ts_stat`) of the same": (
        f"SELECT replace(word, 'secret', '{SECRET}')"
        " FROM (SELECT set_config('role', '<prefix>_manager', true) OFFSET 0) AS become (role)"
        " CROSS JOIN LATERAL ts_stat('SELECT to_tsvector(''simple'', title) FROM office_document'"
        " || left(become.role, 0)) AS found"
    ),
    "a statement planned as another role, which is left before it runs": (
        "SET LOCAL ROLE <prefix>_manager; SELECT title"
        " FROM (SELECT set_config('role', '<prefix>_clerk', true) OFFSET 0) AS back (role)"
        " CROSS JOIN LATERAL (SELECT title FROM office_document WHERE back.role <> '') AS seen"
    ),
    "a prepared statement of another role": (
        "SET LOCAL ROLE <prefix>_manager; PREPARE p AS SELECT title FROM office_document;"
        " SET LOCAL ROLE <prefix>_clerk; EXECUTE p"
    ),
    "a cursor declared as another role, read as one's own": (
        "SET LOCAL ROLE <prefix>_manager; DECLARE c CURSOR FOR SELECT title FROM office_document;"
        " SET LOCAL ROLE <prefix>_clerk; FETCH ALL FROM c"
    ),
    "a temporary view of another role, read as one's own": (
        "SET LOCAL ROLE <prefix>_manager;"
        " CREATE TEMP VIEW v AS SELECT title FROM office_document; GRANT SELECT ON v TO PUBLIC;"
        " SET LOCAL ROLE <prefix>_clerk; SELECT title FROM v"
    ),
    "a function of another role, with its rights": (
        "SET LOCAL ROLE <prefix>_manager; CREATE FUNCTION pg_temp.f() RETURNS SETOF text"
        " LANGUAGE sql SECURITY DEFINER AS 'SELECT title::text FROM office_document';"
        " SET LOCAL ROLE <prefix>_clerk; SELECT pg_temp.f()"
    ),
    "`SET` of the tenant": f"SET rls_perms.tenant_id = '<bolt>'; {ALL}",
    "`SET` of the user": (
        f"SET rls_perms.user_id = '<victim>'; SET rls_perms.tenant_id = '<bolt>'; {ALL}"
    ),
    "`set_config` of the tenant while a statement reads": (
        "SELECT one.title FROM (SELECT set_config('rls_perms.tenant_id', '<bolt>', true) OFFSET 0)"
        " AS moved (tenant) CROSS JOIN LATERAL"
        " (SELECT title FROM office_ticket WHERE moved.tenant <> '') AS one"
    ),
    "`SET` of a value that policies read by `Setting`": (
        f"SET rls_perms.region = '{SECRET}'; SELECT rls_perms.setting('region')"
    ),
    "`session_role()` for another user": (
        "RESET ROLE; SELECT set_config('role', f.role, true),"
        " set_config('rls_perms.user_id', f.user_id, true)"
        " FROM rls_perms.session_role('<manager>', NULL) AS f; " + ALL
    ),
    "`make_session_role()` for another user": (
        "RESET ROLE; SELECT set_config('role', f.role, true)"
        " FROM rls_perms.make_session_role('<manager>', NULL) AS f; " + ALL
    ),
    "`named_role()`": (
        f"RESET ROLE; SELECT set_config('role', rls_perms.named_role('system'), true); {ALL}"
    ),
    "the key of another row in the list of new rows": (
        f"SELECT set_config('<new>', '<hidden>', true); {ALL}"
    ),
    "inserting the key of another row, and reading it": (
        "WITH made AS (INSERT INTO office_document (id, tenant_id, title, is_public, closed)"
        " OVERRIDING SYSTEM VALUE VALUES (<hidden>, <acme>, '', false, false)"
        " ON CONFLICT DO NOTHING RETURNING 1)"
        " SELECT (SELECT title FROM office_document WHERE id = <hidden> AND made.rows >= 0)"
        " FROM (SELECT count(*) AS rows FROM made) AS made"
    ),
    "the trigger of new rows on a table of one's own": (
        "CREATE TEMP TABLE mine (id bigint); CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW"
        " EXECUTE FUNCTION rls_perms.new_row_office_document();"
        f" INSERT INTO mine VALUES (<hidden>); {ALL}"
    ),
    "functions of one's own in `pg_temp`, first in the search path": (
        "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''x''::bytea';"
        " CREATE FUNCTION pg_temp.current_setting(text, boolean) RETURNS text LANGUAGE sql"
        " AS 'SELECT ''<bolt>''::text'; SET LOCAL search_path = pg_temp, public, pg_catalog;"
        f" {ALL}"
    ),
}

#: Those that go at what signing brings; they mean nothing where it is off.
AT_SIGNATURES = {
    "a forged token": f"RESET ROLE; {ENTER.format(chr(39) + '0' * 64 + '{}' + chr(39))}{ALL}",
    "one's own token, read from `pg_stat_activity`, with another user in it": (
        "RESET ROLE; "
        + ENTER.format(
            f'(SELECT replace({OWN_TOKEN}, \'"user":"<mallory>"\', \'"user":"<manager>"\'))'
        )
        + ALL
    ),
    "one's own token again: no more than oneself": f"RESET ROLE; {ENTER.format(OWN_TOKEN)}{ALL}",
    "one's own proof, with another role in it": (
        "SELECT set_config('rls_perms.proof', replace(current_setting('rls_perms.proof'),"
        f" '<prefix>_clerk', '<prefix>_manager'), true); SET LOCAL ROLE <prefix>_manager; {ALL}"
    ),
    "one's own proof, with another tenant in it": (
        "SELECT set_config('rls_perms.proof', replace(current_setting('rls_perms.proof'),"
        f" '\"<acme>\"', '\"<bolt>\"'), true); {ALL}"
    ),
    "one's own proof in the next transaction of the message: no more than oneself": (
        "SELECT set_config('rls_perms.proof', current_setting('rls_perms.proof'), false); COMMIT;"
        f" SET ROLE <prefix>_clerk; {ALL}"
    ),
    "`enter()` as a session role": f"{ENTER.format(chr(39) * 2)}{ALL}",
    "sealing something oneself": "SELECT rls_perms.sealed('proof', '{}')",
    "the application's keys from their table": (
        "RESET ROLE; SELECT encode(inside, 'hex') FROM rls_perms.signing_key"
    ),
    "the database's key from its table": "SELECT encode(inside, 'hex') FROM rls_perms.proof_key",
    "the keys from the text of functions": (
        "SELECT prosrc, pg_get_functiondef(oid) FROM pg_proc"
        " WHERE pronamespace = 'rls_perms'::regnamespace"
    ),
    "the keys from settings": "RESET ROLE; SELECT name, setting FROM pg_settings",
    "the keys from what other sessions run": "RESET ROLE; SELECT query FROM pg_stat_activity",
}


def by_token(scene, token):
    """Enter by a token that Mallory has from elsewhere."""
    return scene.inject(f"RESET ROLE; {ENTER.format(chr(39) + token + chr(39))}{ALL}")


def _own_backend():
    connection.ensure_connection()
    return connection.connection.info.backend_pid


def an_expired_token(scene):
    return by_token(scene, scene.token(scene.manager, backend=_own_backend(), seconds=-1))


def a_token_for_another_database(scene):
    return by_token(scene, scene.token(scene.manager, backend=_own_backend(), database="other"))


def a_stolen_token(scene):
    """Another session of the same login runs it, and Mallory reads what that runs."""
    conf = psycopg.conninfo.make_conninfo(
        dbname=scene.deployment.name, user=scene.deployment.web, password=PASSWORD
    )
    with psycopg.connect(conf, autocommit=True) as other:
        token = scene.token(scene.manager, backend=other.info.backend_pid)
        other.execute(f"SELECT role FROM rls_perms.enter('{token}')")
        stolen = "(SELECT substring(query FROM 'enter[(]''([0-9a-f]{64}[{].*?[}])''[)]')"
        stolen += f" FROM pg_stat_activity WHERE pid = {other.info.backend_pid})"
        return scene.inject(f"RESET ROLE; {ENTER.format(stolen)}{ALL}")


def a_stolen_token_without_backend(scene):
    with settings_of(SIGNED_CONTEXT=True, SIGNED_TO_BACKEND=False):
        return a_stolen_token(scene)


def a_proof_of_another_transaction(scene):
    proof = scene.proof(scene.manager)
    role = json.loads(proof[64:])["r"]
    return scene.inject(f"SET LOCAL rls_perms.proof = '{proof}'; SET LOCAL ROLE {role}; {ALL}")


def a_proof_of_another_backend(scene):
    with as_user(scene.manager), transaction.atomic(using="server_side"):
        with connections["server_side"].cursor() as cursor:
            cursor.execute("SELECT current_setting('rls_perms.proof', true)")
            [proof] = cursor.fetchone()
        role = json.loads(proof[64:])["r"]
        return scene.inject(f"SET LOCAL rls_perms.proof = '{proof}'; SET ROLE {role}; {ALL}")


def a_query_in_xml(scene):
    """
    ``query_to_xml`` of another role's rows, in the statement that takes on the role.

    A server without libxml reads the rows, and then says that it cannot write them (0A000): as
    much as that there are some. Of none it writes an empty document, as of Mallory's own.
    """
    reads = "query_to_xml('SELECT title FROM office_document' || left({}, 0), true, true, '')"
    own = scene.inject(f"SELECT {reads.format('current_user')}")
    become = "(SELECT set_config('role', '<prefix>_manager', true) OFFSET 0) AS become (role)"
    found = scene.inject(f"SELECT {reads.format('become.role')} FROM {become}")
    assert own == NOTHING
    return THROUGH if found == "stopped: 0A000" else found


def a_role_that_persists(scene):
    """The login may give itself a role for its connections to come."""
    web, system = scene.deployment.web, scene.deployment.role("system")
    try:
        with as_user(scene.mallory), connection.cursor() as cursor:
            cursor.execute(f"RESET ROLE; ALTER ROLE {web} SET role = {system}")
        return scene.outcome(scene.deployment.rows, ALL.partition(";")[0], user=web)
    finally:
        scene.deployment.rows(f"ALTER ROLE {web} RESET role")


def a_savepoint_of_another_context(scene):
    """Whoever wrote the view ran something as the manager before, and then an atomic block."""
    with transaction.atomic():
        with as_user(scene.manager):
            Document.objects.count()
            savepoint = transaction.savepoint()
        found = scene.outcome(in_the_middle, scene, f"ROLLBACK TO SAVEPOINT {savepoint}; {ALL}")
        transaction.set_rollback(True)
    return found


def a_cursor_of_another_context(scene):
    """The view goes through the manager's rows, and asks for Mallory between them."""
    with transaction.atomic():
        with as_user(scene.manager), connection.chunked_cursor() as rows:
            rows.execute("SELECT title FROM office_document")
            rows.fetchone()
            fetch = f'FETCH ALL FROM "{rows.cursor.name}"'
            found = scene.outcome(in_the_middle, scene, fetch)
        transaction.set_rollback(True)
    return found


def in_the_middle(scene, sql):
    """What Mallory is shown in a transaction that is open already."""
    with as_user(scene.mallory), connection.cursor() as cursor:
        cursor.execute(sql)
        return rows_of(cursor)


BY_HAND = {
    "back to a savepoint that another context made in this transaction": (
        a_savepoint_of_another_context
    ),
    "an open cursor of another context in this transaction": a_cursor_of_another_context,
    "`set_config('role', ..)`, and `query_to_xml` of the same": a_query_in_xml,
    "`ALTER ROLE` login `SET role`, for connections to come": a_role_that_persists,
}
BY_HAND_AT_SIGNATURES = {
    "an expired token": an_expired_token,
    "a token for another database": a_token_for_another_database,
    "a token stolen from what another session runs": a_stolen_token,
    "the same with `SIGNED_TO_BACKEND` `False`": a_stolen_token_without_backend,
    "a proof of another user, of a transaction that has ended": a_proof_of_another_transaction,
    "a proof of another user, of another backend": a_proof_of_another_backend,
}
