"""The login role may do almost nothing, and nobody gets round the functions that it may call."""

import re

import psycopg
import pytest
from django.db import connection, connections

from rls_perms import as_user
from rls_perms.exceptions import PermissionDenied
from rls_perms.sync import install
from tests import deployments, people
from tests.deployments import sync_pg_roles
from tests.office.models import Ticket, User
from tests.signed import SIGNED, unsigned_only

#: Each protected table, with its key.
PROTECTED = {
    "office_ticket": "id",
    "office_project": "id",
    "office_document": "id",
    "office_contract": "id",
    "office_tag": "slug",
    "office_case": "id",
    "office_task": "id",
    "office_employee": "id",
    "office_payslip": "id",
    "library_book": "id",
    "library_book_labels": "id",
    "studio_client": "id",
    "studio_campaign": "id",
    "studio_campaign_partners": "id",
    "studio_poster": "id",
}
STATEMENTS = [
    "SELECT * FROM {table}",
    "SELECT {key} FROM {table}",
    "SELECT count(*) FROM {table}",
    "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE {table} SET {key} = {key}",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "COPY {table} TO STDOUT",
]
ALL_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture(scope="module")
def deployment():
    """A migrated database with people of every kind, and roles for all of them."""
    with deployments.empty() as made:
        deployments.migrate()
        acme = people.tenant("acme")
        may = [f"office.{one}_ticket" for one in ("view", "add", "change")]
        clerks = people.group("Clerks", *may)
        managers = people.group("Managers", "office.delete_ticket", "office.view_task")
        odd = people.group("Odd Ones", "office.view_document")
        people.user("clerk", tenant=acme, groups=[clerks])
        people.user("both", tenant=acme, groups=[clerks, managers, odd])
        people.user("direct", tenant=acme, permissions=["office.view_contract"])
        people.user("plain", tenant=acme)
        people.user("boss", is_superuser=True)
        people.user("gone", is_active=False, groups=[clerks])
        people.make(Ticket(tenant=acme, title="one"))
        sync_pg_roles()
        yield made


@pytest.fixture
def ours(deployment):
    """Every role of ours: what may be run as, and the parts."""
    return [deployment.role(short) for short in sorted(deployment.roles())]


def user_id(deployment, name):
    return deployment.value("SELECT id::text FROM office_user WHERE username = %s", name)


def test_the_tables_named_here_are_all_that_are_protected(deployment):
    assert {
        name for (name,) in deployment.rows("SELECT relname FROM pg_class WHERE relrowsecurity")
    } == {*PROTECTED}


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("table", PROTECTED)
def test_without_a_context_protected_tables_are_closed(deployment, table, statement):
    statement = statement.format(table=table, key=PROTECTED[table])

    with connection.cursor() as cursor, pytest.raises(PermissionDenied, match="permission denied"):
        cursor.execute(statement)


@pytest.mark.parametrize("privilege", ALL_PRIVILEGES)
def test_the_login_holds_no_privilege_on_a_protected_table(deployment, privilege):
    assert (
        deployment.rows(
            "SELECT relname FROM pg_class WHERE relrowsecurity"
            " AND has_table_privilege(%s, oid, %s)",
            deployment.web,
            privilege,
        )
        == []
    )


@pytest.mark.parametrize("privilege", ["SELECT", "INSERT", "UPDATE", "REFERENCES"])
def test_the_login_holds_no_privilege_on_a_column_of_a_protected_table(deployment, privilege):
    assert (
        deployment.rows(
            "SELECT relname FROM pg_class"
            " WHERE relrowsecurity AND has_any_column_privilege(%s, oid, %s)",
            deployment.web,
            privilege,
        )
        == []
    )


def test_the_login_owns_nothing(deployment):
    assert (
        deployment.value(
            "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = %s::regrole",
            deployment.web,
        )
        == 0
    )


def test_the_login_inherits_no_role_of_the_project(deployment, ours):
    assert len(ours) > 8
    assert [
        name
        for name in ours
        if deployment.value("SELECT pg_has_role(%s, %s, 'USAGE')", deployment.web, name)
    ] == []


def test_the_login_may_become_each_session_role(deployment, ours):
    parts = [name for name in ours if name.startswith(deployment.role("can_"))]
    become = [
        name
        for name in ours
        if deployment.value("SELECT pg_has_role(%s, %s, 'MEMBER')", deployment.web, name)
    ]

    assert {*become} >= {*ours} - {*parts}


def test_every_membership_of_the_login_is_without_inherit_and_admin(deployment):
    if deployment.value("SELECT current_setting('server_version_num')::int") < 160000:
        expected = {(False,)}
        options = "admin_option"
    else:
        expected = {(False, False, True)}
        options = "admin_option, inherit_option, set_option"
    found = deployment.rows(
        f"SELECT DISTINCT {options} FROM pg_auth_members WHERE member = %s::regrole",
        deployment.web,
    )

    assert {*found} == expected


