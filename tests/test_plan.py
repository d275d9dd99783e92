"""The difference of two states, and the state that groups and permissions ask for."""

import pytest

from rls_perms.desired import Auth, Protection, Tables, Wanted, desired_state
from rls_perms.exceptions import PlanError
from rls_perms.grants import DatabaseObject, Grant, Membership
from rls_perms.keywords import Attribute, Command, ObjectKind, Privilege, RoleKind
from rls_perms.plan import (
    AddMembership,
    CreateRole,
    Define,
    Forget,
    GrantPrivileges,
    MarkRole,
    Plan,
    Record,
    RemoveMembership,
    RenameRole,
    ResetRole,
    RevokePrivileges,
    diff,
)
from rls_perms.roles import Role, RoleNames
from rls_perms.state import Definition, Entry, State
from rls_perms.statements.row_security import Relation, Table

TABLE = DatabaseObject(ObjectKind.TABLE, "public", "item")
NAMES = RoleNames("acme", "shop", {"Managers": "manager"})
ITEM = Protection(
    relation=Relation(Table("item", "public"), ("id", "name"), visible=True),
    permissions={f"shop.{one.action}_item": one for one in Command},
    ungated={},
    asked=frozenset(),
    groups=frozenset(),
    views=(),
    reads=(),
    key_columns=("id",),
)
EMPTY = State()


def role(name, kind=RoleKind.GROUP, id=None, bound=None, amiss=()):
    return Role(name, NAMES.mark(kind, id, bound), amiss)


def state(**parts):
    return State(**{name: frozenset(values) for name, values in parts.items()})


def grant(role_name, privilege, column="", **more):
    return Grant(role_name, TABLE, privilege, column, **more)


def tables(*protections, **more):
    parts = {"readable": (), "framework": (), "open": (), "closed": (), "login_reads": ()}
    return Tables(protected=protections, **parts | more)


def wanted(groups=(), combinations=(), protections=(ITEM,), names=NAMES, **more):
    """*groups* are (key, name, permissions); permission ids are those of their order."""
    held = {key: frozenset(permissions) for key, _, permissions in groups}
    known = [f"shop.{action}_item" for action in ("view", "add", "change", "delete")]
    return Wanted(
        names=names,
        auth=Auth(
            groups={key: name for key, name, _ in groups},
            group_permissions=held,
            combinations=frozenset((*one, None) for one in combinations),
            permission_ids={name: str(number) for number, name in enumerate(known, 1)},
        ),
        tables=tables(*protections),
        logins=("web",),
        **more,
    )


def combination(groups=(), permissions=()):
    return frozenset(groups), frozenset(permissions)


def of_kind(plan, kind):
    return [change for change in plan if isinstance(change, kind)]


def named(found, kind, id):
    [one] = [one for one in found.roles if one.mark.kind is kind and one.mark.id == id]
    return one.name


# diff


def test_two_equal_states_need_nothing():
    one = state(
        roles=[role("acme_clerk")],
        memberships=[Membership("acme_clerk", "web", False, True)],
        grants=[grant("acme_clerk", Privilege.SELECT)],
        entries=[Entry("part", "g1", "acme_clerk")],
    )

    assert diff(one, one) == Plan()


def test_an_empty_plan_is_false():
    assert not Plan()


def test_an_empty_database_needs_everything_in_an_order_that_works():
    desired = state(
        roles=[role("acme_clerk")],
        memberships=[Membership("acme_clerk", "web", False, True)],
        grants=[grant("acme_clerk", Privilege.SELECT)],
        definitions=[Definition("functions", "1")],
        entries=[Entry("part", "g1", "acme_clerk")],
    )
    kinds = [type(change) for change in diff(EMPTY, desired)]

    assert kinds == [CreateRole, Define, AddMembership, GrantPrivileges, Record]


