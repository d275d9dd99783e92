"""Django's PostGIS backend, whose statements run as the role that they are meant for."""

from django.contrib.gis.db.backends.postgis import base
from django.contrib.gis.db.backends.postgis.features import DatabaseFeatures as PostGISFeatures
from django.contrib.gis.db.backends.postgis.introspection import PostGISIntrospection
from django.contrib.gis.db.backends.postgis.operations import PostGISOperations
from django.contrib.gis.db.backends.postgis.schema import PostGISSchemaEditor

from rls_perms.backends.postgresql.base import DatabaseWrapper as OurWrapper
from rls_perms.backends.postgresql.features import DatabaseFeatures as OurFeatures
from rls_perms.backends.postgresql.operations import DatabaseOperations as OurOperations
from rls_perms.backends.postgresql.schema import KeepsPolicies


class DatabaseFeatures(OurFeatures, PostGISFeatures):
    """What PostGIS can do, from the PostgreSQL on that we support."""


class DatabaseOperations(PostGISOperations):
    """PostGIS's, with compilers that know the tables of the framework."""

    compiler_module = OurOperations.compiler_module


class DatabaseSchemaEditor(KeepsPolicies, PostGISSchemaEditor):
    """PostGIS's, which keeps policies."""


class DatabaseWrapper(OurWrapper, base.DatabaseWrapper):
    """
    PostGIS's, with statements as the role that they are meant for.

    The types are looked up when a connection is made, before it knows of roles, as the login.
    """

    # PostGIS has classes of its own for these, which ours for PostgreSQL do not descend from.
    SchemaEditorClass = DatabaseSchemaEditor  # type: ignore[assignment]
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations  # type: ignore[assignment]
    introspection_class = PostGISIntrospection
