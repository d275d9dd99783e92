"""No statement of a session role tells what others are granted; run by tests/test_nasty.py."""

import re

import pytest
from django.db import DatabaseError, connection, connections, transaction
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from rls_perms import as_user
from tests.nasty.models import Big, Child, Firm, OfPeople, Parent, Small, Token, Word
from tests.nasty.world import OWNER, grant, make, person, sync_roles, team

pytestmark = pytest.mark.usefixtures("db")

#: A text among the grants of somebody else that is no key.
JUNK = "top secret"
FINDERS = (get_user_obj_perms_model, get_group_obj_perms_model)


class Office:
    """Plain has one row of each model; ann and her team have others, and grants on junk."""

    def __init__(self):
        self.firm = make(Firm(code="acme"))
        crew = team("Crew", "view_firm")
        adders = team("Adders", "add_token")
        self.plain = person("plain", firm=self.firm, teams=[adders])
        self.ann = person("ann", firm=self.firm, teams=[crew])
        self.mine, self.hers = {}, {}
        for model in (Small, Token, OfPeople, Parent, Child, Big, Word):
            view = f"view_{model._meta.model_name}"
            self.mine[model], self.hers[model] = self.row(model, 1), self.row(model, 2)
            grant(self.plain, view, self.mine[model])
            grant(self.ann, view, self.hers[model])
            grant(crew, view, self.hers[model])
            if get_user_obj_perms_model(model).objects.is_generic():
                grant(self.ann, view, self.hers[model], object_pk=JUNK)
        sync_roles()

    def row(self, model, number):
        match model():
            case Big():
                return make(Big(pk=number * 1000, firm=self.firm))
            case Word():
                return make(Word(word=f"word {number}"))
        return make(model(firm=self.firm))

    def own(self):
        """What plain may see in any view or table, as text."""
        return {str(row.pk) for row in self.mine.values()}

    def secrets(self):
        """What plain may see in no answer, message or plan."""
        unique = [self.hers[model] for model in (Token, Big, Word)]
        return [JUNK, str(self.ann.pk), *(str(row.pk) for row in unique)]


@pytest.fixture
def office(db):
    return Office()


@pytest.fixture
def plain(office):
    """A context of plain's, in one transaction that is rolled back."""
    with transaction.atomic(), as_user(office.plain):
        yield run
        transaction.set_rollback(True)


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def tried(statement, *parameters):
    """What *statement* answers, or the whole message of its error."""
    try:
        with transaction.atomic():
            return repr(run(statement, *parameters))
    except DatabaseError as error:
        cause = error.__cause__
        diag = getattr(cause, "diag", None)
        parts = [getattr(diag, name, None) for name in DETAILS]
        return "\n".join([str(error), *(part for part in parts if part)])


DETAILS = ("message_detail", "message_hint", "context", "internal_query")


def sources():
    """The views of grants, and the functions that policies read them by, as FROM takes them."""
    return [
        source
        for (source,) in run(
            "SELECT format('rls_perms.%I', relname) FROM pg_class"
            " WHERE relnamespace = 'rls_perms'::regnamespace AND relkind = 'v'"
            " UNION SELECT format('rls_perms.%I()', proname) FROM pg_proc"
            " WHERE pronamespace = 'rls_perms'::regnamespace AND starts_with(proname, 'granted_')"
            " ORDER BY 1"
        )
    ]


def says_nothing(office, text):
    return [secret for secret in office.secrets() if secret in text]


def test_views_and_functions_show_the_asking_users_keys_alone(office, plain):
    found = {key for source in sources() for (key,) in run(f"SELECT object_id::text FROM {source}")}

    assert found == office.own()


def test_who_may_view_all_children_is_told_of_no_other_firms(office):
    away = make(Child(firm=make(Firm(code="bolt"))))
    nurse = person("nurse", firm=office.firm, teams=[team("Nurses", "view_child")])
    sync_roles()

    with transaction.atomic(), as_user(nurse):
        found = {key for one in sources() for (key,) in run(f"SELECT object_id::text FROM {one}")}

    assert found == {str(row[Child].pk) for row in (office.mine, office.hers)}
    assert str(away.pk) not in found


def test_tables_of_grants_groups_and_memory_are_closed(office, plain):
    grants = {find(model)._meta.db_table for find in FINDERS for model in (None, OfPeople, Child)}
    closed = [*grants, "auth_group", "nasty_team", "rls_perms.gone", "rls_perms.role_map"]
    closed += ["nasty Person_groups", "auth_group_permissions", "django_session"]
    for table in closed:
        quoted = table if "." in table else f'"{table}"'
        for statement in (
            f"SELECT count(*) FROM {quoted}",
            f"DELETE FROM {quoted}",
            f"COPY {quoted} TO STDOUT",
            f"SELECT query_to_xml('SELECT * FROM {quoted}', true, true, '')",
            f"LOCK TABLE {quoted}",
        ):
            assert re.search("permission denied", tried(statement)), statement


PEEK = """
CREATE FUNCTION pg_temp.peek(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN RAISE NOTICE 'peek %', $1; RETURN true; END $$
"""


def test_a_filter_of_the_askers_own_is_run_on_no_row_of_others(office, plain):
    run(PEEK)
    noticed = []
    listen = connection.connection.add_notice_handler
    listen(lambda diagnostic: noticed.append(diagnostic.message_primary.removeprefix("peek ")))
    for setting in ("on", "off"):
        run(f"SET LOCAL enable_indexscan = {setting}")
        run(f"SET LOCAL enable_bitmapscan = {setting}")
        for source in sources():
            run(f"SELECT FROM {source} WHERE pg_temp.peek(object_id)")
            run(f"SELECT FROM {source} WHERE pg_temp.peek(object_id::text)")
        for model in office.mine:
            table, key = model._meta.db_table, model._meta.pk.column
            run(f'SELECT FROM "{table}" WHERE pg_temp.peek("{key}")')

    shown = office.own() | {str(office.mine[Child].pk)}
    assert noticed
    assert {*noticed} == shown