def test_what_nothing_asks_for_is_taken_before_anything_is_given():
    actual = state(
        roles=[role("acme_clerk")],
        memberships=[Membership("acme_clerk", "mallory", True, True)],
        grants=[grant("acme_clerk", Privilege.DELETE)],
        entries=[Entry("part", "g1", "acme_clerk")],
    )
    desired = state(
        roles=[role("acme_clerk"), role("acme_boss")], grants=[grant("acme_boss", Privilege.SELECT)]
    )
    kinds = [type(change) for change in diff(actual, desired)]

    assert kinds == [RemoveMembership, RevokePrivileges, Forget, CreateRole, GrantPrivileges]


def test_a_role_that_stands_for_nothing_any_more_loses_all_and_stays():
    actual = state(
        roles=[role("acme_clerk")],
        memberships=[Membership("acme_clerk", "web", False, True)],
        grants=[grant("acme_clerk", Privilege.SELECT)],
    )

    assert {type(one) for one in diff(actual, EMPTY)} == {RemoveMembership, RevokePrivileges}


def test_a_membership_with_other_options_is_made_again():
    actual = state(memberships=[Membership("acme_clerk", "web", True, True, grantor="boss")])
    desired = state(memberships=[Membership("acme_clerk", "web", False, True)])
    plan = diff(actual, desired)

    assert of_kind(plan, RemoveMembership)[0].membership.grantor == "boss"
    assert of_kind(plan, AddMembership)[0].membership.inherit is False


def test_a_membership_with_admin_option_is_made_again_without():
    actual = state(memberships=[Membership("acme_clerk", "web", False, True, admin=True)])
    desired = state(memberships=[Membership("acme_clerk", "web", False, True)])

    assert len(diff(actual, desired)) == 2


def test_who_granted_a_wanted_membership_does_not_matter():
    actual = state(memberships=[Membership("acme_clerk", "web", False, True, grantor="dba")])
    desired = state(memberships=[Membership("acme_clerk", "web", False, True)])

    assert not diff(actual, desired)


def test_a_privilege_with_grant_option_is_made_again_without():
    actual = state(grants=[grant("acme_clerk", Privilege.SELECT, grantable=True)])
    desired = state(grants=[grant("acme_clerk", Privilege.SELECT)])
    kinds = [type(change) for change in diff(actual, desired)]

    assert kinds == [RevokePrivileges, GrantPrivileges]


def test_columns_are_granted_again_after_a_revoke_on_their_table():
    columns = grant("acme_clerk", Privilege.SELECT, "id")
    actual = state(grants=[columns, grant("acme_clerk", Privilege.SELECT)])
    plan = diff(actual, state(grants=[columns]))

    assert of_kind(plan, RevokePrivileges)[0].columns == ()
    assert of_kind(plan, GrantPrivileges)[0].columns == ("id",)


def test_columns_of_another_privilege_are_left_alone_by_a_revoke():
    columns = grant("acme_clerk", Privilege.UPDATE, "id")
    actual = state(grants=[columns, grant("acme_clerk", Privilege.SELECT)])

    assert of_kind(diff(actual, state(grants=[columns])), GrantPrivileges) == []


def test_what_another_role_granted_is_revoked_by_itself():
    mine = grant("acme_clerk", Privilege.SELECT)
    actual = state(grants=[mine, grant("acme_clerk", Privilege.SELECT, grantor="dba")])
    [change] = diff(actual, state(grants=[mine]))

    assert (type(change), change.grantor) == (RevokePrivileges, "dba")


def test_privileges_on_one_object_are_one_statement():
    privileges = [Privilege.SELECT, Privilege.INSERT]
    desired = state(grants=[grant("acme_clerk", one) for one in privileges])
    [change] = diff(EMPTY, desired)

    assert set(change.privileges) == set(privileges)


def test_a_renamed_group_renames_its_generated_role():
    actual = state(
        roles=[role("acme_old", id="7")],
        grants=[grant("acme_old", Privilege.SELECT)],
        entries=[Entry("part", "g7", "acme_old")],
    )
    desired = state(
        roles=[role("acme_new", id="7")],
        grants=[grant("acme_new", Privilege.SELECT)],
        entries=[Entry("part", "g7", "acme_new")],
    )

    assert list(diff(actual, desired)) == [
        RenameRole("acme_old", "acme_new"),
        Forget(Entry("part", "g7", "acme_old")),
        Record(Entry("part", "g7", "acme_new")),
    ]


