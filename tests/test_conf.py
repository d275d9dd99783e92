"""RLS_PERMS: what it means, and how each mistake in it is answered."""

import math

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from rls_perms.conf import (
    READERS,
    GroupRole,
    TenantRole,
    TenantRoles,
    check_models,
    get_settings,
    parse,
)
from rls_perms.exceptions import ConfigurationError, RlsPermsError

DATABASES = {
    "default": {"USER": "web"},
    "replica": {"USER": "web"},
    "reports": {"USER": "reader", "OPTIONS": {"sslmode": "require"}},
    "nameless": {"USER": ""},
    "assuming": {"USER": "web", "OPTIONS": {"assume_role": "boss"}},
    "archive": {"USER": "keeper"},
    "owner": {"USER": "boss", "OPTIONS": {"assume_role": "bigger_boss"}},
}


def refusal(raw):
    """The message with which RLS_PERMS = *raw* is refused."""
    with pytest.raises(ConfigurationError) as caught:
        parse(raw, DATABASES)
    return str(caught.value)


def refusal_of_models(raw):
    """The message with which the loaded project refuses RLS_PERMS = *raw*."""
    conf = parse(raw, DATABASES)
    with pytest.raises(ConfigurationError) as caught:
        check_models(conf)
    return str(caught.value)


def test_nothing_said_means_the_documented_defaults():
    conf = parse({}, DATABASES)

    assert conf.role_prefix is None
    assert conf.group_roles == {}
    assert conf.login_roles == ("web",)
    assert conf.owner_database == "owner"
    assert conf.framework_apps == (
        "auth",
        "contenttypes",
        "sessions",
        "admin",
        "guardian",
        "sites",
    )
    assert conf.sensitive_fields == ("password",)
    assert conf.databases == ("default",)
    assert conf.tenant_model is None
    assert conf.tenant_fk_field == "tenant"
    assert conf.tenant_resolver is None
    assert conf.membership_model is None
    assert conf.tenant_roles is None
    assert conf.context_processors == ()
    assert conf.guc_prefix == "rls_perms"
    assert conf.strict_mode is False
    assert conf.live_sync is True
    assert conf.signed_context is False


def test_every_setting_has_a_reader():
    followed_from_others = ["owners", "users"]
    fields = list(parse({}, DATABASES).__dataclass_fields__)

    assert [key.lower() for key in READERS] + followed_from_others == fields


@pytest.mark.parametrize(
    ("key", "given", "read"),
    [
        ("ROLE_PREFIX", "acme", "acme"),
        ("ROLE_PREFIX", "a" * 40, "a" * 40),
        ("ROLE_PREFIX", None, None),
        ("LOGIN_ROLES", ["web", "worker"], ("web", "worker")),
        ("LOGIN_ROLES", ("web", "web"), ("web",)),
        ("LOGIN_ROLES", [], ()),
        ("OWNER_DATABASE", "ddl", "ddl"),
        ("FRAMEWORK_APPS", ["auth", "axes"], ("auth", "axes")),
        ("SENSITIVE_FIELDS", ["password", "email"], ("password", "email")),
        ("DATABASES", ["default", "replica"], ("default", "replica")),
        ("TENANT_MODEL", "tenants.Tenant", "tenants.Tenant"),
        ("TENANT_MODEL", None, None),
        ("TENANT_RESOLVER", "project.tenants.resolve", "project.tenants.resolve"),
        ("TENANT_RESOLVER", None, None),
        ("CONTEXT_PROCESSORS", ["project.region"], ("project.region",)),
        ("GUC_PREFIX", "acme_2", "acme_2"),
        ("LIVE_SYNC", False, False),
    ],
)
def test_a_value_is_read_as_written(key, given, read):
    assert getattr(parse({key: given}, DATABASES), key.lower()) == read


def test_settings_cannot_be_changed():
    conf = parse({"GROUP_ROLES": {"Managers": "manager"}}, DATABASES)

    with pytest.raises(AttributeError):
        conf.live_sync = False
    with pytest.raises(TypeError):
        conf.group_roles["Clerks"] = GroupRole(role="clerk")


