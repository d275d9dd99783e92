"""Which compilers write the ORM's SQL."""

from django.db.backends.postgresql.operations import DatabaseOperations as DjangoOperations


class DatabaseOperations(DjangoOperations):
    """Django's, with compilers that know the tables of the framework."""

    compiler_module = "rls_perms.backends.postgresql.compiler"
