"""pytest for the whole tree: how Hypothesis draws, and that what it drew can be drawn again."""

from hypothesis import settings

pytest_plugins = ["checks.plugin"]

# No deadline: a busy machine is not a failing test. The blob repeats a failure exactly; nothing is kept on disk.
settings.register_profile("project", deadline=None, database=None, print_blob=True)
settings.load_profile("project")
