"""Formulas as text for a terminal, as LaTeX and as MathML: three notations of one tree (expression.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from html import escape

from checks.algebra.expression import (
    Call,
    Condition,
    Element,
    Expression,
    Named,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
)
from checks.formulas.notation import Notation

SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
GREEK = {
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma",
    "τ": r"\tau",
    "Φ": r"\Phi",
    "φ": r"\varphi",
    "χ": r"\chi",
    "ψ": r"\psi",
    "ω": r"\omega",
}
BACKSLASH = "\\"
HAT, BAR = "\u0302", "\u0304"
LARGEST_DENOMINATOR = 4096
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4  # how tightly an expression holds together


@dataclass(frozen=True)
class Writing:
    """One notation: how each kind of expression is put into characters.

    symbol    a letter with its index
    number    one that is not negative
    fraction  of what stands over a bar and under it; None: a stroke between the two
    bar       how tightly such a fraction holds together
    raised    functions that are written as powers
    """

    symbol: Callable[[str, tuple[int, ...]], str]
    number: Callable[[Fraction], str]
    times: str
    plus: str
    minus: str
    fraction: Callable[[str, str], str] | None
    power: Callable[[str, str], str]
    call: Callable[[str, list[str]], str]
    brackets: Callable[[str], str]
    condition: Callable[[str, str, str], str]
    bar: int = POWER
    raised: frozenset[str] = frozenset({"exp"})


def text(expression: Expression, notation: Notation) -> str:
    """In one line of Unicode: K₂,₂·G₁,₁ + K₂,₁·G₁,₂."""
    return _written(expression, notation, CODE if notation.code else TEXT, SUM)


def latex(expression: Expression, notation: Notation) -> str:
    """As LaTeX, for math mode."""
    return _written(expression, notation, LATEX, SUM)


def mathml(expression: Expression, notation: Notation) -> str:
    """As presentation MathML: what stands inside <math>."""
    return f"<mrow>{_written(expression, notation, MATHML, SUM)}</mrow>"


def symbol(letter: str, index: tuple[int, ...]) -> str:
    """A letter with its index, as text: V₂,₂, and weight[2,2] where the name is a word."""
    if not index:
        return letter
    one_letter = len(letter.replace(HAT, "").replace(BAR, "")) == 1
    return f"{letter}{','.join(map(str, index)).translate(SUBSCRIPTS)}" if one_letter else _in_code(letter, index)


def _in_code(letter: str, index: tuple[int, ...]) -> str:
    return f"{letter}[{','.join(map(str, index))}]" if index else letter


def derivative(array: str, index: tuple[int, ...], notation: Notation) -> tuple[str, str, str]:
    """What stands left of the equals sign, in the three notations: ∂J/∂V₂,₂, or Z₁,₁ for an output."""
    letter, place = notation.letter(array), notation.index(array, index)
    as_text = _in_code if notation.code else symbol
    written = as_text(letter, place), _latex_symbol(letter, place), _mathml_symbol(letter, place)
    if array == "y":
        return written
    loss = notation.loss
    return (
        f"∂{loss}/∂{written[0]}",
        rf"\frac{{\partial {loss}}}{{\partial {written[1]}}}",
        f"<mfrac><mrow><mo>∂</mo><mi>{loss}</mi></mrow><mrow><mo>∂</mo>{written[2]}</mrow></mfrac>",
    )


def _written(expression: Expression, notation: Notation, by: Writing, around: int) -> str:
    """The expression, in brackets where it holds together less tightly than what is around it asks for."""
    written = _bare(expression, notation, by)
    return by.brackets(written) if _tightness(expression, by) < around else written


def _tightness(expression: Expression, by: Writing) -> int:  # noqa: PLR0911, one case for each kind
    """How tightly an expression holds together as it is written."""
    negative, rest = _signed(expression)
    if negative:
        return SUM
    match rest:
        case Number(exact):
            mantissa, exponent = _decimal(exact)
            return PRODUCT if exponent else by.bar if "/" in mantissa else ATOM
        case Sum(terms) if terms:
            return SUM
        case Product():
            return PRODUCT
        case Quotient():
            return by.bar
        case Power():
            return POWER
        case Call(function, _) if function in by.raised:
            return POWER
        case _:
            return ATOM


def _bare(expression: Expression, notation: Notation, by: Writing) -> str:  # noqa: C901, PLR0911, one case for each kind
    """The expression without brackets around it."""

    def of(part: Expression, inside: int = SUM) -> str:
        return _written(part, notation, by, inside)

    negative, rest = _signed(expression)
    if negative:
        return by.minus.strip() + of(rest, PRODUCT)
    match rest:
        case Number(exact):
            return by.number(exact)
        case Element(array, index):
            return by.symbol(notation.letter(array), notation.index(array, index))
        case Named(letter, index, _, like):
            return by.symbol(letter, notation.index(like, index))
        case Sum(terms):
            return _sum(terms, of, by)
        case Product(factors):
            return by.times.join(of(factor, PRODUCT) for factor in factors)
        case Quotient(over, under) if by.fraction is not None:
            return by.fraction(of(over), of(under))
        case Quotient(over, under):
            return f"{of(over, PRODUCT)}/{of(under, POWER)}"
        case Power(base, exponent):
            return by.power(of(base, ATOM), of(exponent))
        case Call(function, arguments):
            return by.call(function, [of(argument) for argument in arguments])
        case Condition(left, relation, right):
            return by.condition(of(left), relation, of(right))


def _sum(terms: tuple[Expression, ...], of: Callable[[Expression, int], str], by: Writing) -> str:
    """Terms with the signs between them."""
    written = ""
    for term in terms:
        negative, rest = _signed(term)
        sign = by.minus if negative else by.plus
        written += (sign if written else sign.strip() * negative) + of(rest, PRODUCT)
    return written or by.number(Fraction(0))


def _signed(term: Expression) -> tuple[bool, Expression]:
    """Whether a minus stands before it, and what stands behind that; a sum or product of one is that one."""
    match term:
        case Number(value) if value < 0:
            return True, Number(-value)
        case Product((Number(value), *rest)) if value < 0 and rest:
            factors = rest if value == -1 else [Number(-value), *rest]
            return True, factors[0] if len(factors) == 1 else Product(tuple(factors))
        case Sum((only,)) | Product((only,)):
            return _signed(only)
        case _:
            return False, term


def _number(exact: Fraction) -> str:
    mantissa, exponent = _decimal(exact)
    return f"{mantissa}·10{str(exponent).translate(SUPERSCRIPTS)}".removeprefix("1·") if exponent else mantissa


def _decimal(exact: Fraction) -> tuple[str, int]:
    """The number as a fraction, or as a decimal and a power of 10 where the fraction would be one that nobody reads."""
    if exact.denominator <= LARGEST_DENOMINATOR:
        return str(exact), 0
    mantissa, _, exponent = repr(float(exact)).partition("e")
    return mantissa, int(exponent or 0)


def _power(base: str, exponent: str) -> str:
    plain = exponent.replace("−", "-")
    return base + (plain.translate(SUPERSCRIPTS) if plain.lstrip("-").isdecimal() else f"^({exponent})")


def _call(function: str, arguments: list[str]) -> str:
    return f"{'√' if function == 'sqrt' else function}({', '.join(arguments)})"


TEXT = Writing(
    symbol=symbol,
    number=_number,
    times="·",
    plus=" + ",
    minus=" − ",
    fraction=None,
    power=_power,
    call=_call,
    brackets=lambda inner: f"({inner})",
    condition=lambda left, relation, right: f"[{left} {relation} {right}]",
    bar=PRODUCT,
    raised=frozenset(),
)

CODE = replace(TEXT, symbol=_in_code)


def _latex_letter(letter: str) -> str:
    bare = letter.rstrip(HAT + BAR)
    word = bare.replace("_", r"\_")
    written = GREEK.get(bare, bare if len(word) == 1 else rf"\mathrm{{{word}}}")
    if letter.endswith(HAT):
        return rf"\hat{{{written}}}"
    return rf"\bar{{{written}}}" if letter.endswith(BAR) else written


def _latex_symbol(letter: str, index: tuple[int, ...]) -> str:
    return _latex_letter(letter) + (f"_{{{','.join(map(str, index))}}}" if index else "")


def _latex_number(exact: Fraction) -> str:
    mantissa, exponent = _decimal(exact)
    if exponent:
        return rf"{mantissa} \cdot 10^{{{exponent}}}".removeprefix(r"1 \cdot ")
    if "/" not in mantissa:
        return mantissa
    return rf"\frac{{{exact.numerator}}}{{{exact.denominator}}}"


def _latex_call(function: str, arguments: list[str]) -> str:
    inner = ", ".join(arguments)
    if function in {"exp", "sqrt"}:
        return rf"e^{{{inner}}}" if function == "exp" else rf"\sqrt{{{inner}}}"
    return rf"{GREEK.get(function, f'{BACKSLASH}{function}')}\left({inner}\right)"


_LATEX_RELATIONS = {"≤": r"\le", "≠": r"\ne"}

LATEX = Writing(
    symbol=_latex_symbol,
    number=_latex_number,
    times=r"\,",
    plus=" + ",
    minus=" - ",
    fraction=lambda over, under: rf"\frac{{{over}}}{{{under}}}",
    power=lambda base, exponent: f"{{{base}}}^{{{exponent}}}",
    call=_latex_call,
    brackets=lambda inner: rf"\left({inner}\right)",
    condition=lambda left, relation, right: rf"\left[{left} {_LATEX_RELATIONS.get(relation, relation)} {right}\right]",
)


def _mathml_symbol(letter: str, index: tuple[int, ...]) -> str:
    name = f"<mi>{escape(letter)}</mi>"
    bare = letter.rstrip(HAT + BAR)
    if bare != letter:
        name = f'<mover accent="true"><mi>{escape(bare)}</mi><mo>{"^" if letter.endswith(HAT) else "¯"}</mo></mover>'
    if not index:
        return name
    numbers = "<mo>,</mo>".join(f"<mn>{i}</mn>" for i in index)
    return f"<msub>{name}<mrow>{numbers}</mrow></msub>"


def _mathml_number(exact: Fraction) -> str:
    mantissa, exponent = _decimal(exact)
    if exponent:
        written = f"<mn>{mantissa}</mn><mo>·</mo><msup><mn>10</mn><mn>{exponent}</mn></msup>".replace("-", "−")
        return written.removeprefix("<mn>1</mn><mo>·</mo>")
    if "/" not in mantissa:
        return f"<mn>{mantissa}</mn>"
    return f"<mfrac><mn>{exact.numerator}</mn><mn>{exact.denominator}</mn></mfrac>"


def _mathml_call(function: str, arguments: list[str]) -> str:
    inner = "<mo>,</mo>".join(arguments)
    if function == "exp":
        return f"<msup><mi>e</mi><mrow>{inner}</mrow></msup>"
    if function == "sqrt":
        return f"<msqrt>{inner}</msqrt>"
    return f"<mi>{function}</mi><mo>(</mo>{inner}<mo>)</mo>"


MATHML = Writing(
    symbol=_mathml_symbol,
    number=_mathml_number,
    times="<mo>·</mo>",
    plus="<mo>+</mo>",
    minus="<mo>−</mo>",
    fraction=lambda over, under: f"<mfrac><mrow>{over}</mrow><mrow>{under}</mrow></mfrac>",
    power=lambda base, exponent: f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>",
    call=_mathml_call,
    brackets=lambda inner: f"<mo>(</mo>{inner}<mo>)</mo>",
    condition=lambda left, relation, right: f"<mo>[</mo>{left}<mo>{escape(relation)}</mo>{right}<mo>]</mo>",
)
