"""A class, or two functions with a cache, made to speak the protocol.

How its arrays are arranged is decided by forward alone (fitting.py), where its gradients lie by names and shapes (left.py);
the numbers of the gradients, which are judged, decide nothing. A new layer is made for each call, so that nothing is
carried over.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.subjects.adapting.around import another
from checks.subjects.adapting.asked import IGNORED, Asked, Sort, alike_sizes, asked, completed, sorts
from checks.subjects.adapting.assumed import assumed, told_of
from checks.subjects.adapting.drawn import drawn_by
from checks.subjects.adapting.fitting import RIGHT, Fit, apart, fitted
from checks.subjects.adapting.forms import form_of, is_made
from checks.subjects.adapting.guarded import given_back, with_guard
from checks.subjects.adapting.left import wanted_of, with_gradients
from checks.subjects.adapting.pieces import gated, several
from checks.subjects.adapting.roles import Arguments, Nothing, Role, Unfit
from checks.subjects.adapting.run import Form, Plan, Run
from checks.subjects.adapting.slots import arrays_in
from checks.subjects.adapting.sparse import dense
from checks.subjects.adapting.told import told_by

__all__ = ["Adapted", "Nothing", "Spoken", "Unfit", "adapted", "is_adaptable"]


class Spoken(SimpleNamespace):
    """forward and backward as the protocol has them, with `assumed`, `told`, `pins`, `lacks`, `constants` and others.

    constants  values of parameters that it does not take
    having     the same with others
    off        how far off y is, of its size, in the arrangement that was taken
    leaves     whether backward leaves gradients in a plain case
    """


def adapted(op: Op, given: Any, name: str) -> Spoken:
    """The class or functions as forward and backward of the protocol, with what was assumed as `assumed`, and `pins`.

    Raises Unfit where that cannot be told.
    """
    form = form_of(op, given, name)
    if (drawn := CALLED.get(op.name, Called()).drawn) and drawn not in form.passed:
        return _with_drawn(form)
    fit = with_guard(form, _fitted(form))
    form = _of_prediction(form, fit)
    fit = _with_shapes(form, _for_one(form, fit))
    plan = with_gradients(form, fit.plan, fit.one)
    _refuse_of_output(form, plan, fit)
    found = Adapted(form, plan, fit.settings)
    # What it does not take is not drawn; the number of axes, where there is one in which it works, is not either.
    fixed = {n: v for n, v in op.takes.defaults.items() if n not in found.parameters and v is not None}
    pins = {**fixed, **fit.pins, **plan.constants}
    dims = pins.pop("dims", None)
    refused = [sort for sort in sorts(fit.one, pins) if found.refuses(sort, pins, right=fit.right)]
    found.refused.extend(refused)
    others = {*(op.takes.dims or ())} - {fit.one.dims}
    if others and (dims is not None or others == {sort.pins.get("dims") for sort in refused} - {None}):
        pins["dims"] = fit.one.dims
    return found.spoken(fit, pins)


def _with_drawn(form: Form) -> Spoken:
    """What draws an input itself, as the protocol has it, judged by what it has drawn."""
    found, pins, words = drawn_by(form)

    def forward(x: Array, mask: Array, *, p: float = 0.5) -> Array:
        return found.forward(x, mask, {"p": p})

    def backward(grad_output: Array, x: Array, mask: Array, *, p: float = 0.5) -> tuple[Any, None]:
        return found.backward(grad_output, x, mask, {"p": p}), None

    spoken = {"__name__": form.name, "assumed": words, "told": {}, "pins": pins, "lacks": (), "constants": {}}
    return Spoken(forward=forward, backward=backward, having=None, **spoken)


def _fitted(form: Form) -> Fit:
    """The fit; raises Unfit where there is none, or where it is another function that goes by the same name."""
    try:
        fit, unfit = fitted(form), None
    except Unfit as none:
        fit, unfit = None, none
    if fit is not None and fit.right:
        return fit
    if words := another(form):
        raise Unfit(words) from unfit
    if fit is None:
        raise unfit or Unfit("nothing fits")
    return fit


def _of_prediction(form: Form, fit: Fit) -> Form:
    """The same, where the first that a loss's backward is handed has to be what is predicted: forward keeps none of it.

    As loss.backward(output, y) of what calls all that goes backwards dvalues.
    """
    backwards, first = form.backwards, form.op.inputs[0]
    if form.op.takes.axes["y"].names or backwards is None or not form.takes_cotangent or first in backwards.of("array"):
        return form
    one, constants = fit.one, fit.plan.constants
    run = Run(form, fit.plan, one.sizes, {**one.parameters, **constants})
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        run.begin({n: a.copy() for n, a in one.arrays.items()})
        run.forward()
    here = np.size(one.arrays[first])
    kept = any(np.size(array) == here for of in (run.layer, run.returned) for _, array in arrays_in(of))
    if kept or not any(role.kind == "array" for role in backwards.roles.values()):
        return form
    roles = {n: Role("array", first) if role.kind == "cotangent" else role for n, role in backwards.roles.items()}
    return replace(form, backwards=replace(backwards, roles=roles))


def _with_shapes(form: Form, fit: Fit) -> Fit:
    """The fit in a case with as many axes as leave every gradient the shape of its input: of rows, for code of rows."""
    several = [*(form.op.takes.dims or ())] if fit.right and "dims" not in fit.pins else []
    for dims in dict.fromkeys((fit.one.dims, *several)) if several else ():
        # Of a number of axes that it does not take, whatever it raises.
        with suppress(Exception), np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            one = fit.one if dims == fit.one.dims else asked(form.op, **{**fit.pins, "dims": dims})
            subject = Adapted(form, with_gradients(form, fit.plan, one), fit.settings)
            inputs = [one.arrays[n] for n in subject.inputs]
            y = subject.forward(inputs, one.parameters)
            gradients = subject.backward(one.arrays["y"], inputs, one.parameters)
            if subject.is_right(y, one) and not subject.is_odd(gradients, one):
                return replace(fit, one=one)
    return fit


def _refuse_of_output(form: Form, plan: Plan, fit: Fit) -> None:
    """Raise Unfit where a derivative is right of y and wrong of x: its signature does not say with which it is called."""
    roles = {} if form.backwards is None else form.backwards.roles
    first = form.op.inputs[0]
    if (
        not fit.right
        or form.takes_cotangent
        or [r.kind for r in roles.values()] != ["array"]
        or len(form.op.inputs) > 1
    ):
        return
    of_y = replace(form, backwards=Arguments({name: Role("output") for name in roles}))
    one, known = fit.one, {**fit.one.parameters, **plan.constants}
    y = one.right(known)
    gradients = form.op.reference.backward(np.ones_like(y), one.arrays[first], **known)
    right = np.asarray(gradients[0] if isinstance(gradients, tuple) else gradients)
    found = []
    for each in (form, of_y):
        subject = Adapted(each, plan, fit.settings)
        with suppress(Exception), np.errstate(all="ignore"):  # whatever theirs raises
            came = np.asarray(subject.backward(np.ones_like(y), [one.arrays[first]], one.parameters)[0])
            found.append(came.shape == right.shape and apart(came, right)[0] <= RIGHT)
    if found == [False, True]:
        name = next(iter(roles))
        raise Unfit(
            f"handed {first}, its derivative is wrong, and handed y, what forward returned, it is right; that its argument "
            f"is called {name} does not say with which it is called: call it y, or {first}"
        )


def _for_one(form: Form, fit: Fit) -> Fit:
    """The fit, in a case where backward does not raise: with sizes that are alike, or for one sample, which is held."""
    if with_gradients(form, fit.plan, fit.one).gradients:
        return fit
    options = {option.option: option for option in form.op.takes.sizes}
    if alike := alike_sizes(form.op):
        one = asked(form.op, **{**alike, **fit.pins})
        if with_gradients(form, fit.plan, one).gradients:
            return replace(fit, one=one)
    if "batch" not in options:
        return fit
    pins = {**fit.pins, "batch": (1,) if options["batch"].axes.startswith("*") else 1}
    dims = {"dims": fit.one.dims} if form.op.takes.dims else {}
    one = asked(form.op, **{**dims, **pins})
    return replace(fit, one=one, pins=pins) if with_gradients(form, fit.plan, one).gradients else fit


def is_adaptable(given: Any) -> bool:
    """Whether it is of a kind that may be adapted: a class or an object of one, a function, or a module."""
    if told_by(given) is not None or inspect.isclass(given) or inspect.isroutine(given) or inspect.ismodule(given):
        return True
    return is_made(given)


@dataclass(frozen=True)
class Adapted:
    """The layer, how it is spoken to, the settings that it asks for, and the sorts of cases that it does not take."""

    form: Form
    plan: Plan
    settings: tuple[str, ...] = ()
    refused: list[Sort] = field(default_factory=list)

    @property
    def op(self) -> Op:
        """What it is judged as."""
        return self.form.op

    @property
    def inputs(self) -> list[str]:
        """The inputs that it has, in the order of the protocol."""
        return [n for n in self.op.inputs if n in {*self.form.passed, *self.plan.held, *self.plan.cut}]

    @property
    def lacks(self) -> tuple[str, ...]:
        """The inputs by which it has no gradient, though others have one."""
        there = {*self.plan.gradients, *self.plan.cut} if self.plan.gradients else None
        return tuple(n for n in wanted_of(self.form, self.plan) if there is not None and n not in there)

    def _without(self) -> tuple[str, ...]:
        """In words, what it has not, for the first line of a verdict."""
        missing = " and ".join(f"grad_{n}" for n in self.lacks)
        return (f"without {missing}",) if missing else ()

    @property
    def parameters(self) -> list[str]:
        """The parameters of the op that it takes, or of which it has one value."""
        roles = [r for a in (self.form.making, self.form.forwards) for r in a.roles.values()]
        taken = {role.of for role in roles if role.kind == "parameter"} | {*self.settings, *self.plan.constants}
        return [n for n in self.op.takes.defaults if n in taken]

    def spoken(self, fit: Fit, pins: Mapping[str, Any]) -> Spoken:
        """It, as the protocol has it."""
        taken = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in self.inputs]
        named = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in self.parameters]
        first = inspect.Parameter("grad_output", inspect.Parameter.POSITIONAL_ONLY)

        def forward(*inputs: Array | None, **parameters: Any) -> Any:
            return self.forward(inputs, parameters)

        def backward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
            return self.backward(grad_output, inputs, parameters)

        forward.__signature__ = inspect.Signature([*taken, *named])  # type: ignore[attr-defined]
        backward.__signature__ = inspect.Signature([first, *taken, *named])  # type: ignore[attr-defined]
        return Spoken(
            forward=forward,
            backward=backward,
            __name__=" ".join((self.form.name, *self._without())),
            assumed=assumed(self.form, self.plan, fit),
            told=told_of(self.form, self.plan),
            pins=dict(pins),
            lacks=self.lacks,
            constants=self.plan.constants,
            off=fit.off,
            leaves=bool(self.plan.gradients or self.plan.cut),
            having=partial(self._having, fit, pins),
        )

    def _having(self, fit: Fit, pins: Mapping[str, Any], constants: Mapping[str, Any]) -> Spoken:
        """It, with other values of what it does not take."""
        return replace(self, plan=replace(self.plan, constants=constants)).spoken(fit, {**pins, **constants})

    def forward(self, inputs: Sequence[Array | None], parameters: Mapping[str, Any]) -> Any:
        """y, as the protocol has it."""
        run = self._begun(inputs, parameters)
        run.forward()
        y = _own(self._y(run), inputs)
        if not self.plan.guard or np.shape(y):
            return y
        whole = dict(zip(self.inputs, inputs, strict=True))
        return given_back(self.op, y, [whole.get(n) for n in self.op.inputs], self.plan.guard, run.parameters)

    def backward(self, g: Array, inputs: Sequence[Array | None], parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """The gradient of each input, as the protocol has them; None where there is none."""
        run = self._begun(inputs, parameters)
        run.forward()
        returned = run.backward(g)
        wanted = wanted_of(self.form, self.plan)
        return tuple(
            _own(self._gradient(run, n, returned, g), (g, *inputs)) if n in wanted else None for n in self.op.inputs
        )

    def refuses(self, sort: Sort, pins: Mapping[str, Any], *, right: bool) -> bool:
        """Whether it raises in a case of this sort; of some, whether y is wrong there though it is right elsewhere."""
        try:
            one = asked(self.op, **{**pins, **sort.pins})
            right_y = one.y
        except (ValueError, TypeError, IndexError):  # no case has these values, or the op no such word
            return False
        try:
            inputs = [one.arrays[n] for n in self.inputs]
            y = self.forward(inputs, one.parameters)
            gradients = self.backward(one.arrays["y"].reshape(right_y.shape), inputs, one.parameters)
        except Exception:  # noqa: BLE001, whatever it raises
            return True
        if not (sort.strict and right):
            return False
        return self.is_odd(gradients, one) or not self.is_right(y, one)

    def is_odd(self, gradients: Sequence[Any], one: Asked) -> bool:
        """Whether a gradient has not the shape of its input: code of rows, right forwards, sums too few of more axes."""
        return any(
            g is not None and n in self.inputs and np.shape(g) != np.shape(one.arrays[n])
            for n, g in zip(self.op.inputs, gradients, strict=True)
        )

    def is_right(self, y: Any, one: Asked) -> bool:
        """Whether y is, in this case."""
        right = one.right(one.parameters, tuple(n for n in self.op.inputs if n not in self.inputs))
        found = np.asarray(y)
        if found.shape != right.shape:
            return False
        # The mean of nothing is NaN.
        return np.array_equal(found, right, equal_nan=True) or apart(found, right)[0] <= RIGHT

    def _y(self, run: Run) -> Any:
        if self.plan.parts:
            parts = [self.plan.arranged["y"].back(run.at(place), None, run.sizes) for place in self.plan.parts]
            return np.concatenate(parts, several(self.op, "y") or 0)
        came = run.at(self.plan.y)
        if not self.op.takes.axes["y"].names and np.size(came) == 1:
            y = np.asarray(came).reshape(())
            return y / run.times if self.plan.factor else y
        return self.plan.arranged["y"].back(came, None, run.sizes)

    def _gradient(self, run: Run, n: str, returned: Any, g: Array) -> Any:
        if n in self.lacks:
            return None
        if n not in {*self.plan.gradients, *self.plan.cut}:
            raise NotImplementedError("leaves no gradients in a plain case")
        shape = self.op.takes.axes[n].shape(run.sizes, run.parameters)
        if n in self.plan.cut:
            found = run.put_together(n, returned)
        else:
            places = self.plan.seconds if n in self.plan.seconds and run.is_second else self.plan.gradients
            gradient = run.at(places[n], returned)
            arranged = self.plan.arranged[n]
            table = (
                dense(gradient, arranged.shape(shape, run.sizes)) if isinstance(gradient, dict | tuple | list) else None
            )
            found = arranged.back(gradient if table is None else table, shape, run.sizes)
        if np.shape(found) == shape:
            found = gated(self.op, n, np.asarray(found), self.plan.gates, self.plan.mirrored, back=True)
        if self.plan.factor:
            found = np.asarray(found) / run.times
        return g * np.asarray(found) if not self.form.takes_cotangent else found

    def _begun(self, inputs: Sequence[Array | None], parameters: Mapping[str, Any]) -> Run:
        """A layer made for this case; what it does not take is refused."""
        # Of what it is not made with, everything is at its default: the signature takes nothing else.
        taken = {**self.op.takes.defaults, **parameters}
        given = dict(zip(self.inputs, inputs, strict=True))
        if given[self.inputs[0]] is None:
            raise NotImplementedError(f"does not take {self.inputs[0]} as None")
        shapes = {n: None if a is None else a.shape for n, a in given.items()}
        sizes = completed(self.op, self.op.takes.sizes_in(shapes), shapes, taken)
        for name, value in self.plan.constants.items():
            if taken[name] != value:
                raise NotImplementedError(f"does not take {name} but as {value!r}")
        for sort in self.refused:
            if sort.holds(sizes, taken):
                raise NotImplementedError(f"does not take {sort.words}")
        if IGNORED in taken and IGNORED not in self.parameters:
            labels = [a for n, a in given.items() if n in self.op.takes.constant and a is not None]
            if any(np.any(a == taken[IGNORED]) for a in labels):
                raise NotImplementedError("does not take labels that do not count")
        run = Run(self.form, self.plan, sizes, taken)
        run.begin(given)
        if run.times:  # which refuses what is not to be compared
            return run
        raise NotImplementedError("has no elements")


def _own(found: Any, given: Sequence[Array | None]) -> Any:
    """The same, copied where it is a view of what was handed over: a layer inside of a network may return views."""
    views = isinstance(found, np.ndarray) and any(a is not None and np.may_share_memory(found, a) for a in given)
    return found.copy() if views else found