def test_a_role_is_not_renamed_to_a_name_that_is_taken():
    actual = state(roles=[role("acme_old", id="7"), role("acme_new", id="8")])
    desired = state(roles=[role("acme_new", id="7")])

    assert [type(one) for one in diff(actual, desired)] == [MarkRole]


def test_two_groups_that_swap_names_swap_marks():
    actual = state(roles=[role("acme_a", id="1"), role("acme_b", id="2")])
    desired = state(roles=[role("acme_a", id="2"), role("acme_b", id="1")])

    assert [type(one) for one in diff(actual, desired)] == [MarkRole, MarkRole]


def test_a_role_with_an_attribute_that_it_must_not_have_is_reset():
    actual = state(roles=[role("acme_clerk", amiss=(Attribute.NOLOGIN, Attribute.NOBYPASSRLS))])
    [change] = diff(actual, state(roles=[role("acme_clerk")]))

    assert change == ResetRole("acme_clerk", (Attribute.NOLOGIN, Attribute.NOBYPASSRLS))


def test_a_role_without_our_mark_is_refused():
    with pytest.raises(PlanError, match=r"'acme_clerk'.*lacks our mark, so it is never altered"):
        diff(state(foreign=["acme_clerk"]), state(roles=[role("acme_clerk")]))


def test_a_role_without_our_mark_that_nothing_wants_is_left_alone():
    assert not diff(state(foreign=["acme_web"]), EMPTY)


def test_a_role_of_another_database_is_refused_with_its_name():
    other = Role("acme_clerk", RoleNames("acme", "other_shop", {}).mark(RoleKind.GROUP))
    with pytest.raises(PlanError, match=r"belongs to the database 'other_shop'.*ROLE_PREFIX"):
        diff(state(elsewhere=[other]), state(roles=[role("acme_clerk")]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (CreateRole(role("acme_clerk")), "create role acme_clerk (group)"),
        (RenameRole("a", "b"), "rename role a to b"),
        (AddMembership(Membership("acme_clerk", "web", False, True)), "add web in acme_clerk"),
        (
            GrantPrivileges("acme_clerk", TABLE, (Privilege.SELECT,), ("id", "name")),
            "grant SELECT (id, name) on table public.item to acme_clerk",
        ),
        (
            RevokePrivileges("public", TABLE, (Privilege.SELECT, Privilege.INSERT)),
            "revoke SELECT, INSERT on table public.item from public",
        ),
    ],
)
def test_a_change_reads_as_a_person_would_say_it(change, said):
    assert str(change) == said


# desired_state


def test_a_permission_of_a_group_is_a_privilege_of_its_role():
    found = desired_state(wanted([("1", "Managers", ["shop.view_item"])]), EMPTY)

    assert grant("acme_manager", Privilege.SELECT) in found.grants


@pytest.mark.parametrize(
    ("action", "privilege"), [("change", Privilege.UPDATE), ("delete", Privilege.DELETE)]
)
def test_change_and_delete_bring_the_columns_to_find_rows_by(action, privilege):
    found = desired_state(wanted([("1", "Managers", [f"shop.{action}_item"])]), EMPTY)

    assert {one for one in found.grants if one.role == "acme_manager"} == {
        grant("acme_manager", privilege),
        grant("acme_manager", Privilege.SELECT, "id"),
        grant("acme_manager", Privilege.SELECT, "name"),
    }


