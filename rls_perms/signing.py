"""Sign a context, so that the database knows that the application, and nobody else, asks for it."""

import functools
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from django.conf import settings as django_settings
from django.utils.encoding import force_bytes

from rls_perms.conf import Settings
from rls_perms.context import Asker, Context, Resolved

#: Of a block of SHA-256, to which HMAC pads a key: RFC 2104.
_BLOCK = 64
_INSIDE, _OUTSIDE = 0x36, 0x5C


@dataclass(frozen=True, slots=True)
class Key:
    """A key that signs tokens, as the database keeps it. Not shown: it is a secret."""

    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """What tells it from others, and tells nobody what it is."""
        return hashlib.sha256(b"fingerprint" + self.secret).hexdigest()[:16]

    @property
    def inside(self) -> bytes:
        return self._padded(_INSIDE)

    @property
    def outside(self) -> bytes:
        return self._padded(_OUTSIDE)

    def _padded(self, pad: int) -> bytes:
        return bytes(byte ^ pad for byte in self.secret.ljust(_BLOCK, b"\0"))

    def sign(self, body: str) -> str:
        return hmac.new(self.secret, body.encode(), hashlib.sha256).hexdigest()


@functools.lru_cache(16)
def _derived(secret: str | bytes) -> Key:
    # Never the secret itself: who reads the database learns nothing of SECRET_KEY.
    return Key(hmac.new(force_bytes(secret), b"rls_perms.signing", hashlib.sha256).digest())


def keys(conf: Settings) -> tuple[Key, ...]:
    """
    The keys that are valid: the first signs, the others did until they were rotated out.

    Without ``SIGNING_KEY`` they follow from ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``.
    """
    given: tuple[str | bytes, ...]
    if conf.signing_key is not None:
        given = (conf.signing_key, *conf.signing_key_fallbacks)
    else:
        fallbacks = (*conf.signing_key_fallbacks, *django_settings.SECRET_KEY_FALLBACKS)
        given = (django_settings.SECRET_KEY, *fallbacks)
    return tuple(dict.fromkeys(_derived(secret) for secret in given))


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs the contexts of one alias."""

    conf: Settings
    database: str

    def token(
        self,
        context: Context,
        *,
        backend: int,
        make: bool = False,
        parameters: bool = False,
        in_tenant: bool = False,
        known: Resolved | None = None,
    ) -> str:
        """
        The token that enters *context*: a signature in hexadecimal digits, and what it signs.

        That is one JSON text, signed as it stands: nothing in it can be taken for something
        else. *backend* is the process of the connection; *make* lets a missing role be made;
        with *parameters*, those that go along with the role are answered. *known* is what the
        database answered for the context before, and need not find out again; with *in_tenant*,
        a named role is the one that stands for it in the tenant, if there is a tenant.
        """
        start = len(self.conf.guc_prefix) + 1
        body = json.dumps(
            {
                "asker": context.asker.value,
                "user": context.user,
                "tenant": context.tenant,
                "role": "system" if context.asker is Asker.SYSTEM else context.role,
                "settings": {name[start:]: value for name, value in context.settings},
                "expires": round(time.time() + self.conf.signed_seconds, 3),
                "database": self.database,
                "backend": backend if self.conf.signed_to_backend else None,
                "known": known and {"role": known.role, "user": known.user},
                "in_tenant": in_tenant and context.asker is Asker.ROLE and bool(context.tenant),
                "make": make,
                "parameters": parameters,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        return keys(self.conf)[0].sign(body) + body