def test_what_the_login_inherits_before_postgresql_16_is_its_own_attribute(deployment):
    assert (
        deployment.value("SELECT rolinherit FROM pg_roles WHERE rolname = %s", deployment.web)
        is False
    )


@pytest.mark.parametrize("privilege", ["TRUNCATE", "REFERENCES", "TRIGGER"])
def test_no_role_of_ours_may_truncate_refer_or_trigger_anywhere(deployment, ours, privilege):
    assert (
        deployment.rows(
            "SELECT rolname, relname FROM pg_class, pg_roles WHERE relkind IN ('r', 'v', 'p')"
            " AND relnamespace::regnamespace::text IN ('public', 'rls_perms')"
            " AND rolname = ANY (%s)"
            " AND has_table_privilege(rolname, pg_class.oid, %s)",
            ours,
            privilege,
        )
        == []
    )


def test_no_role_of_ours_reads_a_password_a_session_or_a_grant(deployment, ours):
    assert (
        deployment.rows(
            "SELECT rolname, relname FROM pg_class, pg_roles"
            " WHERE rolname = ANY (%s) AND relname IN"
            " ('django_session', 'guardian_userobjectpermission', 'guardian_groupobjectpermission',"
            " 'auth_group_permissions', 'office_user_groups')"
            " AND has_any_column_privilege(rolname, pg_class.oid, 'SELECT')",
            ours,
        )
        == []
    )
    assert (
        deployment.rows(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)"
            " AND has_column_privilege(rolname, 'office_user', 'password', 'SELECT')",
            ours,
        )
        == []
    )


# Functions


def test_public_may_call_no_function_of_the_library(deployment):
    assert (
        deployment.rows(
            "SELECT proname FROM pg_proc,"
            " aclexplode(coalesce(proacl, acldefault('f', proowner)))"
            " WHERE pronamespace = 'rls_perms'::regnamespace AND grantee = 0"
        )
        == []
    )


def test_functions_are_closed_to_public_as_soon_as_they_are_made():
    with deployments.empty() as other:
        install(connections["owner"])

        assert (
            other.rows(
                "SELECT proname FROM pg_proc,"
                " aclexplode(coalesce(proacl, acldefault('f', proowner)))"
                " WHERE pronamespace = 'rls_perms'::regnamespace AND grantee = 0"
            )
            == []
        )


def test_every_function_with_the_owners_rights_has_a_fixed_search_path(deployment):
    found = deployment.rows(
        "SELECT proname::text, proconfig FROM pg_proc"
        " WHERE pronamespace = 'rls_perms'::regnamespace AND prosecdef"
    )

    assert {name for name, _ in found} >= {"session_role", "make_session_role"}
    assert {tuple(config or ()) for _, config in found} == {("search_path=pg_catalog, pg_temp",)}


def test_no_role_of_ours_may_call_a_function_with_the_owners_rights(deployment, ours):
    found = deployment.rows(
        "SELECT DISTINCT proname::text FROM pg_roles, pg_proc"
        " WHERE rolname = ANY (%s) AND prosecdef AND pronamespace = 'rls_perms'::regnamespace"
        " AND has_function_privilege(rolname, pg_proc.oid, 'EXECUTE')",
        ours,
    )

    # What reads the context, where it is signed: they take nothing from who calls them.
    proving = {"proven", "proven_for", "is_new_row"} if SIGNED else set()
    assert {name for (name,) in found} == proving


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT rls_perms.session_role('1', NULL)",
        "SELECT rls_perms.make_session_role('1', NULL)",
        "SELECT rls_perms.role_settings('x')",
        "SELECT rls_perms.named_role('system')",
        "SELECT rls_perms.ensure_role('x', 'y')",
        "SELECT rls_perms.drop_policies('office_ticket')",
        "SELECT * FROM rls_perms.role_map",
        "SELECT * FROM rls_perms.installation",
        "INSERT INTO rls_perms.role_map VALUES ('part', 'g1', 'x')",
        "CREATE TABLE rls_perms.mine (id int)",
        "CREATE TABLE public.mine (id int)",
    ],
)
@pytest.mark.parametrize("name", ["both", "plain", "boss"])
def test_a_session_may_not_look_behind_its_context(deployment, name, statement):
    user = User.objects.using("owner").get(username=name)

    with (
        as_user(user, tenant=user.tenant_id),
        connection.cursor() as cursor,
        pytest.raises(PermissionDenied, match="permission denied"),
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT rls_perms.ensure_role('x', 'y')",
        "SELECT rls_perms.drop_policies('office_ticket')",
        "SELECT * FROM rls_perms.role_map",
        "SELECT * FROM rls_perms.installation",
        "UPDATE rls_perms.role_map SET role = 'x'",
        "CREATE TABLE rls_perms.mine (id int)",
        "CREATE ROLE mine",
    ],
)
def test_the_login_may_only_ask_for_a_role(deployment, statement):
    with connection.cursor() as cursor, pytest.raises(PermissionDenied, match="permission denied"):
        cursor.execute(statement)


