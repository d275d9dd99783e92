"""Where guardian keeps the grants on a model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model
from guardian.conf import settings as guardian_settings
from guardian.ctypes import get_content_type
from guardian.utils import get_obj_perm_model_by_conf

from rls_perms.exceptions import ConfigurationError
from rls_perms.policies.compile import key_type, table_of
from rls_perms.statements.grant_views import GENERIC_KINDS, Branch, GrantTable

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def grant_models(model: type[Model]) -> dict[Branch, Any]:
    """
    The models of guardian that hold the grants on *model*, to users and to groups.

    As ``guardian.utils.get_obj_perms_model`` finds them, but without a question to the
    database, which may have no content types yet.
    """
    from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

    return {
        "user": _direct(model, UserObjectPermissionBase, "USER_OBJ_PERMS_MODEL"),
        "group": _direct(model, GroupObjectPermissionBase, "GROUP_OBJ_PERMS_MODEL"),
    }


def _direct(model: type[Model], base: type[Model], setting: str) -> Any:
    generic: Any = get_obj_perm_model_by_conf(setting)
    for field in model._meta.get_fields():
        if not ((field.one_to_many or field.one_to_one) and field.auto_created):
            continue
        found: Any = field.related_model
        if not issubclass(found, base) or found is generic or not getattr(found, "enabled", True):
            continue
        if found.objects.is_generic():
            continue
        target = found._meta.get_field("content_object").remote_field.model
        if content_type_key(model) == content_type_key(target):
            return found
    return generic


def content_type_key(model: type[Model]) -> tuple[str, str]:
    """Label and name of the content type under which guardian keeps grants on *model*."""
    if guardian_settings.GET_CONTENT_TYPE == "guardian.ctypes.get_default_content_type":
        meta = model._meta.concrete_model._meta  # type: ignore[union-attr]
        return meta.app_label, str(meta.model_name)
    wanted = get_content_type(model)
    return wanted.app_label, wanted.model


def grant_sources(
    model: type[Model], connection: "BaseDatabaseWrapper"
) -> dict[Branch, GrantTable]:
    """Guardian's tables of grants on *model*. Raises ConfigurationError for unfit keys."""
    found = grant_models(model)
    user = found["user"]._meta.get_field("user").remote_field.model
    groups = user._meta.get_field("groups")
    members = (groups.m2m_db_table(), groups.m2m_reverse_name(), groups.m2m_column_name())
    sources: dict[Branch, GrantTable] = {
        "user": _grant_table(found["user"], "user", None),
        "group": _grant_table(found["group"], "group", members),
    }
    declared = key_type(model._meta.pk, connection)
    for branch, source in sources.items():
        if source.content_type is None:
            target = found[branch]._meta.get_field("content_object").target_field
            if not target.primary_key:
                raise ConfigurationError(
                    f"{found[branch]._meta.label} points to {model._meta.label} by "
                    f"{target.name!r}, but policies compare grants with the primary key. Leave "
                    "to_field out of its content_object."
                )
        elif declared not in GENERIC_KINDS:
            raise ConfigurationError(
                f"ObjectPermissions() on {model._meta.label} cannot compare the texts in "
                f"{found[branch]._meta.label} with a key of type {declared!r}. Keys may be "
                "integers, UUIDs and texts; any other needs tables of grants of its own, with a "
                "foreign key to it, for users and for groups."
            )
    return sources


def _grant_table(model: Any, holder: str, members: tuple[str, str, str] | None) -> GrantTable:
    def column(name: str) -> str:
        return str(model._meta.get_field(name).column)

    generic = model.objects.is_generic()
    return GrantTable(
        table=table_of(model),
        holder=column(holder),
        content_type=column("content_type") if generic else None,
        permission=column("permission"),
        object=column("object_pk" if generic else "content_object"),
        members=members,
    )


def heirs(model: type[Model]) -> Iterator[type[Model]]:
    """The multi-table children of *model*, theirs too, that have the same key."""
    for child in apps.get_models():
        if not child._meta.proxy and child is not model and shares_key(child, model):
            yield child


def shares_key(child: type[Model], parent: type[Model]) -> bool:
    """Whether the primary key of *child* is its link to *parent*, over any number of parents."""
    return any(
        link is not None and link.primary_key and (base is parent or shares_key(base, parent))
        for base, link in child._meta.parents.items()
    )


def refuse_columns_without_values(model: type[Model]) -> None:
    """The trigger writes a grant's own columns and no others."""
    grants = grant_models(model)["user"]
    written = {"user", "permission", "content_type", "object_pk", "content_object"}
    lacking = [
        field.name
        for field in grants._meta.concrete_fields
        if field.name not in written
        and not field.null
        and not field.has_db_default()
        and field.get_internal_type() not in ("AutoField", "BigAutoField", "SmallAutoField")
    ]
    if lacking:
        raise ConfigurationError(
            f"ObjectPermissions(creator=[...]) on {model._meta.label} lets the database write "
            f"grants to {grants._meta.label}, whose {lacking} would have no value. Give those "
            "fields db_default, or leave creator out."
        )
