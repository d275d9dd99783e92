"""A tenant's own people use SQL: whatever they set or say, they see their tenant's rows alone."""

import io
import json
import os
import random
from contextlib import closing

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import strategies as st
from rls_perms.statements.row_security import Table, new_row_setting

from cases.models import Bill, Case, Client, Plan
from conftest import Group

NAME = settings.NAME
LOGIN = f"{NAME}_sql_acme"
EVERYTHING = [
    f"cases.{action}_{model}"
    for action in ("view", "add", "change", "delete")
    for model in ("case", "bill", "plan", "client")
]


def command(name, *arguments, **options):
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO(), no_color=True, **options)
    return out.getvalue()


def create(tenant="acme", *groups, **options):
    given = {"no_password": True, "open_tables": True, "group": list(groups), **options}
    return command("create_tenant_login", tenant, **given).strip()


def connect(login=LOGIN, **options):
    return psycopg.connect(dbname=NAME, user=login, autocommit=True, **options)


def administrator(statement):
    with psycopg.connect(dbname=NAME, autocommit=True) as own:
        found = own.execute(statement)
        return found.fetchall() if found.description else None


def drop_all():
    for (login,) in administrator(
        f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{NAME}\\_sql\\_%'"
    ):
        administrator(f'DROP ROLE "{login}"')
    administrator("DELETE FROM rls_perms.tenant_login")


@pytest.fixture
def leads(world):
    yield world.group("Leads", *EVERYTHING)
    drop_all()


@pytest.fixture
def login(world, leads):
    """A login of acme's with every right that a group can have."""
    with closing(connect(create("acme", "Leads", writable=True))) as connection:
        yield connection


# What it sees


def test_it_sees_its_tenants_rows_and_no_others(world, login):
    assert login.execute("SELECT title FROM cases_case").fetchall() == [("acme's",)]
    assert login.execute("SELECT name FROM cases_client").fetchall() == [("acme",)]
    assert login.execute("SELECT rls_perms.tenant_id(), rls_perms.user_id()").fetchall() == [
        (world.acme.pk, None)
    ]


def test_it_may_do_what_its_groups_may_in_its_tenant(world, login):
    assert login.execute("UPDATE cases_case SET title = 'new'").rowcount == 1
    assert login.execute("DELETE FROM cases_bill").rowcount == 1
    assert Case.objects.using("owner").get(client=world.globex).title == "globex's"
    assert Bill.objects.using("owner").count() == 1


