"""The values that somebody gives a context, checked and as text, before any statement."""

from collections.abc import Mapping
from typing import Any

from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError, InvalidSetting
from rls_perms.expressions import check_setting_name, field_text
from rls_perms.policies.asked import Asked, asked
from rls_perms.values import text_of


def context_settings(*given: tuple[str, Mapping[str, Any] | None]) -> tuple[tuple[str, str], ...]:
    """
    The settings of a context; each of *given* is who gives, for an error, and name -> value.

    Of two that give one name, the later counts. What declarations ask for and nobody gives is
    there too, and empty: nothing that was set in the session counts. Raises InvalidSetting for
    a value that its field does not take, and ConfigurationError for a name that cannot be.
    """
    wanted = asked()
    texts = dict.fromkeys(wanted, "")
    for by, values in given:
        if values is not None and not isinstance(values, Mapping):
            raise ConfigurationError(
                f"{by} gives {values!r}, but values for policies come as a dict, name to value. "
                "Give {} for none."
            )
        for name, value in (values or {}).items():
            check_setting_name(name, by)
            known = wanted.get(name)
            texts[name] = _text(name, value, by) if known is None else _read(known, value, by)
    prefix = get_settings().guc_prefix
    return tuple(sorted((f"{prefix}.{name}", text) for name, text in texts.items()))


def complete_settings(
    by: str, settings: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """
    *settings* of a context that was made elsewhere, with those that are asked for here.

    Raises ConfigurationError for a name that no context has: it would set something else.
    """
    prefix = get_settings().guc_prefix
    texts = {f"{prefix}.{name}": "" for name in asked()}
    for name, text in settings:
        ours, _, short = name.partition(".")
        check_setting_name(short if ours == prefix else name, by)
        texts[name] = text
    return tuple(sorted(texts.items()))


def _read(known: Asked, value: Any, by: str) -> str:
    if len(known.fields) > 1:
        raise ConfigurationError(
            f"{by} gives {known.name!r}, which declarations read as different types: {known}. "
            "Give each Setting of that name the same output_field."
        )
    [(field, models)] = known.fields
    try:
        return text_of(field, value) or ""
    except ValueError as error:
        labels = ", ".join(model._meta.label for model in models)
        raise InvalidSetting(
            f"{by} gives {known.name!r} the value {value!r}, which is none of "
            f"{field_text(field)}, the output_field of Setting({known.name!r}) in the policies of "
            f"{labels}: {str(error).rstrip('.')}. No query was sent."
        ) from error


def _text(name: str, value: Any, by: str) -> str:
    """A value that no declaration asks for, as SQL of the project's own reads it."""
    text = "" if value is None else str(value)
    if "\0" in text:
        raise InvalidSetting(
            f"{by} gives {name!r} the value {value!r}, but PostgreSQL has no text with a NUL "
            "character. No query was sent."
        )
    return text
