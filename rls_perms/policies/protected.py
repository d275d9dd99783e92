"""Declarations on models of other people's apps, whose Meta is not ours to write into."""

from typing import TYPE_CHECKING, Any

from django.apps import apps

from rls_perms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from rls_perms.policies.constraint import RowSecurity

_declared: dict[str, "RowSecurity"] = {}


def protect(model: str, declaration: "RowSecurity") -> None:
    """
    Declare *declaration* on *model*, written ``app_label.Model``, of an app that is not yours.

    Call it in a ``models.py`` of your own; a migration of yours makes its policies with
    ``AddRowSecurity``. Until that has run, the model's table is closed.
    """
    if not isinstance(model, str) or model.count(".") != 1 or "" in model.split("."):
        raise ConfigurationError(
            f"protect({model!r}, ...) takes the label of a model. Write 'app_label.Model'."
        )
    bound = bound_to(declaration, *model.split("."))
    if _declared.setdefault(model.lower(), bound) != bound:
        raise ConfigurationError(
            f"protect({model!r}, ...) is called twice, with two declarations. "
            "Write one RowSecurity with all policies."
        )


def protected(model: Any) -> "RowSecurity | None":
    """What ``protect`` declared on *model*, None if nothing."""
    return None if model._meta.proxy else _declared.get(model._meta.label_lower)


def bound_to(declaration: "RowSecurity", app_label: str, model_name: str) -> "RowSecurity":
    """*declaration* with the name that it has on that model, as Meta.constraints would give it."""
    bound = declaration.clone()
    bound.name %= {"app_label": app_label.lower(), "class": model_name.lower()}
    return bound


def check_protected() -> None:
    """Raise ConfigurationError for a model that is not there, or that declares for itself."""
    # Imported here, since it imports this module.
    from rls_perms.policies.constraint import in_meta

    for label in _declared:
        try:
            model: Any = apps.get_model(label)
        except LookupError as error:
            raise ConfigurationError(
                f"protect({label!r}, ...) names no installed model: {error} "
                "Correct the label, or add its app to INSTALLED_APPS."
            ) from error
        if model._meta.proxy or model._meta.swapped or not model._meta.managed:
            raise ConfigurationError(
                f"protect({label!r}, ...) is for a model with a table that migrations make. "
                "A proxy's rows are its parent's: protect that one."
            )
        for own in in_meta(model):
            raise ConfigurationError(
                f"{model._meta.label} declares row security itself ({own.name}). "
                "Leave protect() out."
            )
