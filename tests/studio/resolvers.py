"""Resolvers with options: settings name them by their path."""

from rls_perms.resolvers import FromHeader, FromSubdomain

by_host = FromSubdomain(field="pk", domain="example.com")
by_name = FromSubdomain(field="name", domain="example.com")
by_firm_header = FromHeader(name="X-Firm")
by_no_field = FromHeader(field="nickname")
