"""The keys for signed contexts that a database should know."""

from rls_perms import catalog, signing
from rls_perms.conf import get_settings
from rls_perms.state import Definition
from rls_perms.statements import keys as text
from rls_perms.statements.render import text as as_text


def wanted_keys() -> Definition:
    """The application's keys, by their fingerprints; none where contexts are not signed."""
    conf = get_settings()
    keys = signing.keys(conf) if conf.signed_context else ()
    known = [text.KnownKey(one.fingerprint, one.inside, one.outside) for one in keys]
    fingerprints = " ".join(one.fingerprint for one in known)
    return Definition(catalog.SIGNING_KEYS, fingerprints, as_text(text.keep(known)))
