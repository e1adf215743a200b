"""What tests of several rooms share."""

import pytest

from checks.verdict import smallest


@pytest.fixture
def verdict_alone(monkeypatch):
    """What is wrong is neither shrunk nor explained: where the verdict is all that a test asks for, that takes longest."""
    monkeypatch.setattr(smallest, "_shrunk", lambda *_, **__: ())
    monkeypatch.setattr(smallest, "_explained", lambda failure, _: failure)
