"""What a run of several judges: which op, which implementation of it, in which dtype; from words, or from a TOML file."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks import ops
from checks.numbers.precision import PRECISIONS
from checks.op import Op
from checks.subjects.loading import COMPILED, built_in, offered, split

COMPILE = "judge what the framework's compiler makes of it: torch.compile, jax.jit …"
ADAPT = 'how a layer lies, as "layout=NHWC; weight=W: H W I O" (docs/judge-your-own.md)'
EXPECTED = {"adapt": "layers.py:Conv", "compile": "torch"}
TABLE = "implementation"
FIELDS = ("op", "impl", "dtype")


@dataclass(frozen=True)
class Subject:
    """One verdict to come. `impl` is None for the reference."""

    op: Op
    impl: str | None
    dtype: str

    def within(self, options: argparse.Namespace) -> argparse.Namespace:
        """The options of the command line, as they are for this one."""
        return argparse.Namespace(**{**vars(options), "impl": self.impl, "dtype": self.dtype})


def named(words: Sequence[str]) -> list[Op] | None:
    """The ops of the first word that lists some, as in conv,linear; None if none does. Raises ValueError for no op."""
    known = ops.ops()
    for word in words:
        listed = word.split(",")
        if len(listed) > 1 and not word.startswith("-") and any(name.partition(".")[0] in known for name in listed):
            return [ops.find(name) for name in dict.fromkeys(listed)]
    return None


def subjects(chosen: Sequence[Op], *, every: bool, options: argparse.Namespace) -> list[Subject]:
    """What to judge of these ops; raises ValueError, in one sentence, where that makes no sense.

    every  all ops were asked for: then only those are judged for which an implementation is named, if any is
    """
    dtypes = options.dtypes or [options.dtype]
    for dtype in dtypes:
        if dtype not in PRECISIONS:
            raise ValueError(f"there is no dtype {dtype!r}; {ops.suggestion(dtype, list(PRECISIONS))}")
    listed = [one for text in options.impl or () for one in _of_option(text, chosen)]
    listed += _of_file(options.impls) if options.impls else []
    listed = [(name, _spoken_to(impl, options), dtype) for name, impl, dtype in listed]
    for option in ("adapt", "compile"):
        if getattr(options, option) and not listed:
            raise ValueError(f"--{option} is about what --impl names; expected --impl {EXPECTED[option]} or the like")
    if not listed:
        return [Subject(op, None, dtype) for op in chosen for dtype in dtypes]
    among = {op.name for op in chosen}
    for name, _, _ in listed:
        if name not in among:
            raise ValueError(f"an implementation of {name} is named, which is not judged; name {name} among the ops")
    missing = [name for name in among if not any(name == op for op, _, _ in listed)]
    if missing and not every:
        raise ValueError(f"no implementation of {min(missing)} is named; expected --impl {min(missing)}=WHAT")
    return [Subject(ops.find(name), impl, d) for name, impl, own in listed for d in ([own] if own else dtypes)]


def _of_option(text: str, chosen: Sequence[Op]) -> list[tuple[str, str, str]]:
    name, equals, target = text.partition("=")
    if equals and target and name in ops.ops():
        return [(op.name, target, "") for op in chosen if name in {op.name, _base(op).name}] or [(name, target, "")]
    if len({_base(op).name for op in chosen}) == 1:  # of one op, or of its derivatives
        return [(op.name, text, "") for op in chosen]
    if bridge := built_in(text):
        return [(op.name, text, "") for op in chosen if offered(bridge, _base(op))]
    raise ValueError(f"--impl {text} is about one op of several; expected OP={text}, such as {chosen[0].name}={text}")


def _base(op: Op) -> Op:
    """The op itself, where it is a derivative."""
    return _base(op.derivative.of) if op.derivative else op


def _spoken_to(impl: str, options: argparse.Namespace) -> str:
    """What --impl names, with what is to be done with it: adapted as somebody says, compiled."""
    told = f"{impl}?{options.adapt}" if options.adapt else impl
    return _compiled(told) if options.compile else told


def _compiled(impl: str) -> str:
    if split(impl)[0] is None:
        raise ValueError(
            f"--compile asks the compiler of a framework, and {impl} is in none; expected --impl torch:{impl}"
        )
    return COMPILED + impl.removeprefix(COMPILED)


def _of_file(path: Path) -> list[tuple[str, str, str]]:
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML: {error}") from error
    tables = read.pop(TABLE, None)
    if read or not isinstance(tables, list) or not tables:
        unknown = f"it has {next(iter(read))}; " if read else ""
        raise ValueError(f"{path}: {unknown}expected tables [[{TABLE}]], each with {', '.join(FIELDS)}")
    return [_of_table(table, f"{path}: [[{TABLE}]] {n}") for n, table in enumerate(tables, 1)]


def _of_table(table: Any, where: str) -> tuple[str, str, str]:
    for name, value in table.items() if isinstance(table, dict) else [(str(table), "")]:
        if name not in FIELDS:
            raise ValueError(f"{where} has {name!r}; {ops.suggestion(name, list(FIELDS))}")
        if not isinstance(value, str):
            raise ValueError(f"{where}: {name} is {value!r}; expected a text")  # noqa: TRY004, of a file, not of a call
    for name in FIELDS[:2]:
        if not table.get(name):
            raise ValueError(f"{where} has no {name}; expected op and impl, and dtype where it is another")
    dtype = table.get("dtype", "")
    if dtype and dtype not in PRECISIONS:
        raise ValueError(f"{where}: there is no dtype {dtype!r}; {ops.suggestion(dtype, list(PRECISIONS))}")
    try:
        return ops.find(table["op"]).name, table["impl"], dtype
    except ValueError as unknown:
        raise ValueError(f"{where}: {unknown}") from None