def test_no_column_is_granted_beside_its_table():
    permissions = ["shop.view_item", "shop.change_item"]
    found = desired_state(wanted([("1", "Managers", permissions)]), EMPTY)

    assert not [one for one in found.grants if one.role == "acme_manager" and one.column]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("view", {("SELECT", "id")}),
        ("change", {("SELECT", "id"), ("UPDATE", "id")}),
        ("add", {("INSERT", ""), ("SELECT", "id"), ("UPDATE", "id")}),
        ("delete", {("DELETE", ""), ("SELECT", "id")}),
    ],
)
def test_columns_that_are_kept_for_some_are_granted_to_these_alone(action, expected):
    kept = {Command.SELECT: {"name": ("acme_payroll",)}, Command.UPDATE: {"name": ()}}
    item = Protection(
        **{name: getattr(ITEM, name) for name in ITEM.__slots__}
        | {"columns": kept, "groups": frozenset({"Payroll"})}
    )
    groups = [("1", "Managers", [f"shop.{action}_item"]), ("2", "Payroll", [])]
    found = desired_state(wanted(groups, protections=[item]), EMPTY)
    on_table = {one for one in found.grants if one.object == TABLE}

    def held(role_name):
        return {(one.privilege, one.column) for one in on_table if one.role == role_name}

    assert held("acme_manager") == expected
    assert held("acme_payroll") == {("SELECT", "name")}
    assert {one for one in held("acme_superuser") if one[1]} == set()


def test_a_policy_that_names_a_group_adds_to_what_its_permissions_say():
    ungated = Protection(
        **{name: getattr(ITEM, name) for name in ITEM.__slots__}
        | {"ungated": {Command.SELECT: ("acme_manager",)}, "groups": frozenset({"Managers"})}
    )
    asked = wanted([("1", "Managers", ["shop.change_item"])], protections=[ungated])
    mine = {one for one in desired_state(asked, EMPTY).grants if one.role == "acme_manager"}

    assert mine == {
        grant("acme_manager", Privilege.SELECT),
        grant("acme_manager", Privilege.UPDATE),
    }


def test_a_permission_on_no_table_is_no_privilege():
    without = desired_state(wanted([("1", "Managers", [])]), EMPTY)
    found = desired_state(wanted([("1", "Managers", ["auth.change_user"])]), EMPTY)

    assert found.grants == without.grants


def test_a_listed_group_that_does_not_exist_has_its_role_without_a_key():
    found = desired_state(wanted(), EMPTY)

    assert Role("acme_manager", NAMES.mark(RoleKind.GROUP, None, "Managers")) in found.roles


def test_a_listed_group_that_exists_gives_its_role_the_key():
    found = desired_state(wanted([("7", "Managers", [])]), EMPTY)

    assert named(found, RoleKind.GROUP, "7") == "acme_manager"


def test_two_generated_names_that_clash_are_two_roles():
    found = desired_state(wanted([("1", "Odd Ones", []), ("2", "odd ones", [])]), EMPTY)
    names = {named(found, RoleKind.GROUP, key) for key in ("1", "2")}

    assert len(names) == 2
    assert "acme_odd_ones" in names


def test_a_generated_name_gives_way_to_one_in_settings():
    found = desired_state(wanted([("1", "manager", []), ("2", "Managers", [])]), EMPTY)

    assert named(found, RoleKind.GROUP, "2") == "acme_manager"
    assert named(found, RoleKind.GROUP, "1").startswith("acme_manager_")


def test_two_names_in_settings_and_policies_that_clash_are_an_error():
    both = RoleNames("acme", "shop", {"Managers": "clerk"})
    named_in_policy = Protection(
        **{name: getattr(ITEM, name) for name in ITEM.__slots__} | {"groups": frozenset({"Clerk"})}
    )
    with pytest.raises(PlanError, match="would both have the role 'acme_clerk'"):
        desired_state(wanted(names=both, protections=[named_in_policy]), EMPTY)


def test_a_combination_is_a_role_that_belongs_to_its_parts():
    groups = [("1", "Managers", []), ("2", "Clerks", [])]
    found = desired_state(wanted(groups, [combination(["1", "2"])]), EMPTY)
    session = named(found, RoleKind.SESSION, "g1,g2")

    assert session == "acme_clerks_manager"
    assert {one.role for one in found.memberships if one.member == session} == {
        "acme_clerks",
        "acme_manager",
        "acme_everyone",
    }


def test_a_single_group_is_its_own_session():
    found = desired_state(wanted([("1", "Managers", [])], [combination(["1"])]), EMPTY)

    assert Entry("session", "g1", "acme_manager") in found.entries
    assert not [one for one in found.roles if one.mark.kind is RoleKind.SESSION]


