"""What the command lines share: one sentence for what makes no sense, and options that read their texts as an op's do."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from checks import ops
from checks.op import Op
from checks.signature.options import Option, flag, memory, real
from checks.subjects.isolation import TIMEOUT

USAGE_ERROR = 2


class Parser(argparse.ArgumentParser):
    """argparse with one sentence in place of a usage message; it begins with the name of the module that runs."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.refuse(message.removeprefix("argument "))

    def refuse(self, sentence: str) -> NoReturn:
        """Print the sentence on standard error, and end with exit code 2."""
        self.exit(USAGE_ERROR, f"{command(self.prog)}: {sentence}\n")

    def refuse_unknown(self, unknown: Sequence[str], subject: str) -> NoReturn:
        """Say what is close to the first of the words that no option takes."""
        known = [text for action in self._actions for text in action.option_strings]
        word = unknown[0].split("=")[0]
        what = f"{subject} has no option {word}" if word.startswith("-") else f"what is {word!r} for?"
        self.refuse(f"{what}; {ops.suggestion(word, known)}")

    def refuse_unwritable(self, option: str, path: Path | None) -> None:
        """Before the work: a result that cannot be written is better not waited for."""
        if path is None or str(path) == "-":
            return
        if path.is_dir() or not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            self.refuse(f"{option} {path} cannot be written; expected a file in a folder that exists")

    def add_options(self, op: Op, title: str) -> None:
        """The options of an op, as a group of this title."""
        group = self.add_argument_group(title)
        for option in op.takes.options:
            _add(group, option)

    def op_of(self, given: Sequence[str], *others: str, otherwise: str = "") -> str:
        """The op, or one of some other words, that is named among what was given; refused with what is close if none is.

        `otherwise` says what else can be meant by a name that is none of these.
        """
        words = [word for word in given if not word.startswith("-")]
        known = [*ops.ops(), *others]
        name = next((w for w in words if w in known or _is_derivative(w)), words[0] if words else None)
        if name is None or (name not in known and not _is_derivative(name)):
            self.parse_known_args([*given, known[0]])  # --help stops here
            if name is None:
                self.refuse(f"name an op: {' or '.join(known)}")
            missing = f"there is no op {name!r}; {ops.suggestion(name, known)}"
            self.refuse(f"{missing} {otherwise}" if otherwise else missing)
        return name


def _is_derivative(word: str) -> bool:
    """Whether it names a derivative of an op, as conv.double_backward does."""
    if word.partition(".")[0] not in ops.ops():
        return False
    try:
        ops.find(word)
    except ValueError:
        return False
    return True


def command(program: str) -> str:
    """What a program's sentences begin with: gradcheck for python -m checks.gradcheck conv."""
    words = program.split()
    return words[words.index("-m") + 1].rpartition(".")[2] if "-m" in words else words[0]


def typed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A parser of option texts as argparse wants it: the sentence says what was given, and what was expected."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as wrong:
            raise argparse.ArgumentTypeError(f"{text!r} given; {wrong}") from None

    return convert


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    if option.parse is None:
        group.add_argument(flag(option.name), action=argparse.BooleanOptionalAction, default=None, help=option.help)
    else:
        group.add_argument(flag(option.name), type=typed(option.parse), metavar=option.metavar, help=option.help)


def add_limits(parser: argparse._ActionsContainer) -> None:
    """What the process of the user's code may take."""
    parser.add_argument(
        "--timeout",
        type=typed(real(0, above=True)),
        default=TIMEOUT,
        metavar="S",
        help="seconds a call may take (default: 10)",
    )
    parser.add_argument(
        "--memory", type=typed(memory), metavar="M", help="what it may take, such as 4G (default: half of all)"
    )
