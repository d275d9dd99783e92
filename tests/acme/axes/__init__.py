"""Stands for django-axes: docs/settings.md names an app that is not Django's own."""
