"""What was there before."""

import importlib

Migration = importlib.import_module("notes.migrations.0001_initial").Migration
