"""Read RLS_PERMS into a value; refuse, with what to write instead, what it cannot mean."""

import difflib
import functools
import json
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from rls_perms.exceptions import ConfigurationError

FRAMEWORK_APPS = ("auth", "contenttypes", "sessions", "admin", "guardian", "sites")
RESERVED_ROLES = ("owner", "login", "everyone", "anonymous", "superuser", "system")
RESERVED_ROLE_STARTS = ("can_", "tenant_")
REFUSED_PARAMETERS = ("role", "session_authorization", "row_security")
# Django and psycopg read values as these say when they connect, and not again.
DRIVER_PARAMETERS = (
    "timezone",
    "client_encoding",
    "datestyle",
    "intervalstyle",
    "standard_conforming_strings",
    "backslash_quote",
)
TRANSACTION_PARAMETERS = ("transaction_", "default_transaction_")
# Leaves 22 of PostgreSQL's 63 bytes for "_" and the role's own name, or a hash of it.
MAX_PREFIX_BYTES = 40
# As long as what SHA-256 answers; Django's own SECRET_KEY has 50 letters.
MIN_KEY_LETTERS = 32
WORD = re.compile(r"[a-z_][a-z0-9_]*")
PARAMETER = re.compile(rf"{WORD.pattern}(\.{WORD.pattern})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRole:
    """The role of one group: its name without the prefix, and what is SET LOCAL with it."""

    role: str
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRole:
    """What the role of one tenant has: parameters that go along with it, and models of its own."""

    settings: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRoles:
    """A role for each tenant; keys of tenants are text."""

    #: Login -> the tenants that it serves, and no other.
    logins: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    tenants: Mapping[str, TenantRole] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What RLS_PERMS says, with defaults filled in; docs/settings.md tells what each means."""

    role_prefix: str | None = None
    group_roles: Mapping[str, GroupRole] = field(hash=False)
    login_roles: tuple[str, ...]
    owner_database: str = "owner"
    framework_apps: tuple[str, ...] = FRAMEWORK_APPS
    sensitive_fields: tuple[str, ...] = ("password",)
    databases: tuple[str, ...] = ("default",)
    tenant_model: str | None = None
    tenant_fk_field: str = "tenant"
    tenant_resolver: str | None = None
    membership_model: str | None = None
    #: None without: False, as settings write it.
    tenant_roles: TenantRoles | None = None
    context_processors: tuple[str, ...] = ()
    guc_prefix: str = "rls_perms"
    strict_mode: bool = False
    strict_mode_exclude: tuple[str, ...] = ()
    live_sync: bool = True
    signed_context: bool = False
    # Not shown, nor compared with anything that is.
    signing_key: str | None = field(default=None, repr=False)
    signing_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    signed_seconds: int = 60
    signed_to_backend: bool = True
    # What follows from other keys.
    #: Alias -> the alias of its owner, where several databases have owners of their own.
    owners: Mapping[str, str] = field(hash=False, default=MappingProxyType({}))
    #: Alias -> its USER, where LOGIN_ROLES is left out.
    users: Mapping[str, str] = field(hash=False, default=MappingProxyType({}))

    def owner_of(self, alias: str) -> str:
        """The alias with the credentials of the owner of *alias*'s database, there or not."""
        return (
            alias if alias in self.owners.values() else self.owners.get(alias, self.owner_database)
        )

    def logins_of(self, alias: str) -> tuple[str, ...]:
        """The logins of the database of *alias*: another database may have others."""
        if not (self.owners and self.users):
            return self.login_roles
        owner = self.owner_of(alias)
        own = (user for one, user in self.users.items() if self.owner_of(one) == owner)
        return tuple(dict.fromkeys(own))

    @property
    def all_aliases(self) -> frozenset[str]:
        """The aliases under our care, and those of the owners."""
        return frozenset((*self.databases, self.owner_database, *self.owners.values()))


def parse(raw: Mapping[str, Any], databases: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Return what RLS_PERMS says, given DATABASES. Pure; raises ConfigurationError."""
    if not isinstance(raw, Mapping):
        raise _error("RLS_PERMS", raw, "it must be a dict", "Write {} to take every default")
    for key in raw:
        _check_known(key, READERS, f"RLS_PERMS has no key {key!r}")
    defaults = {one.name: one.default for one in fields(Settings)}
    # None says the default where the default is None, and is a wrong type elsewhere.
    raw = {k: v for k, v in raw.items() if v is not None or defaults[k.lower()] is not None}
    values = {key.lower(): READERS[key](_at(key), value) for key, value in raw.items()}
    values = {**defaults, "group_roles": MappingProxyType({}), **values}
    if not values["databases"]:
        raise _error(_at("DATABASES"), [], "then nothing is protected", 'Write ["default"]')
    for alias in values["databases"]:
        _check_known(alias, databases, f"{_at('DATABASES')} names {alias!r}, DATABASES does not")
        _check_no_assumed_role(alias, databases[alias].get("OPTIONS") or {}, values["guc_prefix"])
    if isinstance(values["owner_database"], Mapping):
        owners = values["owners"] = values["owner_database"]
        values["owner_database"] = owners.get(values["databases"][0], "owner")
    for alias in values["owners"]:
        _check_known(
            alias, values["databases"], f"{_at('OWNER_DATABASE')} has {alias!r}, DATABASES has not"
        )
    for group, group_role in values["group_roles"].items():
        for name, _ in group_role.settings:
            _check_parameter(_at("GROUP_ROLES", group, "settings"), name, values["guc_prefix"])
    if "LOGIN_ROLES" not in raw:
        named = {alias: databases[alias].get("USER") for alias in values["databases"]}
        values["users"] = MappingProxyType({one: user for one, user in named.items() if user})
        values["login_roles"] = tuple(dict.fromkeys(values["users"].values()))
    _check_tenant_roles(values)
    return Settings(**values)


def _check_tenant_roles(values: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where roles of tenants cannot be."""
    found: TenantRoles | None = values["tenant_roles"]
    if found is None:
        return
    at = _at("TENANT_ROLES")
    if values["tenant_model"] is None:
        raise _error(at, True, "there are no tenants", f"Set {_at('TENANT_MODEL')}")
    for login in found.logins:
        says = f'{at}["logins"] names {login!r}, which is none of {_at("LOGIN_ROLES")}'
        _check_known(login, values["login_roles"], says)
    for key, one in found.tenants.items():
        for name, _ in one.settings:
            _check_parameter(f'{at}["tenants"]["{key}"]["settings"]', name, values["guc_prefix"])


@functools.cache
def get_settings() -> Settings:
    """Return the project's settings, read once. Raises ConfigurationError."""
    return parse(getattr(django_settings, "RLS_PERMS", {}), django_settings.DATABASES)


@receiver(setting_changed)
def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in ("RLS_PERMS", "DATABASES"):
        get_settings.cache_clear()


def check_models(conf: Settings) -> None:
    """Check that models, apps, fields and paths exist, or raise ConfigurationError."""
    if conf.tenant_model is not None:
        _check_model(_at("TENANT_MODEL"), conf.tenant_model)
    for i, label in enumerate(conf.strict_mode_exclude):
        _check_model(f"{_at('STRICT_MODE_EXCLUDE')}[{i}]", label)
    for key, one in (conf.tenant_roles or TenantRoles()).tenants.items():
        for label in one.models:
            _check_model(f'{_at("TENANT_ROLES")}["tenants"]["{key}"]["models"]', label)
    if conf.membership_model is not None:
        _check_model(_at("MEMBERSHIP_MODEL"), conf.membership_model)
    if conf.tenant_resolver is not None:
        _check_callable(_at("TENANT_RESOLVER"), conf.tenant_resolver)
    for i, path in enumerate(conf.context_processors):
        _check_callable(f"{_at('CONTEXT_PROCESSORS')}[{i}]", path)
    # A default may be absent (not every project has sites). Any other label without an app
    # is a slip, and would leave the tables of the app that was meant open.
    labels = dict.fromkeys([*FRAMEWORK_APPS, *(app.label for app in apps.get_app_configs())])
    for label in conf.framework_apps:
        _check_known(label, labels, f"{_at('FRAMEWORK_APPS')} names {label!r}, which is no app")
    user = get_user_model()._meta
    columns = [one.name for one in user.concrete_fields]
    for name in conf.sensitive_fields:
        says = f"{_at('SENSITIVE_FIELDS')} names {name!r}, which is no field of {user.label}"
        _check_known(name, columns, says)


def _check_known(name: object, known: Collection[str], says: str) -> None:
    if name not in known:
        raise ConfigurationError(
            f"{says}. {_nearest(name, known)}Known: {', '.join(known) or 'none'}."
        )


def _check_no_assumed_role(alias: str, options: Mapping[str, Any], guc_prefix: str) -> None:
    if role := options.get("assume_role"):
        at = f'DATABASES["{alias}"]["OPTIONS"]["assume_role"]'
        instead = "Remove it, and let USER be the login role: each transaction takes its role on"
        raise _error(at, role, "it is set for the session and would outlive a request", instead)
    # What libpq sends when it connects: -c name=value, or --name=value.
    given = str(options.get("options") or "")
    for name in re.findall(r"(?:-c\s*|--)([\w.-]+)\s*=", given):
        setting = name.replace("-", "_").lower()
        if setting in REFUSED_PARAMETERS or setting.startswith(f"{guc_prefix}."):
            at = f'DATABASES["{alias}"]["OPTIONS"]["options"]'
            why = f"{name!r} says who the session is, which rls_perms decides for each statement"
            raise _error(at, given, why, f"Remove {name!r} from it")


def _check_parameter(at: str, name: str, guc_prefix: str) -> None:
    if name.startswith(TRANSACTION_PARAMETERS):
        why = "a transaction that has begun cannot take it back when the context is left"
        raise ConfigurationError(f"{at} sets {name!r}, but {why}. Remove it.")
    if name in DRIVER_PARAMETERS:
        why = "Django and psycopg would go on reading values as the connection began, and wrongly"
        raise ConfigurationError(f"{at} sets {name!r}, but {why}. Remove it.")
    if name in REFUSED_PARAMETERS or f"{name}.".startswith(f"{guc_prefix}."):
        why = "it says who the session is and what it may see, which rls_perms decides"
        raise ConfigurationError(f"{at} sets {name!r}, but {why}. Remove it.")


def _check_model(at: str, label: str) -> None:
    try:
        apps.get_model(label)
    except LookupError as error:
        near = _nearest(label, [model._meta.label for model in apps.get_models()])
        instead = f"{near}Write 'app_label.Model', with the app in INSTALLED_APPS"
        raise _error(at, label, "there is no such model", instead) from error


def _check_callable(at: str, path: str) -> None:
    try:
        found = import_string(path)
    except ImportError as error:
        module, _, name = path.rpartition(".")
        near = _nearest(name, dir(sys.modules[module])) if module in sys.modules else ""
        raise _error(at, path, f"that cannot be imported ({error})", f"{near}{A_PATH}") from error
    if not callable(found):
        raise _error(at, path, f"that is {found!r}, which cannot be called", A_PATH)


def _at(*keys: str) -> str:
    return "RLS_PERMS" + "".join(f"[{json.dumps(key, ensure_ascii=False)}]" for key in keys)


def _error(at: str, value: object, why: str, instead: str = "Remove it") -> ConfigurationError:
    return ConfigurationError(f"{at} is {value!r}, but {why}. {instead}.")


def _nearest(name: object, known: Collection[str]) -> str:
    by_lower = {word.lower(): word for word in known}
    found = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    return f"Did you mean {by_lower[found[0]]!r}? " if found else ""


def _text(at: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _error(at, value, "it must be a str that is not empty", "Write a name in quotes")
    return value


def _flag(at: str, value: Any) -> bool:
    # Not truthiness: "False", as an environment variable says it, would be true.
    if not isinstance(value, bool):
        raise _error(at, value, f"its type is {type(value).__name__}", "Write True or False")
    return value


def _key(at: str, value: Any) -> str:
    # The value is in no message: messages are logged.
    if not isinstance(value, str) or len(value) < MIN_KEY_LETTERS:
        raise ConfigurationError(
            f"{at} is too short, or no str: it has to be at least {MIN_KEY_LETTERS} letters that "
            "nobody can guess. Write what django.core.management.utils.get_random_secret_key() "
            "gives, read from the environment."
        )
    return value


def _seconds(at: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 3600:
        raise _error(at, value, "it must be an int from 1 to 3600", "Write 60")
    return value


def _names(at: str, value: Any, read: Callable[[str, Any], str] = _text) -> tuple[str, ...]:
    if isinstance(value, str) and value and read is not _key:
        raise _error(at, value, "a str is a list of letters", f"Write {json.dumps([value])}")
    if not isinstance(value, list | tuple):
        raise _error(at, value, "it must be a list of str", 'Write a list, such as ["name"]')
    return tuple(dict.fromkeys(read(f"{at}[{i}]", item) for i, item in enumerate(value)))


def _word(at: str, value: Any) -> str:
    if not isinstance(value, str) or not WORD.fullmatch(value):
        why = "it must consist of a-z, 0-9 and _, and not begin with a digit"
        word = re.sub(r"[^a-z0-9]+", "_", value.lower() if isinstance(value, str) else "")
        raise _error(at, value, why, f"Write {word if WORD.fullmatch(word) else 'acme'!r}")
    return value


def _field_name(at: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isidentifier() or "__" in value or value[-1] == "_":
        why = "it must be the name of a field, in a str, as Django takes it"
        raise _error(at, value, why, "Write 'tenant'")
    return value


def _role_prefix(at: str, value: Any) -> str:
    prefix = _word(at, value)
    if prefix.startswith("pg_"):
        raise _error(at, value, "PostgreSQL keeps pg_ for itself", "Write the project's name")
    if len(prefix) > MAX_PREFIX_BYTES:
        why = f"it has {len(prefix)} bytes and {MAX_PREFIX_BYTES} is the most"
        raise _error(at, value, why, "Write a shorter one, such as the project's name")
    return prefix


def _model_label(at: str, value: Any) -> str:
    parts = value.split(".") if isinstance(value, str) else ["Model"]
    if len(parts) != 2 or not all(part.isidentifier() for part in parts):
        label = f"{parts[0] if len(parts) > 1 else 'app_label'}.{parts[-1] or 'Model'}"
        why = "it must be the label of an app and the name of a model, in a str"
        raise _error(at, value, why, f"Write {label!r}")
    return str(value)


def _dotted_path(at: str, value: Any) -> str:
    if callable(value):
        path = f"{value.__module__}.{getattr(value, '__qualname__', 'name')}"
        raise _error(at, value, "it must be its path in a str", f"Write {path!r}")
    parts = value.split(".") if isinstance(value, str) else []
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise _error(at, value, "it must be a module and a name in it, in a str", A_PATH)
    return str(value)


def _owner_database(at: str, value: Any) -> str | Mapping[str, str]:
    if not isinstance(value, Mapping):
        return _text(at, value)
    if not value:
        raise _error(at, value, "it names no alias", 'Write {"default": "owner"}')
    read = {_text(f"A key of {at}", key): value[key] for key in value}
    return MappingProxyType({key: _text(f"{at}[{key!r}]", one) for key, one in read.items()})


def _group_roles(at: str, value: Any) -> Mapping[str, GroupRole]:
    if not isinstance(value, Mapping):
        raise _error(at, value, "it must be a dict", 'Write {"Name of the group": "role"}')
    roles: dict[str, GroupRole] = {}
    groups: dict[str, str] = {}
    for given, role in value.items():
        group = _text(f"A key of {at}", given)
        roles[group] = _group_role(_at("GROUP_ROLES", group), role)
        other = groups.setdefault(roles[group].role, group)
        if other != group:
            why = f"{other!r} has that role, and each group would get the other's permissions"
            raise _error(_at("GROUP_ROLES", group), role, why, "Write a role of its own")
    return MappingProxyType(roles)


def _group_role(at: str, value: Any) -> GroupRole:
    if not isinstance(value, str | Mapping):
        raise _error(at, value, "it must be a str or a dict", "Write a name such as 'manager'")
    given = {"role": value} if isinstance(value, str) else value
    for key in given:
        _check_known(key, ("role", "settings"), f"{at} has no key {key!r}")
    role = _text(f'{at}["role"]', given.get("role"))
    if role.lower() in RESERVED_ROLES or role.lower().startswith(RESERVED_ROLE_STARTS):
        why = f"{', '.join(RESERVED_ROLES)}, can_... and tenant_... are roles of rls_perms"
        raise _error(f'{at}["role"]', role, why, f"Write another name, such as 'group_{role}'")
    settings = _parameters(f'{at}["settings"]', given.get("settings", {}))
    return GroupRole(role=role, settings=settings)


def _parameters(at: str, value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise _error(at, value, "it must be a dict", 'Write {"statement_timeout": "5s"}')
    for name, content in value.items():
        if not isinstance(name, str) or not PARAMETER.fullmatch(name):
            why = "it must be a parameter's name in lower case"
            raise _error(f"A key of {at}", name, why, "Write one such as 'statement_timeout'")
        if isinstance(content, bool) or not isinstance(content, str | int):
            raise _error(f'{at}["{name}"]', content, "it must be str or int", "Write it in quotes")
    return tuple((name, str(content)) for name, content in value.items())


def _tenant_roles(at: str, value: Any) -> TenantRoles | None:
    if isinstance(value, bool):
        return TenantRoles() if value else None
    if not isinstance(value, Mapping):
        why = f"its type is {type(value).__name__}"
        raise _error(at, value, why, 'Write True or False, or a dict with "tenants" or "logins"')
    for key in value:
        _check_known(key, ("logins", "tenants"), f"{at} has no key {key!r}")
    logins = _mapping(f'{at}["logins"]', value.get("logins", {}), 'Write {"login": ["1", "2"]}')
    tenants = _mapping(
        f'{at}["tenants"]', value.get("tenants", {}), 'Write {"1": {"settings": {...}}}'
    )
    return TenantRoles(
        logins={
            _text(f'A key of {at}["logins"]', login): _keys(f'{at}["logins"]["{login}"]', keys)
            for login, keys in logins.items()
        },
        tenants={
            _tenant_key(f'A key of {at}["tenants"]', key): _tenant_role(
                f'{at}["tenants"]["{key}"]', one
            )
            for key, one in tenants.items()
        },
    )


def _tenant_role(at: str, value: Any) -> TenantRole:
    given = _mapping(at, value, 'Write {"settings": {"work_mem": "64MB"}}')
    for key in given:
        _check_known(key, ("settings", "models"), f"{at} has no key {key!r}")
    return TenantRole(
        settings=_parameters(f'{at}["settings"]', given.get("settings", {})),
        models=_names(f'{at}["models"]', given.get("models", ()), _model_label),
    )


def _mapping(at: str, value: Any, instead: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _error(at, value, "it must be a dict", instead)
    return value


def _keys(at: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise _error(at, value, "it must be a list of keys", 'Write a list, such as ["1", "2"]')
    found = (_tenant_key(f"{at}[{i}]", key) for i, key in enumerate(value))
    return tuple(dict.fromkeys(found))


def _tenant_key(at: str, value: Any) -> str:
    if isinstance(value, bool) or value is None or str(value) == "":
        raise _error(at, value, "it must be a tenant's key", "Write it as text, such as '1'")
    return str(value)


A_PATH = "Write the dotted path of a function, such as 'project.tenants.from_request'"
READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "ROLE_PREFIX": _role_prefix,
    "GROUP_ROLES": _group_roles,
    "LOGIN_ROLES": _names,
    "OWNER_DATABASE": _owner_database,
    "FRAMEWORK_APPS": _names,
    "SENSITIVE_FIELDS": _names,
    "DATABASES": _names,
    "TENANT_MODEL": _model_label,
    "TENANT_FK_FIELD": _field_name,
    "TENANT_RESOLVER": _dotted_path,
    "MEMBERSHIP_MODEL": _model_label,
    "TENANT_ROLES": _tenant_roles,
    "CONTEXT_PROCESSORS": lambda at, value: _names(at, value, _dotted_path),
    "GUC_PREFIX": _word,
    "STRICT_MODE": _flag,
    "STRICT_MODE_EXCLUDE": lambda at, value: _names(at, value, _model_label),
    "LIVE_SYNC": _flag,
    "SIGNED_CONTEXT": _flag,
    "SIGNING_KEY": _key,
    "SIGNING_KEY_FALLBACKS": lambda at, value: _names(at, value, _key),
    "SIGNED_SECONDS": _seconds,
    "SIGNED_TO_BACKEND": _flag,
}
