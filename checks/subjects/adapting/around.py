"""What is no op here though it goes by the name of one: it is said what it is, and how it is judged as a function."""

from __future__ import annotations

import inspect
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from checks.ops._called import CALLED, Called
from checks.subjects.adapting.asked import asked
from checks.subjects.adapting.fitting import NEAR, fitted
from checks.subjects.adapting.roles import Unfit
from checks.subjects.adapting.run import Form, Run
from checks.subjects.adapting.slots import arrays_in, said
from checks.subjects.adapting.ways import ways

MOST = 40  # ways in which it is tried to make it
SHOWN = 4  # names of its weights


def another(form: Form) -> str:
    """What it is, in a sentence, if it is another function that goes by the same name; or a layer around the op."""
    known = CALLED.get(form.op.name, Called())
    if not known.weights and (kept := _kept(form)):
        names = f"{', '.join(kept[:-1])} and {kept[-1]}" if len(kept) > 1 else kept[0]
        return f"it keeps {names}, and {form.op.name} has no weights, so it is a layer around it; {_as_function(form)}"
    for other in known.others:
        op = form.op
        if other.forward is not None:
            op = replace(form.op, reference=SimpleNamespace(forward=other.forward))
        try:
            fit = fitted(replace(form, op=op, shown=other.shown))
        except Unfit:
            continue
        if fit.right or (other.shown is not None and fit.off <= NEAR):
            return f"{other.words}; {_as_function(form)}"
    return ""


def _as_function(form: Form) -> str:
    """The command that judges functions."""
    made = form.made if form.kept is None else type(form.kept)
    given = made if made is not None else form.forward
    if framework := getattr(given, "framework", ""):
        return of_framework(framework)
    try:
        file = Path(inspect.getsourcefile(inspect.unwrap(given)) or "FILE.py").name
    except TypeError:
        file = "FILE.py"
    words = "with f of all its arrays, b of a cotangent and these, and their shapes"
    return f'`gradoracle function {file}:f --backward {file}:b --inputs "B,4 4,4 …"` judges it as a function, {words}'


def of_framework(name: str) -> str:
    """The command that judges a layer of a framework of this name; "" where there is no such framework."""
    words = "judges it as a function, its arrays among the inputs, for shapes of what it is called with"
    return f'`gradoracle function {name}:FILE.py:LAYER --inputs "2,5,8 …"` {words}' if name else ""


def _kept(form: Form) -> list[str]:
    """Arrays that a layer keeps once it is made, by name."""
    if form.made is None:
        return []
    for _, way in zip(range(MOST), ways(form), strict=False):
        # Of a constructor that is called otherwise, whatever it raises.
        with suppress(Exception), np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            one = asked(form.op, **way.pins)
            run = Run(form, way.plan, one.sizes, one.parameters)
            run.begin({})
            held = [path for path, array in arrays_in(run.layer) if isinstance(array, np.ndarray) and array.ndim > 1]
            return [said(path) for path in held[:SHOWN]]
    return []
