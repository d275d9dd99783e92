"""What the backend can do, and from which PostgreSQL on."""

from django.db.backends.postgresql.features import DatabaseFeatures as DjangoFeatures


class DatabaseFeatures(DjangoFeatures):
    """Django's, from PostgreSQL 15 on: before it, MERGE and security_invoker are missing."""

    minimum_database_version = (15,)