@pytest.mark.parametrize("command", ["view", "change", "delete"])
@pytest.mark.parametrize("branch", ["user", "group"])
def test_errors_of_casts_and_divisions_are_of_the_askers_own_keys(office, plain, command, branch):
    hers = office.hers[Big].pk
    for table, probe in (
        ("nasty_big", f"1 / (object_id - {hers}) = 0"),
        ("nasty_parent", f"1 / (object_id - {office.hers[Parent].pk}) = 0"),
        ("nasty_parent", f"1 / (object_id - {office.hers[Child].pk}) = 0"),
        ("nasty_ofpeople", f"1 / (object_id - {office.hers[OfPeople].pk}) = 0"),
    ):
        for source in (f"{table}_{command}_{branch}", f"granted_{command}_{table}()"):
            said = tried(f"SELECT object_id FROM rls_perms.{source} WHERE {probe}")
            assert said.startswith("["), said
    for source in sources():
        answer = tried(f"SELECT object_id::text::date FROM {source}")
        assert says_nothing(office, answer) == []


def test_junk_of_others_is_in_no_error_of_a_table(office, plain):
    for model in office.mine:
        table, key = model._meta.db_table, model._meta.pk.column
        for statement in (
            f'SELECT "{key}"::text::date FROM "{table}"',
            f'SELECT * FROM "{table}" WHERE "{key}"::text::numeric / 0 = 1',
            f"""UPDATE "{table}" SET "{key}" = "{key}" WHERE "{key}"::text::date = '2024-01-01'""",
            f'DELETE FROM "{table}" WHERE "{key}"::text::boolean',
        ):
            assert says_nothing(office, tried(statement)) == [], statement


def test_explain_shows_no_key_of_others_and_the_same_estimate_for_each(office):
    popular, lonely = "popular", "lonely"
    make(Word(word=popular))
    grants = get_user_obj_perms_model()
    for number in range(60):
        grant(person(f"many {number}"), "view_word", Word(word=popular))
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f'ANALYZE "{grants._meta.db_table}"')
    explain = (
        'EXPLAIN (FORMAT JSON) SELECT FROM rls_perms."nasty Word_view_user" WHERE object_id = %s'
    )
    with transaction.atomic(), as_user(office.plain):
        plans = [run(explain, word)[0][0] for word in (popular, lonely)]
        analyzed = "\n".join(
            tried(f'EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM "{model._meta.db_table}"')
            for model in office.mine
        )

    rows = [plan[0]["Plan"]["Plan Rows"] for plan in plans]
    assert rows[0] == rows[1]
    assert says_nothing(office, analyzed) == []


def test_statistics_are_not_shown(office):
    names = sorted({find(model)._meta.db_table for find in FINDERS for model in (None, OfPeople)})
    with connections[OWNER].cursor() as cursor:
        for name in names:
            cursor.execute(f'ANALYZE "{name}"')
    with transaction.atomic(), as_user(office.plain):
        assert run("SELECT * FROM pg_stats WHERE tablename = ANY (%s)", names) == []
        assert run("SELECT * FROM pg_stats WHERE schemaname = 'rls_perms'") == []


def test_sequences_tell_nothing_after_a_grant_to_the_creator(office):
    sequence = run_as_owner(
        "SELECT pg_get_serial_sequence(%s, 'id')", get_user_obj_perms_model()._meta.db_table
    )
    with transaction.atomic(), as_user(office.plain):
        Token.objects.create(firm=office.firm)

        for statement in (
            "SELECT lastval()",
            f"SELECT currval('{sequence}')",
            f"SELECT last_value FROM {sequence}",
            f"SELECT nextval('{sequence}')",
        ):
            assert "permission denied for sequence" in tried(statement)


def run_as_owner(statement, *parameters):
    with connections[OWNER].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]


def test_a_foreign_key_to_a_row_of_others_is_refused_as_one_to_none(office, plain):
    insert = "INSERT INTO nasty_line (token_id, text) VALUES (%s, 'x')"
    of_others = tried(insert, office.hers[Token].pk)
    of_none = tried(insert, "00000000-0000-0000-0000-000000000000")

    assert of_others == of_none
    assert "permission denied" in of_none or "row-level security" in of_none


def test_functions_of_the_library_cannot_be_called(office, plain):
    functions = run(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'rls_perms'::regnamespace"
        " AND proname NOT IN ('user_id', 'tenant_id', 'setting', 'login_tenant')"
    )

    callable_ones = [
        name
        for (name,) in functions
        if run("SELECT has_function_privilege(%s, 'EXECUTE')", name)[0][0]
    ]
    # What policies call for every new row of the asker's own, to know whether the asker is granted
    # many rows, and which.
    called = ("new_row", "grants_of_", "granted_")
    assert [name for name in callable_ones if not any(one in name for one in called)] == []


def test_a_plan_asks_for_the_grants_of_one_user_by_an_index(office, plain):
    run("SET LOCAL enable_seqscan = off")
    plans = [
        "\n".join(line for (line,) in run(f'EXPLAIN SELECT * FROM rls_perms."{view}"'))
        for view in ("nasty_small_view_user", "nasty_ofpeople_view_user", "nasty Word_view_user")
    ]

    assert [plan for plan in plans if "Index Cond" not in plan] == []