# make_session_role


def called(deployment, asker, tenant=None):
    """What make_session_role answers the login; or enter(), which calls it as the owner."""
    [found] = deployment.rows(
        "SELECT role, user_id FROM rls_perms.make_session_role(%s, %s)",
        asker,
        tenant,
        user=deployment.boss if SIGNED else deployment.web,
    )
    return found


@pytest.mark.parametrize("name", ["clerk", "both", "direct", "plain", "boss", "gone"])
def test_make_session_role_makes_nothing_for_who_has_a_role(deployment, name):
    before = deployment.snapshot()
    called(deployment, user_id(deployment, name))

    assert deployment.snapshot() == before


@pytest.mark.parametrize("asker", ["0", "-1", "999999999", "9223372036854775807"])
def test_make_session_role_answers_anonymous_for_unknown_users(deployment, asker):
    before = deployment.snapshot()

    assert called(deployment, asker) == (deployment.role("anonymous"), "")
    assert deployment.snapshot() == before


@pytest.mark.parametrize(
    "asker",
    [
        "1; DROP TABLE office_ticket",
        "1) OR true --",
        "' OR ''='",
        "1 OR 1=1",
        "",
        "NULL",
        "x",
        "9223372036854775808",
        "1,2",
        "g1",
    ],
)
def test_make_session_role_takes_no_text_for_a_user(deployment, asker):
    before = deployment.snapshot()

    with pytest.raises(psycopg.errors.DataError):
        called(deployment, asker)
    assert deployment.snapshot() == before


@pytest.mark.parametrize("tenant", ["x", "'; DROP TABLE office_ticket; --", "", "1"])
def test_make_session_role_takes_nothing_from_the_tenant(deployment, tenant):
    before = deployment.snapshot()
    role, _ = called(deployment, user_id(deployment, "clerk"), tenant)

    assert role == deployment.role("clerk")
    assert deployment.snapshot() == before


def test_make_session_role_makes_one_role_that_belongs_to_its_parts(deployment):
    clerks, odd = people.group("Clerks"), people.group("Odd Ones")
    user = people.user("newcomer", groups=[clerks, odd])
    before = deployment.roles()
    role, _ = called(deployment, str(user.pk))

    assert deployment.roles() - before == {role.removeprefix(f"{deployment.name}_")}
    assert {
        name
        for (name,) in deployment.rows(
            "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole", role
        )
    } == {deployment.role(one) for one in ("clerk", "odd_ones", "everyone")}
    assert deployment.rows(
        "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication"
        " FROM pg_roles WHERE rolname = %s",
        role,
    ) == [(False,) * 6]


@unsigned_only
def test_make_session_role_is_not_fooled_by_a_search_path_or_temporary_objects(deployment):
    with psycopg.connect(
        dbname=deployment.name, user=deployment.web, password=deployments.PASSWORD, autocommit=True
    ) as web:
        web.execute("CREATE TEMP TABLE pg_roles AS SELECT * FROM pg_catalog.pg_roles")
        web.execute(
            "CREATE FUNCTION pg_temp.format(text, text) RETURNS text LANGUAGE sql"
            f" AS $$ SELECT 'GRANT {deployment.boss} TO {deployment.web}' $$"
        )
        web.execute("SET search_path = pg_temp, pg_catalog, public")
        user = people.user("fooled", groups=[people.group("Managers"), people.group("Odd Ones")])
        web.execute("SELECT rls_perms.make_session_role(%s, NULL)", [str(user.pk)])

    assert (
        deployment.value("SELECT pg_has_role(%s, %s, 'MEMBER')", deployment.web, deployment.boss)
        is False
    )


def test_the_text_of_the_functions_quotes_every_name_that_it_executes(deployment):
    sources = deployment.rows(
        "SELECT prosrc FROM pg_proc WHERE pronamespace = 'rls_perms'::regnamespace"
    )
    executed = [text for (source,) in sources for text in re.findall(r"EXECUTE ([^;]*);", source)]

    assert executed
    assert all(text.lstrip().startswith("format(") for text in executed)
    assert not [text for text in executed if "||" in text]
    # A regclass and a regprocedure quote themselves, as does PostgreSQL's text of a function.
    quoted = re.compile(
        r"target|, part\b|::regclass|::regprocedure|'%s', reader\.definition|, reader\b"
    )
    assert not [text for text in executed if "%s" in text and not quoted.search(text)]
