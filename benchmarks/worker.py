"""Answer requests of one signed-in auditor, inside this process: no network, no test client."""

import io
import json
import sys
import time
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler


def main() -> None:
    django.setup()
    handler = WSGIHandler()
    cookie = sign_in()
    for line in sys.stdin:
        path, count = line.split()
        print(json.dumps([seconds(handler, path, cookie) for _ in range(int(count))]), flush=True)


def sign_in() -> str:
    """A session of the auditor's, as the login page makes one."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from tenants.models import User

    user = User.objects.get(username="ada.north")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def seconds(handler: WSGIHandler, path: str, cookie: str) -> float:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_COOKIE": cookie,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []
    started = time.perf_counter()
    response = handler(environ, lambda status, headers: statuses.append(status))
    body = b"".join(response)
    response.close()
    taken = time.perf_counter() - started
    if statuses != ["200 OK"] or not body:
        sys.exit(f"{path} answered {statuses}: {body[:200]!r}")
    return taken


if __name__ == "__main__":
    main()
