"""The figure that the documents draw by hand: arrays as grids of symbols, and for one element who meets it, and how.

Every element of the array that is asked about is a button: pointing at it, or reaching it by keyboard, lights the elements
that stand in its formula and shows that formula. Without JavaScript the figure of the element that matters stands there.
Elements have both of the names that a page can show (names.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import product
from math import prod

from checks.algebra.expression import Element, Expression, Sum, parts, tree
from checks.algebra.polynomial import COTANGENT, Polynomial
from checks.formulas.notation import Notation, notation, plain
from checks.formulas.truth import places
from checks.formulas.writing import derivative, mathml, symbol, text
from checks.render import words
from checks.render.names import both
from checks.render.page import scrolling
from checks.signature.options import in_words
from checks.trials.exhibit import Meetings

Index = tuple[int, ...]
Alphabets = tuple[Notation, Notation]  # the code's, and the documents'
Panel = tuple[str, Index]  # an array, and the index of one pair of its last two axes
LONG = 6  # signs that a cell shows at full size
MANY = 200  # cells that a figure may have

STYLE = """
figure.meet .grids { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
figure.meet .grids > div { max-width: 100%; }
figure.meet .name { margin: 0 0 0.4em; font-weight: 600; }
figure.meet .panels { display: flex; flex-wrap: wrap; gap: 0.7rem; }
figure.meet .cells { display: grid; grid-template-columns: repeat(var(--columns), 2.9rem); gap: 3px; padding: 4px; }
figure.meet .cell {
  position: relative; display: flex; align-items: center; justify-content: center; height: 2.9rem; padding: 0;
  font: 0.85rem/1 var(--sans); color: var(--ink); background: var(--cell); border: 1px solid var(--line-strong);
  border-radius: 4px;
}
figure.meet .cell.long { font-size: 0.68rem; }
figure.meet button.cell { cursor: pointer; }
figure.meet .lit, figure.meet .chosen { outline-offset: -2px; font-weight: 700; }
figure.meet .lit { background: var(--accent-soft); outline: 3px solid var(--accent); }
figure.meet .chosen { background: var(--warm-soft); outline: 3px dashed var(--warm); }
figure.meet .cell[data-terms]::after {
  content: attr(data-terms); position: absolute; right: 3px; top: 3px; font-size: 0.65rem; font-weight: 400;
}
figure.meet .formulas { min-height: 3.2em; margin-top: 0.8em; }
figure.meet .formulas .scroll { overflow-y: hidden; padding: 0.2em 0; }
.missing, .extra { padding: 0 0.15em; }
.missing { border-bottom: 3px dotted var(--right); background: var(--right-soft); }
.extra { border-bottom: 3px double var(--wrong); background: var(--wrong-soft); }
"""

SCRIPT = """
document.querySelectorAll("figure.meet").forEach(figure => {
  const cells = new Map([...figure.querySelectorAll("[data-cell]")].map(cell => [cell.dataset.cell, cell]));
  const formulas = figure.querySelectorAll("[data-formula]");
  const show = chosen => {
    cells.forEach(cell => { cell.classList.remove("lit", "chosen"); delete cell.dataset.terms; });
    figure.querySelectorAll("button").forEach(button => button.setAttribute("aria-pressed", button === chosen));
    chosen.classList.add("chosen");
    chosen.dataset.lit.split(" ").filter(Boolean).forEach((term, number) => term.split("*").forEach(name => {
      const cell = cells.get(name);
      if (!cell) return;
      cell.classList.add("lit");
      cell.dataset.terms = (cell.dataset.terms ? cell.dataset.terms + "," : "") + (number + 1);
    }));
    formulas.forEach(formula => { formula.hidden = formula.dataset.formula !== chosen.dataset.cell; });
  };
  figure.querySelectorAll("button[data-lit]").forEach(button => {
    ["pointerenter", "focus", "click"].forEach(event => button.addEventListener(event, () => show(button)));
  });
});
"""


def figure(seen: Meetings) -> str:
    """The figure for one result of a case, with the element that is wrong, or that matters, lit.

    Where the arrays have more cells than can be looked at only the maps are drawn that the map of this element meets; ""
    where even these are too many.
    """
    drawn = _drawn(seen)
    if not drawn:
        return ""
    problem, array = seen.problem, seen.result.removeprefix("grad_")
    alphabets = (plain(problem.op), notation(problem))
    order = places(problem)
    met = sorted({name for name, _ in drawn if name != array}, key=order.__getitem__)
    arrays = [array, *(name for name in met if name != array)]
    lit: Mapping[str, list[int]] = _terms_of(seen.formulas[seen.index], order)
    grids = "".join(_array(seen, name, alphabets, order, lit, drawn) for name in arrays)
    shown = "".join(_formula(seen, index, alphabets, order) for index in seen.formulas if (array, index[:-2]) in drawn)
    asked = both(*(escape(text(Element(array, seen.index), letters)) for letters in alphabets))
    whole = both(*(escape(letters.letter(array)) for letters in alphabets))
    return (
        f'<figure class="meet"><div class="grids">{grids}</div>'
        f'<div class="formulas" aria-live="polite">{shown}</div>'
        f"<figcaption>Who meets {asked}: numbers tell which elements make one product. Point at another element of "
        f"{whole}, or go there with the Tab key. {_left_out(seen, arrays, drawn)}{_case(seen)}</figcaption></figure>"
    )


def is_drawable(seen: Meetings) -> bool:
    """Whether there are few enough cells for a figure."""
    return bool(_drawn(seen))


def _drawn(seen: Meetings) -> set[Panel]:
    """The maps that are drawn: all, or, of many cells, that of the element and those that it meets; none if too many."""
    array = seen.result.removeprefix("grad_")
    for own in (seen.formulas, [i for i in seen.formulas if i[:-2] == seen.index[:-2]]):
        met = {(name, i[:-2]) for index in own for term in seen.formulas[index].terms for name, i in term}
        panels = met | {(array, index[:-2]) for index in own}
        whole = {(name, i) for name in {n for n, _ in panels} for i in _panels(_shape(seen, name))}
        chosen = whole if own is seen.formulas else panels
        if sum(prod(_shape(seen, name)[-2:]) for name, _ in chosen) <= MANY:
            return chosen
    return set()


def _shape(seen: Meetings, array: str) -> Index:
    return seen.problem.shape("y" if array == COTANGENT else array)


def _panels(shape: Index) -> Iterator[Index]:
    """The indices of an array's maps: of all its axes but the last two."""
    return product(*map(range, shape[:-2]))


def _left_out(seen: Meetings, arrays: Sequence[str], drawn: set[Panel]) -> str:
    """How many maps are not drawn."""
    left = sum(prod(_shape(seen, name)[:-2]) for name in arrays) - len(drawn)
    return f"Only the maps that meet it are drawn; {left} others are not. " if left else ""


def _case(seen: Meetings) -> str:
    problem = seen.problem
    shapes = ", ".join(f"{name} {words.shape(s)}" for name, s in problem.shapes.items() if s is not None)
    return escape(f"{shapes}; {in_words(problem.parameters)}.")


def _terms_of(polynomial: Polynomial, order: Mapping[str, int]) -> dict[str, list[int]]:
    """For each element, by its name in the figure, the terms that it stands in, counted from 1."""
    found: dict[str, list[int]] = {}
    for number, term in enumerate(_terms(polynomial, order), 1):
        for name in _names(term):
            found.setdefault(name, []).append(number)
    return found


def _terms(polynomial: Polynomial, order: Mapping[str, int]) -> tuple[Expression, ...]:
    whole = tree(polynomial, order)
    return whole.terms if isinstance(whole, Sum) else (whole,)


def _names(term: Expression) -> Iterator[str]:
    """The elements of a product, by their names in the figure."""
    for part in parts(term):
        if isinstance(part, Element):
            yield _name(part.array, part.index)


def _name(array: str, index: Index) -> str:
    return f"{array}.{'.'.join(map(str, index))}"


def _array(
    seen: Meetings,
    array: str,
    alphabets: Alphabets,
    order: Mapping[str, int],
    lit: Mapping[str, list[int]],
    drawn: set[Panel],
) -> str:
    """One array: a grid for each pair of its last two axes."""
    shape = _shape(seen, array)
    columns = shape[-1] if shape else 1
    panels = ""
    for lead in _panels(shape):
        if (array, lead) in drawn:
            inside = product(*map(range, shape[-2:]))
            cells = (_cell(seen, array, (*lead, *last), alphabets, order, lit) for last in inside)
            panels += f'<div class="cells" style="--columns: {columns}">{"".join(cells)}</div>'
    asked = array == seen.result.removeprefix("grad_")
    what = "whose gradient it is" if asked and array != "y" else _meaning(array)
    titles = [f"{name}, {what}" if name != what else name for name in (letters.letter(array) for letters in alphabets)]
    box = scrolling(f'<div class="panels">{panels}</div>', titles[0])
    return f'<div><p class="name">{both(*map(escape, titles))}</p>{box}</div>'


def _meaning(array: str) -> str:
    return "the cotangent ∂J/∂y" if array == COTANGENT else array


def _cell(
    seen: Meetings,
    array: str,
    index: Index,
    alphabets: Alphabets,
    order: Mapping[str, int],
    lit: Mapping[str, list[int]],
) -> str:
    code, letters = alphabets
    written = symbol(letters.letter(array), letters.index(array, index))
    place = ",".join(map(str, code.index(array, index)))  # in the array whose name stands above
    name, shown = _name(array, index), both(place, written)
    numbers = f' data-terms="{",".join(map(str, lit[name]))}"' if name in lit else ""
    style = f"cell{' long' if max(len(written), len(place)) > LONG else ''}{' lit' if name in lit else ''}"
    if array != seen.result.removeprefix("grad_"):
        return f'<span class="{style}" data-cell="{name}"{numbers}>{shown}</span>'
    chosen = index == seen.index
    terms = " ".join("*".join(_names(term)) for term in _terms(seen.formulas[index], order))
    pressed = "true" if chosen else "false"
    style = f"{style} chosen" if chosen else style
    return (
        f'<button type="button" class="{style}" data-cell="{name}" data-lit="{terms}" aria-pressed="{pressed}"'
        f"{numbers}>{shown}</button>"
    )


def _formula(seen: Meetings, index: Index, alphabets: Alphabets, order: Mapping[str, int]) -> str:
    """The formula of one element; where it is the one that is wrong, what was computed in its place as well."""
    hidden = "" if index == seen.index else " hidden"
    code, lettered = (_lines(seen, index, letters, order) for letters in alphabets)
    lines = both(code, lettered, "div")
    return f'<div data-formula="{_name(seen.result.removeprefix("grad_"), index)}"{hidden}>{lines}</div>'


def _lines(seen: Meetings, index: Index, letters: Notation, order: Mapping[str, int]) -> str:
    """The formula in one alphabet."""
    array = seen.result.removeprefix("grad_")
    right = seen.formulas[index]
    left = derivative(array, index, letters)[2]
    yours = seen.yours if index == seen.index else None
    lines = [_line(left, _marked(right, yours, "missing", letters, order), "right" if yours is not None else "")]
    if yours is not None:
        lines += [
            _line(left, _marked(yours, right, "extra", letters, order), "yours"),
            _told(yours, right, letters, order),
        ]
    return "".join(lines)


def _told(yours: Polynomial, right: Polynomial, letters: Notation, order: Mapping[str, int]) -> str:
    """What is marked in the two formulas, in words."""

    def shown(one: Polynomial, other: Polynomial) -> str:
        return text(tree(Polynomial({p: c for p, c in one.terms.items() if other.terms.get(p) != c}), order), letters)

    missing, extra = shown(right, yours), shown(yours, right)
    said = [f"missing {missing}" if missing != "0" else "", f"extra {extra}" if extra != "0" else ""]
    return f'<p class="small">{escape("; ".join(filter(None, said)) or "yours is the same here")}</p>'


def _line(left: str, right: str, label: str) -> str:
    said = f"<mtext>{label}:&#160;&#160;</mtext>" if label else ""
    return scrolling(f"<math><mrow>{said}{left}<mo>=</mo>{right}</mrow></math>", f"{label} formula".strip())


def _marked(
    polynomial: Polynomial, other: Polynomial | None, mark: str, letters: Notation, order: Mapping[str, int]
) -> str:
    """A polynomial as MathML, terms that the other has not marked."""
    written = ""
    if not polynomial.terms:
        return "<mn>0</mn>"
    singles = {tree(Polynomial({p: c}), order): (p, c) for p, c in polynomial.terms.items()}
    for term in _terms(polynomial, order):
        factors, coefficient = singles[term]
        same = other is None or other.terms.get(factors) == coefficient
        plus = "" if not written or text(term, letters).startswith("−") else "<mo>+</mo>"
        written += plus + (mathml(term, letters) if same else f'<mrow class="{mark}">{mathml(term, letters)}</mrow>')
    return written
