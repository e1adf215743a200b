"""In which ways a layer may be spoken to, before anything is known of how its arrays lie: the usual ones first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from typing import Any

from checks.ops._called import CALLED, Called
from checks.subjects.adapting.asked import SEVERAL, alike_sizes, dividing_sizes, odd_sizes
from checks.subjects.adapting.constants import constants_of
from checks.subjects.adapting.made import numbers_of, sizes_of
from checks.subjects.adapting.roles import Arguments, Unfit
from checks.subjects.adapting.run import Form, Plan
from checks.subjects.adapting.words import plain
from checks.subjects.adapting.written import spreads

KERNELS = (3, 5, 2)  # that a layer may have without being told
PINNED_CHANNELS = (1, 5)
OUTPUT = "*output"  # axes of y that a pooling of everything does not have


@dataclass(frozen=True)
class Way:
    """How a layer is spoken to, before its arrangement is known.

    pins     sizes and parameters that are held, in every case
    without  axes that it does not have
    alike    sizes that are held while it is looked for, since some take no keys that are not as many as queries
    """

    pins: Mapping[str, Any]
    without: tuple[str, ...] = ()
    plan: Plan = field(default_factory=Plan)
    usual: bool = True
    alike: Mapping[str, Any] = field(default_factory=dict)


def ways(form: Form) -> Iterator[Way]:
    """Ways to speak to it, the usual ones first; then those with sizes that are alike."""
    yield from _ways(form)
    for alike in (alike_sizes(form.op), dividing_sizes(form.op), odd_sizes(form.op)):
        if alike and form.kept is None:
            yield from (replace(way, alike=alike) for way in _ways(form))


def _ways(form: Form) -> Iterator[Way]:
    if form.kept is not None:
        yield from _ways_of_made(form)
        return
    takes, base = form.op.takes, _with_switches(form)
    yield from (Way({}, (), plan) for plan in base)
    others = [dims for dims in dict.fromkeys(takes.dims or ()) if dims != (takes.dims or (0,))[0]]
    yield from (Way({}, (), replace(plan, tuples=True)) for plan in base if takes.dims)
    yield from (Way({"dims": dims}, (), plan) for dims in others for plan in base)
    plan = base[0]
    for pins in ({}, *({"dims": dims} for dims in others)):
        for tuples, (name, value) in product((False, True) if takes.dims else (False,), constants_of(form)):
            yield Way({**pins, name: value}, (), replace(plan, constants={name: value}, tuples=tuples), usual=False)
    for without, absent in ((), {}), *_absent(form):
        if absent:
            yield Way(absent, without, plan, usual=False)
            if takes.dims:
                yield Way(absent, without, replace(plan, tuples=True), usual=False)
            for name, value in constants_of(form) if CALLED.get(form.op.name, Called()).dropped else ():
                yield Way({**absent, name: value}, without, replace(plan, constants={name: value}), usual=False)
        for option, n in product(_untold_kernels(form), KERNELS):
            yield Way({**absent, option: (n, n)}, without, plan, usual=False)


def _ways_of_made(form: Form) -> Iterator[Way]:
    """Ways to speak to a layer that has its sizes: as its weights and attributes say, then with one other number."""
    numbers = numbers_of(form.op, form.kept)
    own = list(sizes_of(form.op, form.kept, numbers))
    axes = [*dict.fromkeys(form.op.takes.dims or ())]
    for usual, constants in (
        (True, numbers), *((False, {**numbers, name: value}) for name, value in constants_of(form) if name not in numbers)
    ):  # fmt: skip
        for pins in own:
            for dims in [{}, *_other_counts(form)] if "dims" in pins or not axes else [{"dims": dims} for dims in axes]:
                for plan in _with_switches(form):
                    for without, absent in ((), {}), *(_absent(form) if usual else ()):
                        yield Way(
                            {**pins, **dims, **absent, **constants},
                            without,
                            replace(plan, constants=constants),
                            usual=usual,
                        )


def _other_counts(form: Form) -> list[dict[str, Any]]:
    """Other numbers of axes of what stands for several, where that is all of it: some take no fewer than three."""
    return [{s.option: SEVERAL[s.option][0]} for s in form.op.takes.sizes if s.axes == "*shape" and s.option in SEVERAL]


def _untold_kernels(form: Form) -> list[str]:
    """The option of a kernel's size, where a class is not told it."""
    told = form.making.of("size")
    return [s.option for s in form.op.takes.sizes if form.made and s.axes == "*kernel" and s.axes not in told]


def _absent(form: Form) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Axes of x that a layer may not have, and what is held so that they have one element."""
    first = form.op.takes.axes[form.op.inputs[0]].names
    options = {name: s for s in form.op.takes.sizes for name in s.names}
    if first[0].startswith("*") and len(first) > 1 and first[0] in options:
        yield (first[0],), {options[first[0]].option: (1,)}
    for gone in CALLED.get(form.op.name, Called()).dropped:
        yield gone, {options[axis].option: 1 for axis in gone}
    if OUTPUT in form.op.takes.axes["y"].names and "output_size" in form.op.takes.defaults:
        yield (OUTPUT,), {"output_size": 1}
    if "N" in first and "N" in options:
        yield ("N",), {options["N"].option: 1}
        channels = options.get("C")
        if "C" in first and channels is not None:
            one = PINNED_CHANNELS if len(channels.names) > 1 else 1
            yield ("N", "C"), {options["N"].option: 1, channels.option: one}


def _with_switches(form: Form) -> list[Plan]:
    """Plans with every choice of the values of switches, and of what is handed over as arguments that are not known."""
    known_op = CALLED.get(form.op.name, Called())
    known = known_op.switches
    names = {role.of: role for args in _all_arguments(form) for role in args.roles.values() if role.kind == "switch"}
    choices = {n: role.value or known.get(plain(n), (None,)) for n, role in names.items()}
    given = {n: values[0] for n, values in known.items()} | {"training": True, "train": True}
    opened = [name for name, role in form.making.roles.items() if role.kind == "open"]
    told = {"N", *form.making.of("size")}
    axes = [a for s in form.op.takes.sizes for a in s.names if a not in told and not a.startswith("*")]
    if len(opened) > len(axes):
        raise Unfit(f"what its argument {opened[0]} means is not known")
    return [
        Plan(
            switches={**given, **dict(zip(choices, values, strict=True))},
            opened=dict(zip(opened, order, strict=True)),
            gates=gates,
            mirrored=mirrored,
            masks=masks,
            spread=spread,
        )
        for spread in spreads(form.forwards)
        for masks in _masks(form)
        for mirrored in dict.fromkeys(((), known_op.mirrored))
        for gates in known_op.orders or ((),)
        for values in product(*choices.values())
        for order in permutations(axes, len(opened))
    ]


def _masks(form: Form) -> Iterator[dict[str, str]]:
    """How it may have arrays that are true or false: as the op first."""
    known = {n: forms for n, forms in CALLED.get(form.op.name, Called()).masks.items() if n in form.passed}
    for forms in product(*known.values()):
        yield {n: one for n, one in zip(known, forms, strict=True) if one}


def _all_arguments(form: Form) -> list[Arguments]:
    return [form.making, form.forwards, *([form.backwards] if form.backwards is not None else [])]