def test_changing_the_dict_of_the_project_later_changes_nothing():
    raw = {"GROUP_ROLES": {"Managers": "manager"}}
    conf = parse(raw, DATABASES)

    raw["GROUP_ROLES"]["Clerks"] = "clerk"

    assert list(conf.group_roles) == ["Managers"]


def test_a_refusal_is_improper_configuration_to_django_and_ours_to_the_project():
    with pytest.raises(ImproperlyConfigured) as caught:
        parse({"NO_SUCH": 1}, DATABASES)

    assert isinstance(caught.value, RlsPermsError)


@pytest.mark.parametrize("raw", [None, [], "acme", True])
def test_the_setting_itself_is_a_dict(raw):
    message = refusal(raw)

    assert f"RLS_PERMS is {raw!r}" in message
    assert "Write {}" in message


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("ROLE_PREFX", "ROLE_PREFIX"),
        ("role_prefix", "ROLE_PREFIX"),
        ("Group_Roles", "GROUP_ROLES"),
        ("DATABASE", "DATABASES"),
        ("TENANT_FIELD", "TENANT_FK_FIELD"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_and_all_known_ones(key, nearest):
    message = refusal({key: "x"})

    assert f"RLS_PERMS has no key {key!r}. Did you mean {nearest!r}?" in message
    assert f"Known: {', '.join(READERS)}." in message


@pytest.mark.parametrize("key", ["XYZ", 1, None, ("a",)])
def test_an_unknown_key_like_no_other_is_answered_with_all_known_ones(key):
    message = refusal({key: "x"})

    assert f"no key {key!r}. Known: ROLE_PREFIX, GROUP_ROLES" in message


@pytest.mark.parametrize(
    ("key", "given", "why", "instead"),
    [
        ("ROLE_PREFIX", "", "a-z, 0-9 and _", "Write 'acme'"),
        ("ROLE_PREFIX", "Acme-Web", "a-z, 0-9 and _", "Write 'acme_web'"),
        ("ROLE_PREFIX", "2fast", "not begin with a digit", "Write 'acme'"),
        ("ROLE_PREFIX", "acme\n", "a-z, 0-9 and _", "Write 'acme_'"),
        ("ROLE_PREFIX", "büro", "a-z, 0-9 and _", "Write 'b_ro'"),
        ("ROLE_PREFIX", 7, "a-z, 0-9 and _", "Write 'acme'"),
        ("ROLE_PREFIX", "pg_acme", "PostgreSQL keeps pg_", "Write the project's name"),
        ("ROLE_PREFIX", "a" * 41, "41 bytes and 40 is the most", "Write a shorter one"),
        ("GUC_PREFIX", "rls.perms", "a-z, 0-9 and _", "Write 'rls_perms'"),
        ("GUC_PREFIX", None, "a-z, 0-9 and _", "Write 'acme'"),
        ("OWNER_DATABASE", "", "a str that is not empty", "Write a name in quotes"),
        ("OWNER_DATABASE", None, "a str that is not empty", "Write a name in quotes"),
        ("OWNER_DATABASE", ["owner"], "a str that is not empty", "Write a name in quotes"),
        ("TENANT_FK_FIELD", " ", "the name of a field", "Write 'tenant'"),
        ("TENANT_FK_FIELD", "a__b", "the name of a field", "Write 'tenant'"),
        ("LOGIN_ROLES", "web", "a str is a list of letters", 'Write ["web"]'),
        ("FRAMEWORK_APPS", "auth", "a str is a list of letters", 'Write ["auth"]'),
        ("SENSITIVE_FIELDS", "email", "a str is a list of letters", 'Write ["email"]'),
        ("DATABASES", "default", "a str is a list of letters", 'Write ["default"]'),
        ("CONTEXT_PROCESSORS", "a.b", "a str is a list of letters", 'Write ["a.b"]'),
        ("LOGIN_ROLES", None, "a list of str", "Write a list"),
        ("DATABASES", {"default"}, "a list of str", "Write a list"),
        ("DATABASES", {"default": {}}, "a list of str", "Write a list"),
        ("DATABASES", [], "nothing is protected", 'Write ["default"]'),
        ("TENANT_MODEL", "Tenant", "label of an app", "Write 'app_label.Tenant'"),
        ("TENANT_MODEL", "tenants.", "label of an app", "Write 'tenants.Model'"),
        ("TENANT_MODEL", "tenants.tenant.Tenant", "label of an app", "Write 'tenants.Tenant'"),
        ("TENANT_MODEL", GroupRole, "in a str", "Write 'app_label.Model'"),
        ("TENANT_RESOLVER", "resolve", "a module and a name in it", "Write the dotted path"),
        ("TENANT_RESOLVER", "project..resolve", "a module and a name", "Write the dotted path"),
        ("TENANT_RESOLVER", "project:resolve", "a module and a name", "Write the dotted path"),
        ("TENANT_RESOLVER", 7, "in a str", "Write the dotted path"),
        ("TENANT_RESOLVER", parse, "its path in a str", "Write 'rls_perms.conf.parse'"),
        ("LIVE_SYNC", "False", "its type is str", "Write True or False"),
        ("LIVE_SYNC", 0, "its type is int", "Write True or False"),
        ("STRICT_MODE", None, "its type is NoneType", "Write True or False"),
        ("TENANT_ROLES", "yes", "its type is str", "Write True or False"),
        ("SIGNED_CONTEXT", 1, "its type is int", "Write True or False"),
        ("GROUP_ROLES", ["manager"], "a dict", 'Write {"Name of the group": "role"}'),
        ("GROUP_ROLES", None, "a dict", 'Write {"Name of the group": "role"}'),
    ],
)
def test_a_wrong_value_is_answered_with_itself_the_reason_and_what_to_write(
    key, given, why, instead
):
    message = refusal({key: given})

    assert message.startswith(f'RLS_PERMS["{key}"] is {given!r}, but ')
    assert why in message
    assert instead in message


@pytest.mark.parametrize(
    ("key", "given", "why"),
    [
        ("LOGIN_ROLES", ["web", ""], "a str that is not empty"),
        ("LOGIN_ROLES", ["web", None], "a str that is not empty"),
        ("DATABASES", ["default", 1], "a str that is not empty"),
        ("CONTEXT_PROCESSORS", ["a.b", "region"], "a module and a name in it"),
        ("CONTEXT_PROCESSORS", ["a.b", parse], "its path in a str"),
    ],
)
def test_a_wrong_item_of_a_list_is_named_by_its_place(key, given, why):
    message = refusal({key: given})

    assert message.startswith(f'RLS_PERMS["{key}"][1] is {given[1]!r}, but ')
    assert why in message


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("TENANT_FK_FIELD", "tenant"),
        ("STRICT_MODE", False),
        ("SIGNED_CONTEXT", False),
    ],
)
def test_a_default_may_be_written_out(key, default):
    assert parse({key: default}, DATABASES) == parse({}, DATABASES)