def test_a_direct_permission_is_a_role_that_carries_the_privilege():
    asked = wanted([], [combination(permissions=["shop.view_item"])])
    found = desired_state(asked, EMPTY)
    holder = named(found, RoleKind.PERMISSION, "shop.view_item")

    assert grant(holder, Privilege.SELECT) in found.grants
    assert Entry("part", "p1", holder) in found.entries


def test_a_direct_permission_on_no_protected_table_needs_no_role():
    found = desired_state(wanted([], [combination(permissions=["auth.change_user"])]), EMPTY)

    assert not [one for one in found.roles if one.mark.kind is RoleKind.PERMISSION]


def test_a_session_role_is_never_a_grantee():
    groups = [("1", "Managers", ["shop.view_item"]), ("2", "Clerks", ["shop.add_item"])]
    found = desired_state(wanted(groups, [combination(["1", "2"])]), EMPTY)

    assert not [one for one in found.grants if one.role == named(found, RoleKind.SESSION, "g1,g2")]


def test_a_combination_that_nobody_has_any_more_has_no_role():
    groups = [("1", "Managers", []), ("2", "Clerks", [])]
    before = desired_state(wanted(groups, [combination(["1", "2"])]), EMPTY)
    after = desired_state(wanted(groups), before)

    assert not [one for one in after.roles if one.mark.kind is RoleKind.SESSION]
    assert Forget(Entry("session", "g1,g2", "acme_clerks_manager")) in list(diff(before, after))


def test_a_combination_that_comes_back_gets_the_role_that_it_had():
    groups = [("1", "Managers", []), ("2", "Clerks", [])]
    had = state(roles=[role("acme_odd_name", RoleKind.SESSION, "g1,g2")])
    found = desired_state(wanted(groups, [combination(["1", "2"])]), had)

    assert named(found, RoleKind.SESSION, "g1,g2") == "acme_odd_name"


def test_of_two_roles_for_one_combination_the_one_in_use_is_kept():
    groups = [("1", "Managers", []), ("2", "Clerks", [])]
    had = state(
        roles=[role(f"acme_{one}", RoleKind.SESSION, "g1,g2") for one in ("a", "b", "c")],
        entries=[Entry("session", "g1,g2", "acme_b")],
    )
    found = desired_state(wanted(groups, [combination(["1", "2"])]), had)

    assert named(found, RoleKind.SESSION, "g1,g2") == "acme_b"


def test_a_new_group_never_shares_the_role_of_a_combination():
    groups = [("1", "Managers", []), ("2", "Clerks", [])]
    before = desired_state(wanted(groups, [combination(["1", "2"])]), EMPTY)
    groups.append(("3", "Clerks Manager", []))
    after = desired_state(wanted(groups, [combination(["1", "2"])]), before)

    assert named(after, RoleKind.GROUP, "3") == "acme_clerks_manager"
    assert named(after, RoleKind.SESSION, "g1,g2") != "acme_clerks_manager"
    assert RemoveMembership(Membership("acme_manager", "acme_clerks_manager", True, False)) in list(
        diff(before, after)
    )


@pytest.mark.parametrize("where", ["foreign", "elsewhere"])
def test_a_session_role_avoids_a_name_that_somebody_else_has(where):
    groups = [("1", "Managers", []), ("2", "Clerks", [])]
    other = Role("acme_clerks_manager", RoleNames("acme", "other", {}).mark(RoleKind.GROUP))
    there = {"foreign": [other.name], "elsewhere": [other]}[where]
    found = desired_state(wanted(groups, [combination(["1", "2"])]), state(**{where: there}))

    assert named(found, RoleKind.SESSION, "g1,g2") != "acme_clerks_manager"


def test_renaming_a_group_that_settings_name_is_an_error_with_the_edit_to_make():
    before = desired_state(wanted([("1", "Managers", [])]), EMPTY)

    with pytest.raises(PlanError, match=r"'Managers' is now called 'Chiefs'.*Write 'Chiefs'"):
        desired_state(wanted([("1", "Chiefs", [])]), before)


