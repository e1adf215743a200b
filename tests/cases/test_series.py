"""The cases of a run by their numbers: each part draws its own, and together they are the run."""

from itertools import chain

import pytest

from checks.cases import turns, wide
from checks.cases.few import shapes_of
from checks.cases.series import BLOCK, Series
from checks.cases.wide import WIDE
from checks.ops import find


def drawn(op, examples, seed=3, **how):
    found = []
    Series(find(op), {}, "float64", examples, seed, **how).run(found.append)
    return [p.identity for p in found]


@pytest.mark.parametrize("of", [3, 7])
def test_shards_are_the_run_in_order(of):
    whole = drawn("linear", 2 * BLOCK + 30)
    assert len(set(whole)) == len(whole) == 2 * BLOCK + 30
    assert list(chain.from_iterable(drawn("linear", 2 * BLOCK + 30, shard=(k, of)) for k in range(1, of + 1))) == whole


def test_a_shorter_run_is_the_beginning_of_a_longer_one():
    assert drawn("conv", 50) == drawn("conv", 200)[:50]


def test_a_shard_of_a_million_draws_its_own_blocks_and_no_others(monkeypatch):
    asked = []
    own = turns.problems_in_turn
    monkeypatch.setattr(
        turns, "problems_in_turn", lambda *a, block, **k: asked.append(block) or own(*a, block=block, **k)
    )
    assert len(drawn("linear", 10**6, shard=(9000, 20000))) == 50
    (block,) = asked
    assert block == 8999 * 50 // BLOCK


def test_shards_that_a_time_ends_have_blocks_of_their_own():
    numbers = [Series(find("linear"), {}, "float64", 1, 1, until=0.0, shard=(k, 2)).numbers for k in (1, 2)]
    first, second = ([next(n) for _ in range(2 * BLOCK)] for n in numbers)
    assert not set(first) & set(second)
    assert sorted(first + second) == list(range(4 * BLOCK))


def test_where_nothing_can_be_wide_others_stand_in_its_place():
    assert len(drawn("conv", 36, reach=1)) == 36
    found = []
    Series(find("conv"), {}, "float64", 36, 1).run(found.append)
    assert [n % 6 for n, p in enumerate(found) if p.kind == WIDE] == [5] * 6
    first = next(wide.wide_problems(find("conv"), {}, "float64", 34, 1))
    assert found[5].identity == first.identity


def test_few_shapes_are_those_of_the_run_in_every_shard():
    few = shapes_of(find("linear"), {}, "float64", 5, 3)
    whole = drawn("linear", 40, few=few)
    assert list(chain.from_iterable(drawn("linear", 40, few=few, shard=(k, 3)) for k in (1, 2, 3))) == whole