@pytest.mark.parametrize(
    ("aliases", "logins"),
    [
        (["default", "replica"], ("web",)),
        (["reports", "default"], ("reader", "web")),
        (["nameless"], ()),
        (["nameless", "default"], ("web",)),
    ],
)
def test_the_logins_default_to_the_users_of_the_aliases_under_our_care(aliases, logins):
    assert parse({"DATABASES": aliases}, DATABASES).login_roles == logins


def test_an_alias_needs_neither_user_nor_options():
    assert parse({}, {"default": {}}).login_roles == ()


def test_an_unknown_alias_is_answered_with_the_nearest():
    message = refusal({"DATABASES": ["default", "replika"]})

    assert "RLS_PERMS[\"DATABASES\"] names 'replika', DATABASES does not" in message
    assert "Did you mean 'replica'?" in message
    assert "Known: default, replica, reports" in message


def test_a_project_without_the_default_alias_must_say_which_ones_it_has():
    with pytest.raises(ConfigurationError, match="names 'default', DATABASES does not"):
        parse({}, {"main": {}})


def test_a_session_level_role_is_refused_on_an_alias_under_our_care():
    message = refusal({"DATABASES": ["default", "assuming"]})

    assert """DATABASES["assuming"]["OPTIONS"]["assume_role"] is 'boss'""" in message
    assert "set for the session and would outlive a request" in message
    assert "Remove it, and let USER be the login role" in message


