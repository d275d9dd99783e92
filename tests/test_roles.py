"""What roles are called, and the mark that says that they are ours."""

import pytest

from rls_perms.exceptions import InvalidRoleName
from rls_perms.identifiers import MAX_BYTES, shortened
from rls_perms.keywords import FIXED_ROLES, RoleKind
from rls_perms.roles import (
    Mark,
    RoleNames,
    configured_name,
    fixed_name,
    generated_name,
    permission_name,
    read_mark,
    session_name,
)

NAMES = RoleNames("acme", "shop", {"Managers": "manager"})
LONG = "a" * 150


def test_a_group_in_settings_has_the_role_that_settings_say():
    assert NAMES.group("Managers") == "acme_manager"


def test_a_group_that_settings_do_not_list_has_a_role_of_its_own_name():
    assert NAMES.group("Odd Ones") == "acme_odd_ones"


@pytest.mark.parametrize("kind", FIXED_ROLES)
def test_there_is_one_role_of_each_fixed_kind(kind):
    assert NAMES.fixed(kind) == f"acme_{kind}"


def test_a_permission_has_a_role_named_by_app_and_codename():
    assert NAMES.permission("documents.view_document") == "acme_can_documents_view_document"


@pytest.mark.parametrize(
    "group", ["everyone", "Everyone", "anonymous", "superuser", "system", "owner", "login"]
)
def test_no_group_gets_a_role_of_the_library(group):
    name = generated_name("acme", group)

    assert name not in {fixed_name("acme", kind) for kind in RoleKind}
    assert name.startswith(f"acme_{group.lower()}_")


@pytest.mark.parametrize("group", ["can_shop_view_item", "can x", "tenant_42"])
def test_no_group_gets_the_role_of_a_permission_or_a_tenant(group):
    assert generated_name("acme", group) != f"acme_{group.replace(' ', '_')}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ünïcode", "unicode"),
        ("Ünïcode", "Ûnïcode"),
        ("a-b", "a_b"),
        ("a  b", "a b"),
        ("日本", "中国"),
        ("", " "),
        (LONG, f"{LONG}b"),
    ],
)
def test_two_groups_whose_names_read_alike_have_two_roles(one, other):
    assert generated_name("acme", one) != generated_name("acme", other)


@pytest.mark.parametrize("group", ["Ünïcode", LONG, "日本", "😀" * 40, "a\"b'; DROP ROLE x"])
def test_generated_names_are_ascii_words_that_postgresql_keeps(group):
    name = generated_name("acme", group)

    assert len(name.encode()) <= MAX_BYTES
    assert name.isascii()
    assert name.isidentifier()


def test_a_name_of_63_bytes_is_kept_as_it_is():
    assert shortened("a" * 63) == "a" * 63


def test_a_name_over_63_bytes_ends_in_a_digest_of_the_whole():
    one, other = shortened("a" * 64), shortened("a" * 65)

    assert len(one) == len(other) == 63
    assert one != other


def test_a_name_is_cut_between_letters_and_never_inside_one():
    name = shortened("ü" * 60)

    assert len(name.encode()) <= MAX_BYTES
    assert name.startswith("ü" * 27)


def test_a_role_in_settings_that_postgresql_would_cut_is_refused():
    with pytest.raises(InvalidRoleName, match=r"64 bytes.*only 63.*shorter name for 'Managers'"):
        configured_name("acme", "m" * 59, "Managers")


def test_bytes_are_counted_and_not_letters():
    with pytest.raises(InvalidRoleName, match="65 bytes"):
        configured_name("acme", "ü" * 30, "Managers")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b_c"), ("a_b", "c")),
        (("a_b", "c_d"), ("a", "b_c_d")),
        (("a", LONG), ("a", LONG + "b")),
    ],
)
def test_two_permissions_never_have_one_role(one, other):
    assert permission_name("acme", *one) != permission_name("acme", *other)


def test_a_session_role_is_named_by_its_parts_in_order():
    name = session_name("acme", ["acme_manager", "acme_clerk"], [], "g1,g2")

    assert name == "acme_clerk_manager"


def test_a_session_role_never_takes_a_name_that_is_taken():
    taken = {"acme_clerk_manager"}
    name = session_name("acme", ["acme_manager", "acme_clerk"], taken, "g1,g2")

    assert name not in taken
    assert name.startswith("acme_clerk_manager_")


@pytest.mark.parametrize(
    "mark",
    [
        Mark("acme", "shop", RoleKind.EVERYONE),
        Mark("acme", "shop", RoleKind.GROUP, "7"),
        Mark("acme", "shop", RoleKind.GROUP, None, 'Ünï "quoted" \\ group'),
        Mark("acme", "shop", RoleKind.SESSION, "g1,p2"),
    ],
)
def test_a_mark_can_be_read_back(mark):
    assert read_mark(str(mark)) == mark


@pytest.mark.parametrize(
    "comment",
    [
        None,
        "",
        "made by hand",
        "rls_perms",
        "rls_perms {}",
        "rls_perms []",
        "rls_perms not json",
        'rls_perms {"project": "acme", "database": "shop", "kind": "emperor"}',
        ' rls_perms {"project": "acme", "database": "shop", "kind": "group"}',
    ],
)
def test_a_comment_that_only_looks_like_a_mark_is_none(comment):
    assert read_mark(comment) is None


def test_what_stays_when_a_group_is_renamed_is_its_key():
    before = Mark("acme", "shop", RoleKind.GROUP, "7", "Old")
    after = Mark("acme", "shop", RoleKind.GROUP, "7", None)

    assert before.identity == after.identity
