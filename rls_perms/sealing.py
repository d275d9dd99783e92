"""
Send a context where others might write: a queue, a cache, a form.

A seal is Django's signature (SECRET_KEY and its fallbacks) of the context and of what it is
for. Whoever can write to a queue can so neither make a context nor put one on other work. It
is signed, not encrypted, and does not expire: a queue may be slow.
"""

from django.core.signing import BadSignature, Signer

from rls_perms.context import Context
from rls_perms.exceptions import InvalidContext, NoContext

_SALT = "rls_perms.sealing"


def seal(context: Context | None, *, purpose: str) -> str:
    """
    *context* as text that only ``unseal`` with the same *purpose* takes.

    *purpose* says what for, such as the id of one job. Raises NoContext for None.
    """
    if context is None:
        raise NoContext(
            f"There is no context to seal for {purpose!r}. Enter as_user(user) first, or "
            "as_system(reason='...') if it is nobody's work."
        )
    return _signer(purpose).sign_object(context.to_dict())


def unseal(sealed: str, *, purpose: str) -> Context:
    """The context that ``seal`` made *sealed* of. Raises InvalidContext for anything else."""
    if not isinstance(sealed, str):
        raise InvalidContext(
            f"A sealed context is a str, and {purpose!r} came with {type(sealed).__name__}. Send "
            "what rls_perms.seal() returned."
        )
    try:
        found = _signer(purpose).unsign_object(sealed)
    except (BadSignature, ValueError) as error:
        raise InvalidContext(
            f"The context that came with {purpose!r} was not sealed for it with this project's "
            "SECRET_KEY: it was changed, or it is another's. Nothing was run. After a change of "
            "the key, keep the old one in SECRET_KEY_FALLBACKS."
        ) from error
    return Context.from_dict(found)


def _signer(purpose: str) -> Signer:
    # In the salt, so in the key: a seal for one purpose is noise for another.
    return Signer(salt=f"{_SALT}:{purpose}")