def test_a_session_level_role_is_the_owners_own_business():
    assert parse({"OWNER_DATABASE": "owner"}, DATABASES).owner_database == "owner"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("-c statement_timeout=5s -crole=boss", "role"),
        ("-c role=boss", "role"),
        ("--session-authorization=boss", "session-authorization"),
        ("-c rls_perms.tenant_id=7", "rls_perms.tenant_id"),
    ],
)
def test_options_that_say_who_the_session_is_are_refused(options, name):
    databases = {"default": {"USER": "web", "OPTIONS": {"options": options}}}
    with pytest.raises(ConfigurationError) as caught:
        parse({}, databases)

    assert f"""DATABASES["default"]["OPTIONS"]["options"] is {options!r}""" in str(caught.value)
    assert f"Remove {name!r} from it" in str(caught.value)


def test_other_options_are_the_projects_own_business():
    given = "-c statement_timeout=5s -c search_path=acme"

    parse({}, {"default": {"USER": "web", "OPTIONS": {"options": given}}})


def test_each_database_may_have_an_owner_and_logins_of_its_own():
    owners = {"default": "owner", "archive": "archive_owner"}
    conf = parse(
        {"DATABASES": ["default", "replica", "reports", "archive"], "OWNER_DATABASE": owners},
        DATABASES,
    )

    assert conf.owner_database == "owner"
    assert [conf.owner_of(one) for one in ("default", "replica", "archive", "archive_owner")] == [
        *("owner", "owner", "archive_owner", "archive_owner")
    ]
    assert conf.logins_of("owner") == ("web", "reader")
    assert conf.logins_of("replica") == ("web", "reader")
    assert conf.logins_of("archive_owner") == conf.logins_of("archive") == ("keeper",)


def test_logins_that_are_listed_are_those_of_every_database():
    conf = parse(
        {
            "DATABASES": ["default", "archive"],
            "OWNER_DATABASE": {"default": "owner", "archive": "archive_owner"},
            "LOGIN_ROLES": ["web", "worker"],
        },
        DATABASES,
    )

    assert conf.logins_of("archive_owner") == ("web", "worker")


def test_an_owner_of_an_alias_that_is_not_ours_is_refused():
    message = refusal({"OWNER_DATABASE": {"replica": "owner"}})

    assert "OWNER_DATABASE" in message
    assert "has 'replica', DATABASES has not. Known: default." in message


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "it names no alias"),
        ({"default": ""}, "a str that is not empty"),
        ({"default": 5}, "a str that is not empty"),
    ],
)
def test_owners_that_cannot_be_right_are_refused(given, says):
    assert says in refusal({"OWNER_DATABASE": given})


def test_a_group_maps_to_a_role():
    conf = parse(
        {
            "GROUP_ROLES": {
                "Managers": "manager",
                "Clerks": {"role": "clerk"},
            }
        },
        DATABASES,
    )

    assert conf.group_roles == {
        "Managers": GroupRole(role="manager"),
        "Clerks": GroupRole(role="clerk"),
    }


def test_parameters_of_a_role_are_text():
    conf = parse(with_parameters({"statement_timeout": "5s", "work_mem": 1024}), DATABASES)

    clerks = conf.group_roles["Clerks"]
    assert clerks.settings == (("statement_timeout", "5s"), ("work_mem", "1024"))


