"""Explanations (explanation.py) as text for a terminal, as LaTeX, as MathML and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checks.algebra.expression import Expression, Named, Number, tree
from checks.algebra.polynomial import Polynomial
from checks.algebra.polynomial import Product as Factors
from checks.formulas.asking import Theirs
from checks.formulas.explanation import Explanation
from checks.formulas.notation import OWN, Notation
from checks.formulas.truth import Formula, places
from checks.formulas.writing import derivative, latex, mathml, text
from checks.numbers.precision import Array

SCHEMA = "gradoracle-formulas/1"


@dataclass(frozen=True)
class _Form:
    """One notation of an equation: its place in what `derivative` gives, its expressions, its equals sign."""

    place: int
    write: Callable[[Expression, Notation], str]
    equals: str


TEXT, LATEX, MATHML = _Form(0, text, " = "), _Form(1, latex, " = "), _Form(2, mathml, "<mo>=</mo>")


def as_text(explanation: Explanation) -> str:
    """One formula with its source in a line; several in blocks, one for each array; then what else the letters mean."""
    lines = list(_single(explanation) if len(explanation.formulas) == 1 else _blocks(explanation))
    lines += [f"where {_definition(explanation, d, TEXT)}" for d in explanation.definitions]
    return "\n".join(lines).rstrip() + "\n"


def as_latex(explanation: Explanation) -> str:
    """A line of LaTeX for each formula, for math mode; yours and the right one where an implementation was asked."""
    return "\n".join(_listed(explanation, LATEX, r"\qquad\text{yours: } ")) + "\n"


def as_mathml(explanation: Explanation) -> str:
    """A <math> element for each formula, one a line; yours after the right one where an implementation was asked."""
    opening = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
    lines = _listed(explanation, MATHML, '<mspace width="2em"/><mtext>yours: </mtext>')
    return "".join(f"{opening}<mrow>{line}</mrow></math>\n" for line in lines)


def as_json(explanation: Explanation) -> str:
    """Everything as data: schema gradoracle-formulas/1, indices as they are written and as they are in code, from 0."""
    problem, written = explanation.problem, explanation.notation
    document = {
        "schema": SCHEMA,
        "op": problem.op.name,
        "shapes": {name: None if shape is None else list(shape) for name, shape in problem.shapes.items()},
        "parameters": dict(problem.parameters),
        "letters": {OWN.get(array, array): letter for array, letter in written.letters.items()},
        "indices_from": written.base,
        "formulas": [_formula(explanation, formula) for formula in explanation.formulas],
        "where": [
            {"text": _definition(explanation, d, TEXT), "latex": _definition(explanation, d, LATEX)}
            for d in explanation.definitions
        ],
        "asked_where": {
            result(array): {name: numbers.tolist() for name, numbers in held.items()}
            for array, held in explanation.held.items()
        },
        "untold": {result(array): why for array, why in explanation.untold.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Explanation], str]] = {
    "text": as_text,
    "latex": as_latex,
    "mathml": as_mathml,
    "json": as_json,
}


def result(array: str) -> str:
    """What reports call the result that an array's formulas are those of: y, or grad_x."""
    return "y" if array == "y" else f"grad_{array}"


def untold(explanation: Explanation) -> Iterator[str]:
    """Why it cannot be told what an implementation computes, each reason once."""
    for why in dict.fromkeys(explanation.untold.values()):
        arrays = [array for array, reason in explanation.untold.items() if reason == why]
        yield f"{', '.join(_name(explanation, array) for array in arrays)}: {why}"


def source(explanation: Explanation, array: str, index: tuple[int, ...] | None = None) -> str:
    """Where the documents say so: "document 002, eq. 3; L7, the page's last example", or ""."""
    op = explanation.problem.op
    known = op.told.sources.get(array, "")
    worked = op.told.worked(explanation.problem, array, index)
    return f"document {known}{f'; {worked}' if worked else ''}" if known else ""


def _single(explanation: Explanation) -> Iterator[str]:
    formula = explanation.formulas[0]
    theirs = explanation.theirs.get((formula.array, formula.index))
    said = source(explanation, formula.array, formula.index)
    yield _equation(explanation, formula, TEXT) + (f"          {said}" if said else "")
    if theirs is not None:
        yield from _held(explanation, formula.array)
        yield from _compared(explanation, formula.array, theirs, "")


