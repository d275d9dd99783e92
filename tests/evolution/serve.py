"""
Run stages of steps.py, each in a process of its own that need not import everything again.

A line of input asks for one: its arguments, folder, environment and the file for what it says.
The answer is its exit status. The models of the project are imported by the stage's process only,
since they change; nothing here may read the settings, which would import them.
"""

import json
import os
import runpy
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module

#: What a stage imports before it reads the settings: most of the time that it takes to start.
SHARED = (
    "django.contrib.auth.hashers",
    "django.core.management.commands.makemigrations",
    "django.core.management.commands.migrate",
    "django.core.management.commands.sqlmigrate",
    "django.core.management.commands.squashmigrations",
    "django.db.backends.postgresql.base",
    "django.db.migrations.executor",
    "django.forms",
    "django.template",
    "guardian.conf",
    "psycopg",
    "rls_perms.backends.postgresql.base",
    "rls_perms.management.commands.makemigrations",
)
SECONDS = 120


def stage(arguments, folder, environment, out, err):
    """Never returns: the exit status is the stage's."""
    signal.alarm(SECONDS)
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["steps.py", *arguments]
    status = 1
    with open(out, "w") as said, open(err, "w") as complained:
        try:
            with redirect_stdout(said), redirect_stderr(complained):
                try:
                    runpy.run_path("steps.py", run_name="__main__")
                    status = 0
                except BaseException:  # as the interpreter does at the end of a process
                    sys.excepthook(*sys.exc_info())
        finally:
            said.flush()
            complained.flush()
            os._exit(status)


if __name__ == "__main__":
    for name in SHARED:
        import_module(name)
    sys.path[0] = ""  # the folder of the stage, which steps.py and its models are in
    for line in sys.stdin:
        child = os.fork()
        if not child:
            stage(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