@pytest.mark.parametrize("name", ["timezone", "client_encoding", "datestyle", "intervalstyle"])
def test_a_parameter_by_which_values_are_read_is_refused(name):
    message = refusal(with_parameters({name: "UTC"}))

    assert f'RLS_PERMS["GROUP_ROLES"]["Clerks"]["settings"] sets {name!r}' in message
    assert "would go on reading values as the connection began" in message


@pytest.mark.parametrize("name", ["transaction_read_only", "default_transaction_isolation"])
def test_a_parameter_that_cannot_be_taken_back_is_refused(name):
    message = refusal(with_parameters({name: "on"}))

    assert f'RLS_PERMS["GROUP_ROLES"]["Clerks"]["settings"] sets {name!r}' in message
    assert "cannot take it back when the context is left" in message


@pytest.mark.parametrize("group", ["", " ", None, 1])
def test_the_key_of_a_group_is_its_name(group):
    message = refusal({"GROUP_ROLES": {group: "manager"}})

    assert f'A key of RLS_PERMS["GROUP_ROLES"] is {group!r}' in message
    assert "Write a name in quotes" in message


@pytest.mark.parametrize("given", [None, 1, ["manager"], GroupRole(role="manager")])
def test_a_group_has_a_name_or_a_dict(given):
    message = refusal({"GROUP_ROLES": {"Managers": given}})

    assert f'RLS_PERMS["GROUP_ROLES"]["Managers"] is {given!r}' in message
    assert "a str or a dict" in message
    assert "Write a name such as 'manager'" in message


@pytest.mark.parametrize(
    ("key", "nearest"), [("setting", "settings"), ("Role", "role"), ("rol", "role")]
)
def test_an_unknown_key_of_a_group_is_answered_with_the_nearest(key, nearest):
    message = refusal({"GROUP_ROLES": {"Managers": {key: "x"}}})

    assert f'RLS_PERMS["GROUP_ROLES"]["Managers"] has no key {key!r}' in message
    assert f"Did you mean {nearest!r}? Known: role, settings." in message


@pytest.mark.parametrize("given", ["", {}, {"role": ""}, {"role": None}, {"settings": {}}])
def test_a_group_without_a_role_is_refused(given):
    message = refusal({"GROUP_ROLES": {"Managers": given}})

    assert 'RLS_PERMS["GROUP_ROLES"]["Managers"]["role"] is ' in message
    assert "a str that is not empty" in message


def test_two_groups_with_one_role_are_both_named():
    message = refusal({"GROUP_ROLES": {"Managers": "boss", "Chiefs": {"role": "boss"}}})

    assert 'RLS_PERMS["GROUP_ROLES"]["Chiefs"]' in message
    assert "'Managers' has that role" in message
    assert "Write a role of its own" in message


@pytest.mark.parametrize(
    "role",
    [
        "owner",
        "login",
        "everyone",
        "anonymous",
        "superuser",
        "system",
        "System",
        "can_fly",
        "tenant_42",
    ],
)
def test_a_name_of_a_role_of_ours_is_refused(role):
    message = refusal({"GROUP_ROLES": {"Managers": role}})

    assert f'RLS_PERMS["GROUP_ROLES"]["Managers"]["role"] is {role!r}' in message
    assert "are roles of rls_perms" in message
    assert f"Write another name, such as 'group_{role}'" in message


@pytest.mark.parametrize("role", ["owners", "canteen", "tenants"])
def test_a_name_that_only_resembles_a_role_of_ours_is_fine(role):
    conf = parse({"GROUP_ROLES": {"Managers": role}}, DATABASES)

    assert conf.group_roles["Managers"].role == role


def with_parameters(parameters):
    """RLS_PERMS with *parameters* set along with a group's role."""
    return {"GROUP_ROLES": {"Clerks": {"role": "clerk", "settings": parameters}}}


