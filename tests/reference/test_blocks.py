"""Blocks cover everything once, on one thread or several, with the caller's settings for errors."""

import threading

import numpy as np
import pytest

from reference import _blocks
from reference._blocks import FEW, each


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 1000])
@pytest.mark.parametrize("cores", [1, 2, 3])
def test_every_place_is_covered_once(monkeypatch, length, cores):
    monkeypatch.setattr(_blocks.os, "cpu_count", lambda: cores)
    covered = np.zeros(length, int)

    def work(block):
        covered[block] += 1

    each(length, 10, work)
    assert np.all(covered == 1)


def test_few_blocks_stay_on_this_thread_and_many_do_not(monkeypatch):
    monkeypatch.setattr(_blocks.os, "cpu_count", lambda: 2)
    threads = set()

    def note(block):
        threads.add(threading.get_ident())

    each(2 * FEW - 1, 1, note)
    assert threads == {threading.get_ident()}
    threads.clear()
    each(2 * FEW, 1, note)
    assert threading.get_ident() not in threads


def test_settings_for_errors_are_the_callers_and_exceptions_come_out(monkeypatch):
    monkeypatch.setattr(_blocks.os, "cpu_count", lambda: 2)
    zeros = np.zeros(100)
    with np.errstate(divide="ignore"):
        each(100, 10, lambda block: 1 / zeros[block])
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        each(100, 10, lambda block: 1 / zeros[block])
