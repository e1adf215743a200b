"""Formulas as pictures, each a file of its own: who meets whom for an element, and, in steps, in one output after another.

Of what is no polynomial the elements are lit that stand in the formula, and in what defines its letters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from checks.algebra.expression import Element, Expression, Named, Sum, definitions, parts, tree
from checks.algebra.polynomial import COTANGENT, Polynomial
from checks.algebra.through import through
from checks.formulas import truth
from checks.formulas.explanation import Explanation
from checks.formulas.truth import Formula, places
from checks.formulas.writing import derivative, symbol, text
from checks.op import Problem
from checks.render.explanation import as_text
from checks.render.grid import Cell
from checks.render.picture import Line, Panel, Picture, size
from checks.signature.options import in_words

Index = tuple[int, ...]
LONG = 6  # signs that a cell shows at full size
MOST = 400  # cells of a picture: what can be looked at


@dataclass(frozen=True)
class _Looks:
    """How elements look: their style and the mark in their corner, by array and index."""

    styles: Mapping[Element, str]
    marks: Mapping[Element, str]


def pictures(explanation: Explanation, *, steps: bool = False) -> Iterator[tuple[str, Picture]]:
    """A picture of each formula, under the name that its file may have, such as conv-V-2-2.

    steps  in place of one a series, of elements of inputs: each output that it meets, what it adds, and at last the whole

    Raises ValueError, in a sentence, for what is too large to be looked at, and for what no outputs can be told of.
    """
    problem = explanation.problem
    cells = sum(prod(problem.shape(name)) for name in (*problem.present, "y"))
    if cells > MOST:
        raise ValueError(f"{cells} elements are too many for a picture; expected at most {MOST}: pin smaller sizes")
    inputs = [formula for formula in explanation.formulas if formula.array != "y"]
    for formula in inputs if steps and inputs else explanation.formulas:
        name = "-".join(map(str, (problem.op.name, *_letter_and_place(explanation, formula))))
        if not steps:
            yield name, _whole(explanation, formula)
            continue
        series = list(_series(explanation, formula))
        wide, high = (max(sides) for sides in zip(*map(size, series), strict=True))
        for number, picture in enumerate(series, 1):
            yield (
                f"{name}-step-{number}",
                replace(picture, title=f"{picture.title}, {number} of {len(series)}", canvas=(wide, high)),
            )


def _letter_and_place(explanation: Explanation, formula: Formula) -> tuple[object, ...]:
    written = explanation.notation
    return (written.letter(formula.array), *written.index(formula.array, formula.index))


def _whole(explanation: Explanation, formula: Formula) -> Picture:
    """One formula with all that stands in it, and what an implementation has in its place."""
    met = _met(formula.expression)
    terms = _terms(explanation, formula.polynomial) if formula.polynomial is not None else ()
    numbers: dict[Element, list[int]] = {}
    for number, term in enumerate(terms, 1):
        for element in _met(term):
            numbers.setdefault(element, []).append(number)
    styles = {**dict.fromkeys(met, "lit"), Element(formula.array, formula.index): "warm"}
    marks = {element: ",".join(map(str, found)) for element, found in numbers.items()} if len(terms) > 1 else {}
    alone = replace(explanation, formulas=(formula,), definitions=definitions([formula.expression]))
    return Picture(
        _title(explanation, formula),
        tuple(_panels(explanation, formula, met, _Looks(styles, marks))),
        below=(*_said(as_text(alone)), _case(explanation)),
        roomy=True,
    )


def _said(lines: str) -> Iterator[Line]:
    """What is printed of one formula; its source in a line of its own."""
    for line in lines.splitlines():
        formula, _, source = line.partition(" " * 10)
        yield Line(formula)
        if source:
            yield Line(source, "note")


def _series(explanation: Explanation, formula: Formula) -> Iterator[Picture]:
    """Each output that the element meets, with what it adds; then the whole."""
    problem, written = explanation.problem, explanation.notation
    element = Element(formula.array, formula.index)
    title, asked = _title(explanation, formula), text(element, explanation.notation)
    if formula.array == "y":
        raise ValueError(f"{asked} is an output; expected an input, whose outputs are shown one by one: --wrt names it")
    left = derivative(formula.array, formula.index, written)[0]
    outputs = truth.right(problem, "y")
    met = _met(formula.expression)
    passed: list[Index] = []
    so_far: Expression = Sum(())
    for output in sorted({e.index for e in met if e.array == COTANGENT}):
        before, reached = _met(so_far), outputs[output]
        passed.append(output)
        added, so_far = (_through(problem, formula, some) for some in ([output], passed))
        window = [e for e in _met(reached.expression) if e.array == formula.array]
        styles = {**dict.fromkeys((*before, *window), "tint"), **dict.fromkeys(_met(added), "lit"), element: "warm"}
        partners = _partners(explanation, reached.polynomial, window) if reached.polynomial else {}
        name = text(Element("y", output), written)
        yield Picture(
            title,
            tuple(_panels(explanation, formula, met, _Looks(styles, partners))),
            above=(Line(f"{asked} and {name}", "title"),),
            below=(
                Line(f"{name} = {text(reached.expression, written)}"),
                Line(f"so {asked} adds {text(added, written)}"),
                Line(f"so far: {left} = {text(so_far, written)}"),
                *(
                    Line(f"where {text(one, written)} = {text(one.definition, written)}", "note")
                    for one in definitions([reached.expression, so_far])
                ),
                _case(explanation),
            ),
            roomy=True,
        )
    whole = _whole(explanation, formula)
    yield replace(whole, above=(Line(f"{asked}, all together", "title"),))


def _through(problem: Problem, formula: Formula, outputs: Collection[Index]) -> Expression:
    """The part of a formula in which the cotangents of these outputs stand."""
    if formula.polynomial is None:
        return through(formula.expression, outputs)
    terms = formula.polynomial.terms.items()
    kept = {term: c for term, c in terms if any(name == COTANGENT and index in outputs for name, index in term)}
    return tree(Polynomial(kept), places(problem))


def _partners(explanation: Explanation, output: Polynomial, window: list[Element]) -> dict[Element, str]:
    """What each element of a window is multiplied with in an output, where that is one element."""
    found: dict[Element, str] = {}
    for element in window:
        terms = [term for term in output.terms if (element.array, element.index) in term]
        others = [[e for e in term if e != (element.array, element.index)] for term in terms]
        if len(others) == 1 and len(others[0]) == 1:
            found[element] = text(Element(*others[0][0]), explanation.notation)
    return found


def _written(explanation: Explanation, polynomial: Polynomial) -> Expression:
    return tree(polynomial, places(explanation.problem))


def _terms(explanation: Explanation, polynomial: Polynomial) -> tuple[Expression, ...]:
    whole = _written(explanation, polynomial)
    return whole.terms if isinstance(whole, Sum) else (whole,)


def _met(expression: Expression) -> list[Element]:
    """The elements that stand in it, and in what defines its letters, each once."""
    found: dict[Element, None] = {}
    waiting, known = [expression], set[Named]()
    while waiting:
        for part in parts(waiting.pop()):
            if isinstance(part, Element):
                found[part] = None
            elif isinstance(part, Named) and part not in known:
                known.add(part)
                waiting.append(part.definition)
    return list(found)


def _title(explanation: Explanation, formula: Formula) -> str:
    return f"{explanation.problem.op.name}: {derivative(formula.array, formula.index, explanation.notation)[0]}"


def _case(explanation: Explanation) -> Line:
    """The parameters of the problem, which its shapes do not show."""
    return Line(in_words(explanation.problem.parameters), "note")


def _panels(explanation: Explanation, formula: Formula, met: list[Element], looks: _Looks) -> Iterator[Panel]:
    """The array that is asked about, and those that it meets, a panel for each pair of their last two axes."""
    order = places(explanation.problem)
    others = sorted({e.array for e in met if e.array != formula.array}, key=lambda name: order.get(name, len(order)))
    for array in (formula.array, *others):
        shape = explanation.problem.shape("y" if array == COTANGENT else array)
        axes = explanation.notation.axes.get(array, range(len(shape)))
        for lead in product(*map(range, shape[:-2])):
            inside = [Element(array, (*lead, *last)) for last in product(*map(range, shape[-2:]))]
            columns = shape[-1] if shape else 1
            named = tuple(lead[axis] + explanation.notation.base for axis in axes if axis < len(lead))
            cells = [_cell(explanation, element, looks, named) for element in inside]
            rows = (tuple(cells[start : start + columns]) for start in range(0, len(cells), columns))
            yield Panel(_called(explanation, array, named), tuple(rows))


def _called(explanation: Explanation, array: str, named: Index) -> str:
    """The name of a panel: the letter, with the first indices where they are written, and what the cotangent is."""
    written = explanation.notation
    place = symbol(written.letter(array), named)
    if array == COTANGENT:
        return f"{place} = ∂{written.loss}/∂{written.letter('y')}"
    return place


def _cell(explanation: Explanation, element: Element, looks: _Looks, named: Index) -> Cell:
    """An element under its name, or, where that is long or the panel has a part of it, under the rest of its index."""
    written = text(element, explanation.notation)
    place = explanation.notation.index(element.array, element.index)[len(named) :]
    shown = ",".join(map(str, place)) if place and (named or len(written) > LONG) else written
    style, mark = looks.styles.get(element, ""), looks.marks.get(element, "")
    return Cell(shown, style, label="" if shown == written else written, mark=mark)