@pytest.mark.parametrize("given", [None, "5s", [("statement_timeout", "5s")]])
def test_parameters_are_a_dict(given):
    message = refusal(with_parameters(given))

    assert f'RLS_PERMS["GROUP_ROLES"]["Clerks"]["settings"] is {given!r}' in message
    assert 'Write {"statement_timeout": "5s"}' in message


@pytest.mark.parametrize(
    "name",
    ["", "Work_Mem", "work mem", "x; DROP TABLE y", "1x", "a.", "a..b", ".a", "a\n", 1, None],
)
def test_a_parameter_has_a_name_that_postgresql_knows(name):
    message = refusal(with_parameters({name: "x"}))

    assert f'A key of RLS_PERMS["GROUP_ROLES"]["Clerks"]["settings"] is {name!r}' in message
    assert "a parameter's name in lower case" in message
    assert "Write one such as 'statement_timeout'" in message


@pytest.mark.parametrize("content", [True, None, 0.5, ["5s"]])
def test_the_content_of_a_parameter_is_text_or_a_whole_number(content):
    message = refusal(with_parameters({"work_mem": content}))

    assert f'["settings"]["work_mem"] is {content!r}, but it must be str or int' in message
    assert "Write it in quotes" in message


@pytest.mark.parametrize(
    "name",
    ["role", "session_authorization", "row_security", "rls_perms", "rls_perms.user_id"],
)
def test_a_parameter_that_says_who_the_session_is_is_refused(name):
    message = refusal(with_parameters({name: "x"}))

    assert f'RLS_PERMS["GROUP_ROLES"]["Clerks"]["settings"] sets {name!r}' in message
    assert "who the session is" in message
    assert "Remove it" in message


def test_the_prefix_that_is_refused_is_the_one_in_force():
    message = refusal({**with_parameters({"acme.user_id": "1"}), "GUC_PREFIX": "acme"})

    assert "sets 'acme.user_id'" in message
    assert parse(with_parameters({"acme.user_id": "1"}), DATABASES).group_roles


@override_settings(RLS_PERMS={"ROLE_PREFIX": "acme"})
def test_the_settings_are_read_once():
    first = get_settings()

    assert first.role_prefix == "acme"
    assert get_settings() is first


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_a_test_that_overrides_the_settings_sees_its_own():
    before = get_settings()
    with override_settings(RLS_PERMS={"ROLE_PREFIX": "other"}):
        assert get_settings().role_prefix == "other"
    with override_settings(RLS_PERMS={}, DATABASES={"default": {"USER": "someone_else"}}):
        assert get_settings().login_roles == ("someone_else",)

    assert get_settings() == before


@override_settings(RLS_PERMS=None)
def test_a_project_that_says_nothing_gets_the_defaults():
    del settings.RLS_PERMS

    assert get_settings().group_roles == {}


def test_what_exists_in_the_project_passes():
    conf = parse(
        {
            "TENANT_MODEL": "auth.Group",
            "TENANT_RESOLVER": "django.shortcuts.render",
            "CONTEXT_PROCESSORS": ["django.shortcuts.redirect"],
            "SENSITIVE_FIELDS": ["password", "email"],
        },
        DATABASES,
    )

    check_models(conf)


@pytest.mark.parametrize(
    ("label", "nearest"),
    [("auth.Gruop", "auth.Group"), ("Auth.Group", "auth.Group"), ("aut.Group", "auth.Group")],
)
def test_a_missing_tenant_model_is_answered_with_the_nearest(label, nearest):
    message = refusal_of_models({"TENANT_MODEL": label})

    assert f'RLS_PERMS["TENANT_MODEL"] is {label!r}, but there is no such model' in message
    assert f"Did you mean {nearest!r}?" in message
    assert "INSTALLED_APPS" in message


