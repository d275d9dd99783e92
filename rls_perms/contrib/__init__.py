"""Adapters for what not every project has: Django's admin, Django REST framework."""
