"""What draws and shrinks: Hypothesis, which reads and writes nothing of the user's meanwhile."""

from hypothesis.internal.conjecture import providers

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.ops import find


def test_no_module_is_read_for_numbers_to_try(monkeypatch):
    read = []
    monkeypatch.setattr(providers, "constants_from_module", lambda module: read.append(module) or providers.Constants())
    monkeypatch.setattr(providers, "_sys_modules_len", None)
    monkeypatch.setattr(providers, "_seen_modules", set())
    own = providers._get_local_constants
    drawn = []
    Search(problems_of(find("conv"), {}, "float64"), 60, 1).run(drawn.append)
    assert len(drawn) == 60
    assert not read
    assert providers._get_local_constants is own, "tests of the user's own go on as before"
    own()
    assert read, "and it would have been read"