def test_a_tenant_model_like_no_other_is_answered_with_the_form():
    message = refusal_of_models({"TENANT_MODEL": "qqq.Zzzzzzzz"})

    assert "Did you mean" not in message
    assert "Write 'app_label.Model', with the app in INSTALLED_APPS" in message


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ({"TENANT_RESOLVER": "django.shortcuts.rendr"}, '["TENANT_RESOLVER"]'),
        (
            {"CONTEXT_PROCESSORS": ["django.shortcuts.redirect", "django.shortcuts.rendr"]},
            '["CONTEXT_PROCESSORS"][1]',
        ),
    ],
)
def test_a_path_to_nothing_is_answered_with_the_nearest_name_of_its_module(raw, at):
    message = refusal_of_models(raw)

    assert f"RLS_PERMS{at} is 'django.shortcuts.rendr', but that cannot be imported" in message
    assert "Did you mean 'render'?" in message
    assert "Write the dotted path of a function" in message


def test_a_path_into_no_module_says_so():
    message = refusal_of_models({"TENANT_RESOLVER": "no_such_module.resolve"})

    assert "No module named 'no_such_module'" in message
    assert "Write the dotted path of a function" in message


def test_a_path_to_something_that_cannot_be_called_is_refused():
    message = refusal_of_models({"TENANT_RESOLVER": "math.pi"})

    assert f"that is {math.pi!r}, which cannot be called" in message
    assert "Write the dotted path of a function" in message


def test_a_sensitive_field_that_the_user_model_lacks_is_answered_with_the_nearest():
    message = refusal_of_models({"SENSITIVE_FIELDS": ["passwort"]})

    assert "RLS_PERMS[\"SENSITIVE_FIELDS\"] names 'passwort', which is no field of " in message
    assert "Did you mean 'password'? Known: id, " in message


def test_a_framework_app_may_be_missing_if_it_is_a_default():
    check_models(parse({"FRAMEWORK_APPS": ["auth", "sites"]}, DATABASES))


def test_a_framework_app_that_is_a_slip_is_answered_with_the_nearest():
    message = refusal_of_models({"FRAMEWORK_APPS": ["auth", "gaurdian"]})

    assert "RLS_PERMS[\"FRAMEWORK_APPS\"] names 'gaurdian', which is no app" in message
    assert "Did you mean 'guardian'? Known: auth, " in message


TENANTS = {"TENANT_MODEL": "tenants.Tenant"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (False, None),
        (True, TenantRoles()),
        ({}, TenantRoles()),
        ({"logins": {"web": [1, "2"]}}, TenantRoles(logins={"web": ("1", "2")})),
        (
            {"tenants": {7: {"settings": {"work_mem": "9MB"}, "models": ["a.B"]}}},
            TenantRoles(
                tenants={"7": TenantRole(settings=(("work_mem", "9MB"),), models=("a.B",))}
            ),
        ),
    ],
)
def test_roles_of_tenants_are_a_flag_or_a_dict(given, found):
    raw = {**TENANTS, "LOGIN_ROLES": ["web"], "TENANT_ROLES": given}

    assert parse(raw, DATABASES).tenant_roles == found


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"tenant": {}}, "RLS_PERMS[\"TENANT_ROLES\"] has no key 'tenant'. Did you mean"),
        ({"logins": {"wbe": []}}, "which is none of"),
        ({"logins": {"web": "1"}}, "it must be a list of keys"),
        ({"logins": []}, "it must be a dict"),
        ({"tenants": {"": {}}}, "it must be a tenant's key"),
        ({"tenants": {"1": {"setting": {}}}}, "has no key 'setting'"),
        ({"tenants": {"1": {"settings": {"role": "x"}}}}, "which rls_perms decides"),
        ({"tenants": {"1": {"models": "a.B"}}}, "a str is a list of letters"),
    ],
)
def test_a_dict_for_roles_of_tenants_that_cannot_be_is_refused(given, why):
    raw = {**TENANTS, "LOGIN_ROLES": ["web"], "TENANT_ROLES": given}

    with pytest.raises(ConfigurationError) as refused:
        parse(raw, DATABASES)

    assert why in str(refused.value)


def test_roles_of_tenants_need_tenants():
    with pytest.raises(ConfigurationError, match="there are no tenants"):
        parse({"TENANT_ROLES": True}, DATABASES)