def test_a_new_group_of_a_name_that_was_renamed_is_refused_too():
    before = desired_state(wanted([("1", "Managers", [])]), EMPTY)

    with pytest.raises(PlanError, match=r"'Managers' is now called 'Chiefs'"):
        desired_state(wanted([("1", "Chiefs", []), ("2", "Managers", [])]), before)


def test_a_listed_group_that_was_deleted_and_made_again_keeps_its_role():
    before = desired_state(wanted([("1", "Managers", [])]), EMPTY)
    after = desired_state(wanted([("2", "Managers", [])]), before)

    assert named(after, RoleKind.GROUP, "2") == "acme_manager"


def test_settings_that_follow_a_renamed_group_keep_its_role():
    before = desired_state(wanted([("1", "Managers", [])]), EMPTY)
    edited = RoleNames("acme", "shop", {"Chiefs": "manager"})
    after = desired_state(wanted([("1", "Chiefs", [])], names=edited), before)

    assert [type(one) for one in diff(before, after)] == [MarkRole]


def test_a_group_that_settings_name_anew_has_its_role_renamed():
    before = desired_state(wanted([("1", "Odd Ones", [])]), EMPTY)
    edited = RoleNames("acme", "shop", {"Managers": "manager", "Odd Ones": "odd"})
    after = desired_state(wanted([("1", "Odd Ones", [])], names=edited), before)

    assert RenameRole("acme_odd_ones", "acme_odd") in list(diff(before, after))


def test_the_login_may_become_every_role_and_inherits_none():
    groups = [("1", "Managers", []), ("2", "Clerks", [])]
    found = desired_state(wanted(groups, [combination(["1", "2"])]), EMPTY)
    of_login = {one for one in found.memberships if one.member == "web"}

    assert {one.role for one in of_login} == {
        one.name for one in found.roles if one.mark.kind is not RoleKind.PERMISSION
    }
    assert {(one.inherit, one.set_role, one.admin) for one in of_login} == {(False, True, False)}


def test_no_role_but_superuser_and_system_holds_a_protected_table_without_permission():
    found = desired_state(wanted([("1", "Managers", [])]), EMPTY)

    assert {one.role for one in found.grants if one.object == TABLE} == {
        "acme_superuser",
        "acme_system",
    }


def test_nothing_is_ever_wanted_for_public_or_with_grant_option():
    asked = wanted([("1", "Managers", ["shop.view_item", "shop.add_item"])])
    found = desired_state(asked, EMPTY)

    assert not [one for one in found.grants if one.role == "public" or one.grantable]


@pytest.mark.parametrize("privilege", [Privilege.TRUNCATE, Privilege.REFERENCES, Privilege.TRIGGER])
def test_no_role_is_ever_wanted_to_truncate_refer_or_trigger(privilege):
    permissions = [f"shop.{one.action}_item" for one in Command]
    found = desired_state(wanted([("1", "Managers", permissions)]), EMPTY)

    assert privilege not in {one.privilege for one in found.grants}


def test_a_schema_that_is_closed_to_public_is_opened_to_sessions_and_logins():
    asked = wanted()
    asked = Wanted(
        names=NAMES,
        auth=asked.auth,
        tables=tables(ITEM, schemas=("private",)),
        logins=("web",),
    )
    schema = DatabaseObject(ObjectKind.SCHEMA, "", "private")

    assert {one.role for one in desired_state(asked, EMPTY).grants if one.object == schema} == {
        "acme_everyone",
        "acme_anonymous",
        "acme_superuser",
        "acme_system",
        "web",
    }


def test_before_postgresql_16_every_membership_can_be_set():
    found = desired_state(wanted([("1", "Managers", [])], has_options=False), EMPTY)

    assert all(one.set_role for one in found.memberships)


def test_what_is_wanted_needs_nothing_once_it_is_there():
    groups = [("1", "Managers", ["shop.view_item"]), ("2", "Clerks", ["shop.change_item"])]
    asked = wanted(groups, [combination(["1", "2"], ["shop.delete_item"])])
    there = desired_state(asked, EMPTY)

    assert not diff(there, desired_state(asked, there))