def test_it_may_do_no_more_than_its_groups(world, leads):
    world.group("Readers", "cases.view_case")
    with closing(connect(create("acme", "Readers"))) as reader:
        assert reader.execute("SELECT title FROM cases_case").fetchall() == [("acme's",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT * FROM cases_bill")


def test_without_a_group_it_sees_what_everybody_does(world, leads):
    with closing(connect(create("acme"))) as one:
        assert one.execute("SELECT name FROM cases_client").fetchall() == [("acme",)]
        assert one.execute("SELECT * FROM cases_case").fetchall() == []


def test_it_has_no_user_so_a_policy_for_owners_shows_it_nothing(world, leads):
    ada = world.user("ada")
    world.make(Plan(client=world.acme, owner=ada, secret=True))
    with closing(connect(create("acme"))) as one:
        one.execute(f"SET rls_perms.user_id = '{ada.pk}'")

        assert one.execute("SELECT * FROM cases_plan").fetchall() == []


def test_no_setting_counts_for_it(world, login):
    login.execute(f"SET rls_perms.tenant_id = '{world.globex.pk}'")
    login.execute("SET rls_perms.user_id = '1'; SET rls_perms.anything = 'x'")

    assert login.execute(
        "SELECT rls_perms.tenant_id(), rls_perms.user_id(), rls_perms.setting('anything')"
    ).fetchall() == [(world.acme.pk, None, None)]
    assert login.execute("SELECT title FROM cases_case").fetchall() == [("acme's",)]


def test_what_it_says_is_a_new_row_shows_it_no_row_that_its_groups_do_not_see(world, leads):
    world.group("Readers", "cases.view_plan")
    secret = world.make(Plan(client=world.acme, secret=True))
    with closing(connect(create("acme", "Readers"))) as reader:
        reader.execute(f"SET {new_row_setting('rls_perms', Table('cases_plan'))} = '{secret.pk}'")

        assert reader.execute("SELECT * FROM cases_plan").fetchall() == []


def test_a_row_that_it_makes_comes_back_where_its_groups_see_it(world, login):
    assert login.execute(
        "INSERT INTO cases_bill (client_id, amount) VALUES (%s, 7) RETURNING amount",
        [world.acme.pk],
    ).fetchall() == [(7,)]


def test_a_right_that_its_group_loses_is_gone_at_once(world, login, leads):
    before = login.execute("SELECT count(*) FROM cases_bill").fetchone()
    Group.objects.get(pk=leads.pk).permissions.clear()

    assert before == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute("SELECT * FROM cases_bill")


def test_a_tenant_that_is_deleted_leaves_it_with_nothing(world, login):
    for model in (Case, Bill):
        model.objects.using("owner").filter(client=world.acme).delete()
    Client.objects.using("owner").filter(pk=world.acme.pk).delete()

    assert login.execute("SELECT * FROM cases_client").fetchall() == []
    command("sync_pg_roles")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute("SELECT * FROM cases_client")


# Every way round that somebody can compose


ROLES = ["lead", "reader", "everyone", "anonymous", "superuser", "system", "web", "boss"]


@st.composite
def statements(draw, world):
    """A few statements of what may be tried, in any order; the last is a look."""
    other, own = str(world.globex.pk), str(world.acme.pk)
    roles = [f"{NAME}_{one}" for one in ROLES]
    roles += [f"{NAME}_tenant_{other}", f"{NAME}_lead_tenant_{other}", "postgres", "none", LOGIN]
    role = st.sampled_from(roles)
    name = st.sampled_from(["rls_perms.tenant_id", "rls_perms.user_id", "rls_perms.proof", "role"])
    value = st.sampled_from([other, own, "", "1", f"{NAME}_lead", f"{NAME}_system"])
    look = st.sampled_from(LOOKS)
    table = st.sampled_from(["cases_case", "cases_bill", "cases_plan", "cases_client"])
    local = st.sampled_from(["", "LOCAL ", "SESSION "])
    step = st.one_of(
        st.builds(lambda how, n, v: f"SET {how}{n} = '{v}'", local, name, value),
        st.builds(lambda how, r: f'SET {how}ROLE "{r}"', local, role),
        st.builds(lambda r: f"SET SESSION AUTHORIZATION '{r}'", role),
        st.builds(lambda n, v: f"SELECT set_config('{n}', '{v}', false)", name, value),
        st.builds(
            lambda n, v, q: f"SELECT set_config('{n}', '{v}', true), {q}", name, value, look
        ),
        st.builds(
            lambda n, v: f"DO $$ BEGIN PERFORM set_config('{n}', '{v}', false); END $$", name, value
        ),
        st.builds(lambda r: f"DO $$ BEGIN EXECUTE 'SET ROLE \"{r}\"'; END $$", role),
        st.builds(lambda n, v: f"SELECT rls_perms.{n}('{v}', '{other}')", st.sampled_from(
            ["session_role", "make_session_role", "named_role_in_tenant", "make_named_role"]
        ), value),
        st.builds(lambda r: f"SELECT rls_perms.named_role('{r}')", st.sampled_from(ROLES)),
        st.builds(lambda t: f"CREATE TEMP VIEW v AS SELECT * FROM {t}; SELECT * FROM v", table),
        st.builds(
            lambda t, n, v: "CREATE OR REPLACE FUNCTION pg_temp.look() RETURNS SETOF "
            f"{t} LANGUAGE sql SET {n} = '{v}' AS 'SELECT * FROM {t}';"
            " SELECT * FROM pg_temp.look()",
            table, name, value,
        ),
        st.builds(
            lambda f: f"CREATE OR REPLACE FUNCTION pg_temp.{f}() RETURNS bigint LANGUAGE sql"
            f" AS 'SELECT {other}::bigint'; SET search_path = pg_temp, public, pg_catalog",
            st.sampled_from(["tenant_id", "login_tenant", "current_setting"]),
        ),
        st.builds(lambda t: f"UPDATE {t} SET id = id RETURNING *", table),
        st.builds(lambda t: f"SELECT * FROM {t} FOR UPDATE", table),
        st.builds(lambda t: f"COPY {t} TO STDOUT", table),
        st.builds(lambda t: f"UPDATE {t} SET client_id = {other} RETURNING *", table),
        st.builds(lambda t: f"ALTER TABLE {t} DISABLE ROW LEVEL SECURITY", table),
        st.builds(lambda t: f"PREPARE p AS SELECT * FROM {t}; EXECUTE p", table),
        st.builds(
            lambda t: f"DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {t}; FETCH ALL FROM c", table
        ),
        st.builds(lambda r: f"GRANT \"{r}\" TO {LOGIN}", role),
        st.builds(lambda r: f"ALTER ROLE {LOGIN} SET role = '{r}'", role),
        st.just(f"COMMENT ON ROLE {LOGIN} IS 'nobody'"),
        st.just(f"ALTER ROLE {LOGIN} RENAME TO {NAME}_other"),
        st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK", "RESET ALL", "RESET ROLE", "DISCARD ALL"]),
        st.just("SET row_security = off"),
        st.just("SELECT * FROM rls_perms.tenant_login"),
        st.just("UPDATE rls_perms.tenant_login SET tenant = '1' RETURNING *"),
        st.builds(lambda q: f"SELECT {q}", look),
    )  # fmt: skip
    return [*draw(st.lists(step, min_size=1, max_size=6)), *(f"SELECT {one}" for one in LOOKS)]


LOOKS = [
    "(SELECT string_agg(word, ' ')"
    " FROM ts_stat('SELECT to_tsvector(''simple'', title) FROM cases_case'))",
    # Where the server has libxml; others say no more than that there are rows.
    "query_to_xml('SELECT * FROM cases_case', true, false, '')::text",
    "(SELECT string_agg(one::text, ' ') FROM cases_case AS one)",
    "(SELECT string_agg(one::text, ' ') FROM cases_bill AS one)",
    "(SELECT string_agg(one::text, ' ') FROM cases_client AS one)",
    "table_to_xml('cases_bill', true, false, '')::text",
    "(SELECT string_agg(one::text, ' ') FROM cases_plan AS one)",
    "rls_perms.tenant_id()::text",
]
#: What stands in each row of globex's, and in none of acme's.
SECRET = "8800881"


def answers(connection, attempt):
    """All that PostgreSQL says to *attempt*, errors too, as text."""
    said = []
    cursor = connection.cursor()
    try:
        if attempt.startswith("COPY"):
            with cursor.copy(attempt) as copy:
                said += [bytes(one).decode() for one in copy]
            return said
        cursor.execute(attempt)
        while True:
            if cursor.description:
                said += [str(row) for row in cursor.fetchall()]
            if not cursor.nextset():
                return said
    except psycopg.Error as error:
        diagnosed = error.diag
        return [*said, str(diagnosed.message_primary), str(diagnosed.message_detail)]


@pytest.fixture
def marked(world):
    """Every row of globex's has the secret in it."""
    Case.objects.using("owner").filter(client=world.globex).update(title=SECRET)
    Bill.objects.using("owner").filter(client=world.globex).update(amount=int(SECRET))
    Client.objects.using("owner").filter(pk=world.globex.pk).update(name=SECRET)
    world.make(Plan(pk=int(SECRET), client=world.globex))
    world.make(Plan(client=world.acme))
    return world


BOUNDS = {"database": None, "deadline": None, "suppress_health_check": [*hypothesis.HealthCheck]}


def said_to(tried):
    """All that a new connection of the login's is told, in lines that have the secret."""
    with closing(connect()) as connection:
        said = [one for attempt in tried for one in answers(connection, attempt)]
    return [one for one in said if SECRET in one]


def as_it_stands():
    """What the statements of a login might have changed about it."""
    return administrator(
        "SELECT one::text, shobj_description(oid, 'pg_authid'),"
        " ARRAY(SELECT roleid FROM pg_auth_members WHERE member = oid ORDER BY 1)"
        f" FROM pg_roles AS one WHERE rolname = '{LOGIN}'"
    )


class Renewing:
    """The login of acme's, made anew when statements changed it: that takes longer than they do."""

    def __init__(self):
        self.made = None

    def __call__(self):
        if self.made is None or as_it_stands() != self.made:
            drop_all()
            create("acme", "Leads", writable=True)
            self.made = as_it_stands()


@pytest.fixture
def renew(marked, leads):
    return Renewing()


@hypothesis.settings(
    max_examples=int(os.environ.get("AGENCY_FUZZ", "200")), derandomize=True, **BOUNDS
)
@hypothesis.given(data=st.data())
def test_nothing_that_it_says_shows_a_row_of_another_tenant(marked, renew, data):
    tried = data.draw(statements(marked))
    renew()

    assert said_to(tried) == []


@pytest.fixture
def hole():
    """The tenant that a login sets counts before its own."""
    ((before,),) = administrator("SELECT pg_get_functiondef('rls_perms.tenant_id()'::regprocedure)")
    administrator(
        "CREATE OR REPLACE FUNCTION rls_perms.tenant_id() RETURNS bigint LANGUAGE sql STABLE"
        " RETURN coalesce(nullif(current_setting('rls_perms.tenant_id', true), ''),"
        " nullif(rls_perms.login_tenant(), ''))::bigint"
    )
    yield
    administrator(before)


def test_the_statements_would_find_a_hole(marked, renew, hole):
    renew()
    by_looks_alone = said_to(f"SELECT {look}" for look in LOOKS)

    def shows(tried):
        renew()
        return said_to(tried) != []

    found = hypothesis.find(
        statements(marked),
        shows,
        settings=hypothesis.settings(
            max_examples=200, phases=[hypothesis.Phase.generate], **BOUNDS
        ),
        random=random.Random(0),
    )

    assert by_looks_alone == []
    assert "rls_perms.tenant_id" in str(found)


# The commands


def test_the_login_has_a_limit_of_connections_and_starts_read_only(world, leads):
    create("acme", "Leads", connection_limit=2, statement_timeout="3s")
    with closing(connect()) as one, closing(connect()):
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            connect()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            one.execute("DELETE FROM cases_case")
        assert one.execute("SHOW statement_timeout").fetchone() == ("3s",)


def test_a_password_is_kept_as_a_verifier_and_logged_nowhere(world, leads, monkeypatch):
    monkeypatch.setenv("ANALYST_PASSWORD", "a secret")
    create("acme", "Leads", no_password=False, password_env="ANALYST_PASSWORD")

    ((kept,),) = administrator(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{LOGIN}'")
    assert kept.startswith("SCRAM-SHA-256$")


def test_a_password_is_asked_for_twice(world, leads, monkeypatch):
    answered = iter(["one", "another"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answered))

    with pytest.raises(CommandError, match="The passwords differ"):
        create("acme", "Leads", no_password=False)


@pytest.mark.parametrize(
    ("tenant", "options", "why"),
    [
        ("initech", {}, "There is no cases.Client with id or name 'initech'"),
        ("acme", {"group": ["Nobody"]}, "There is no group 'Nobody'. Known: Leads"),
        ("acme", {"login": "analyst"}, f"Call it {NAME}_analyst"),
        ("acme", {"login": f"{NAME}_lead"}, f"There is a role '{NAME}_lead' already"),
        ("acme", {"login": f"{NAME}_{'x' * 60}"}, "PostgreSQL keeps only 63"),
        ("acme", {"open_tables": False}, "accept it with --open-tables"),
        ("acme", {"no_password": False, "password_env": "NOT_SET"}, "has no 'NOT_SET'"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nothing(world, leads, tenant, options, why):
    with pytest.raises(CommandError) as refused:
        create(tenant, **options)

    assert why in str(refused.value)
    assert administrator("SELECT * FROM rls_perms.tenant_login") == []


def test_what_is_open_to_it_is_named(world, leads):
    with pytest.raises(CommandError) as refused:
        create("acme", open_tables=False)

    assert "cases_statistic" in str(refused.value)
    assert "username" in str(refused.value)


def test_the_list_tells_them_all(world, leads):
    create("acme", "Leads")
    create(str(world.globex.pk), login=f"{NAME}_sql_other", connection_limit=-1)

    lines = command("list_tenant_logins").splitlines()
    (first, second) = json.loads(command("list_tenant_logins", json=True))
    assert lines[0].startswith(f"{LOGIN}: tenant {world.acme.pk}; groups Leads; at most 5 connec")
    assert "any number of connections, 0 open" in lines[1]
    assert first["groups"] == ["Leads"]
    assert second["login"] == f"{NAME}_sql_other"


def test_a_login_that_is_dropped_loses_every_right_in_sessions_that_are_open(world, login):
    command("drop_tenant_login", LOGIN)

    with pytest.raises(psycopg.Error):
        login.execute(f"SET rls_perms.tenant_id = '{world.globex.pk}'; SELECT * FROM cases_case")
    assert command("list_tenant_logins") == "No tenant has a login.\n"


@pytest.mark.parametrize("name", [f"{NAME}_web", f"{NAME}_lead", "postgres", "nobody_at_all"])
def test_what_is_no_tenants_login_is_not_dropped(world, leads, name):
    with pytest.raises(CommandError, match="is no tenant's login"):
        command("drop_tenant_login", name)


# Sync


def test_sync_knows_them(world, login):
    assert "Nothing to do" in command("sync_pg_roles", check=True)
    assert LOGIN not in command("sync_pg_roles", plan=True, prune=True)


def test_sync_takes_back_what_somebody_gave_them(world, login):
    world.group("Readers", "cases.view_case")
    administrator(
        f"SET ROLE {NAME}_boss; GRANT {NAME}_reader TO {LOGIN}; RESET ROLE;"
        f" ALTER ROLE {LOGIN} CREATEROLE"
    )
    with pytest.raises(CommandError):
        command("sync_pg_roles", check=True)
    command("sync_pg_roles")

    assert administrator(
        f"SELECT rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname = '{LOGIN}'"
    ) == [(False, True)]
    assert "Nothing to do" in command("sync_pg_roles", check=True)


def test_the_login_of_a_tenant_that_is_gone_is_pruned(world, leads):
    create("acme", "Leads")
    for model in (Case, Bill, Client):
        model.objects.using("owner").all().delete()
    kept = command("sync_pg_roles")
    pruned = command("sync_pg_roles", prune=True)

    assert f"remove {LOGIN} in {NAME}_lead" in kept
    assert f"drop role {LOGIN} (tenant_login)" in pruned
    assert command("list_tenant_logins") == "No tenant has a login.\n"


def test_a_login_that_is_renamed_keeps_its_tenant(world, leads):
    create("acme", "Leads")
    administrator(f"ALTER ROLE {LOGIN} RENAME TO {NAME}_sql_renamed")
    with closing(connect(f"{NAME}_sql_renamed")) as one:
        one.execute(f"SET rls_perms.tenant_id = '{world.globex.pk}'")

        assert one.execute("SELECT title FROM cases_case").fetchall() == [("acme's",)]
