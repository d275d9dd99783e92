"""README.md's "In a project that is deployed": the site's role becomes the owner."""

import shutil
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.management import call_command

from tests.pages import ROOT, blocks
from tests.reader import Reader

pytestmark = pytest.mark.slow

README = ROOT / "README.md"
DEPLOYED = """
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "acme",
        "USER": "acme_site",
        "PASSWORD": "...",
    }
}
INSTALLED_APPS += ["tenants", "documents"]
AUTH_USER_MODEL = "tenants.User"
"""
PLAIN = """
from django.conf import settings
from django.db import models


class Document(models.Model):
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    title = models.CharField(max_length=80)
"""
TOO_EARLY = """
$ python manage.py makemigrations --check
NotMigrated: ... for table django_migrations. ... Run manage.py migrate --database owner first ...
"""
TAKEN_OVER = """
$ export ACME_OWNER_PASSWORD=...
$ python manage.py migrate --database owner
$ python manage.py shell -v 0 -c 'print(Document.objects.count(), "rows")'
...
0 rows
"""
PROTECTED = """
$ python manage.py makemigrations
$ python manage.py migrate --database owner
$ python manage.py rls_show --check
As declared: 1 model.
"""


@pytest.fixture
def site(tmp_path):
    """A project that has been running as the owner of its tables, on Django's own engine."""
    folder, name = tmp_path / "site", f"{settings.PROJECT}_deployed"
    folder.mkdir()
    call_command("startproject", "project", folder)
    for app in ("tenants", "documents"):
        shutil.copytree(ROOT / "tests" / "acme" / app, folder / app)
    (folder / "documents" / "models.py").write_text(PLAIN)
    with (folder / "project" / "settings.py").open("a") as text:
        text.write(DEPLOYED.replace("acme", name))
    reader = Reader(folder, name, named="acme", where=r"\bacme(?=_|\b)", owner="site")
    try:
        administrate(reader, "CREATE ROLE acme_site LOGIN PASSWORD '...'")
        administrate(reader, "CREATE DATABASE acme OWNER acme_site")
        reader.succeed("python manage.py makemigrations tenants documents")
        reader.succeed("python manage.py migrate")
        yield reader
    finally:
        reader.leave()


def of_readme(language, file=""):
    """The first block of README.md in *language* that is *file*, if it names one."""
    return next(
        one
        for one in blocks(README)
        if (one.language, one.file) == (language, file) and not one.not_run
    )


def administrate(reader, statement):
    reader.follow([replace(of_readme("sql"), body=statement)])


def type_in(reader, transcript):
    reader.follow([replace(of_readme("console"), body=transcript.lstrip())])


def test_a_project_that_is_deployed_is_taken_over(site):
    given = of_readme("python", "project/settings.py")

    administrate(site, "ALTER ROLE acme_site CREATEROLE CREATEDB")
    administrate(site, "CREATE ROLE acme_web LOGIN NOINHERIT PASSWORD '...'")
    site.follow([replace(given, body=given.body.replace("acme_owner", "acme_site"))])
    type_in(site, TOO_EARLY)
    type_in(site, TAKEN_OVER)
    site.follow([of_readme("python", "documents/models.py")])
    type_in(site, PROTECTED)