def _blocks(explanation: Explanation) -> Iterator[str]:
    for array in explanation.arrays:
        said = source(explanation, array)
        mine = [formula for formula in explanation.formulas if formula.array == array]
        asked = [explanation.theirs[array, f.index] for f in mine if (array, f.index) in explanation.theirs]
        wrong = sum(one.differs for one in asked)
        told = [said] * bool(said) + [f"yours: {len(asked) - wrong} of {len(asked)} right"] * bool(asked)
        yield ": ".join(filter(None, [_name(explanation, array), "; ".join(told)]))
        yield from _held(explanation, array)
        for formula in mine:
            yield f"  {_equation(explanation, formula, TEXT)}"
            theirs = explanation.theirs.get((array, formula.index))
            if theirs is not None and theirs.differs:
                yield from _compared(explanation, array, theirs, "  ")
        yield ""


def _name(explanation: Explanation, array: str) -> str:
    """What the formulas of an array are those of: Z, or ∂J/∂V."""
    letter = explanation.notation.letter(array)
    return letter if array == "y" else f"∂{explanation.notation.loss}/∂{letter}"


def _held(explanation: Explanation, array: str) -> Iterator[str]:
    """The numbers that an implementation was asked with, where its formulas depend on them."""
    for name, numbers in explanation.held.get(array, {}).items():
        yield f"  asked where {explanation.notation.letter(name)} = {_numbers(numbers)}"


def _numbers(array: Array) -> str:
    """An array in brackets, without axes of one place."""
    squeezed = array.squeeze()
    return f"{squeezed:g}" if squeezed.ndim == 0 else f"[{', '.join(map(_numbers, squeezed))}]"


def _compared(explanation: Explanation, array: str, theirs: Theirs, indent: str) -> Iterator[str]:
    """Their formula, and what is missing, extra or wrong in it."""

    def shown(polynomial: Polynomial) -> str:
        return text(tree(polynomial, places(explanation.problem)), explanation.notation)

    if not theirs.differs:
        yield f"{indent}  yours    the same"
        return
    if array in explanation.held:
        yield f"{indent}  right    {shown(theirs.right)}"
    yield f"{indent}  yours    {shown(theirs.yours)}"
    difference = theirs.difference
    if difference.missing.terms:
        yield f"{indent}  missing  {shown(difference.missing)}"
    if difference.extra.terms:
        yield f"{indent}  extra    {shown(difference.extra)}"
    if theirs.factor is not None:
        yield f"{indent}  wrong    each term is {text(Number(theirs.factor), explanation.notation)} times the right one"
        return
    for product, (yours, right) in difference.wrong.items():
        given, wanted = (shown(Polynomial({product: c})) for c in (yours, right))
        yield f"{indent}  wrong    {given}, where {wanted} is right"


def _equation(explanation: Explanation, formula: Formula, form: _Form) -> str:
    left = derivative(formula.array, formula.index, explanation.notation)[form.place]
    return f"{left}{form.equals}{form.write(formula.expression, explanation.notation)}"


def _definition(explanation: Explanation, definition: Named, form: _Form) -> str:
    written = explanation.notation
    return f"{form.write(definition, written)}{form.equals}{form.write(definition.definition, written)}"


def _listed(explanation: Explanation, form: _Form, yours: str) -> Iterator[str]:
    """A line for each formula and for each definition."""
    for formula in explanation.formulas:
        theirs = explanation.theirs.get((formula.array, formula.index))
        line = _equation(explanation, formula, form)
        if theirs is not None and theirs.differs:
            line += yours + form.write(tree(theirs.yours, places(explanation.problem)), explanation.notation)
        yield line
    for definition in explanation.definitions:
        yield _definition(explanation, definition, form)


def _formula(explanation: Explanation, formula: Formula) -> dict[str, Any]:
    written = explanation.notation
    theirs = explanation.theirs.get((formula.array, formula.index))
    data: dict[str, Any] = {
        "of": result(formula.array),
        "index": list(formula.index),
        "text": _equation(explanation, formula, TEXT),
        "latex": _equation(explanation, formula, LATEX),
        "mathml": f"<mrow>{_equation(explanation, formula, MATHML)}</mrow>",
        "terms": None if formula.polynomial is None else _terms(formula.polynomial),
        "source": source(explanation, formula.array, formula.index),
    }
    if theirs is not None:
        difference = theirs.difference
        data["yours"] = {
            "text": text(tree(theirs.yours, places(explanation.problem)), written),
            "terms": _terms(theirs.yours),
            "right": not theirs.differs,
            "missing": _terms(difference.missing),
            "extra": _terms(difference.extra),
            "wrong": [
                {"factors": _factors(p), "yours": str(yours), "right": str(right)}
                for p, (yours, right) in difference.wrong.items()
            ],
        }
    return data


def _terms(polynomial: Polynomial) -> list[dict[str, Any]]:
    return [{"coefficient": str(c), "factors": _factors(product)} for product, c in polynomial.terms.items()]


def _factors(product: Factors) -> list[list[Any]]:
    return [[OWN.get(name, name), list(index)] for name, index in product]
