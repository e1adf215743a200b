"""What can be made of reports, and the files that a command line is asked to write of them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from checks.signature.options import flag
from checks.verdict.report import Report

STANDARD_OUTPUT = Path("-")
SUMMARY = "GITHUB_STEP_SUMMARY"  # as GitHub Actions names the file that it shows the summary of a step from
# By the name of the format: the module of checks.render that draws it, and what it is.
FORMATS = {
    "html": ("html", "a page with pictures"),
    "text": ("terminal", "what the terminal shows"),
    "markdown": ("summary", "Markdown, for a summary or a comment"),
    "junit": ("junit", "JUnit XML, for CI systems"),
    "github": ("github", "annotations for GitHub Actions"),
    "svg": ("svg", "a picture of what is wrong"),
    "json": ("json", "data (docs/report.md)"),
}
WRITTEN = ("json", "html", "junit", "markdown")  # beside what the terminal shows


def rendered(name: str, reports: Iterable[Report], **how: bool) -> str:
    """The reports in the format of this name, which may be told how; it ends with the end of a line."""
    module, _ = FORMATS[name]
    text: str = import_module(f"checks.render.{module}").render(*reports, **how)
    return text if text.endswith("\n") or not text else f"{text}\n"


@dataclass(frozen=True)
class Outputs:
    """What is written at the end of a run: a file, or -, for each of some formats; and, if asked for, what GitHub reads."""

    files: Mapping[str, Path]
    github: bool = False

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """The options by which they are asked for."""
        group = parser.add_argument_group("what to write beside the verdict (- for standard output, in place of it)")
        for name in WRITTEN:
            group.add_argument(flag(name), type=Path, metavar="FILE", help=FORMATS[name][1])
        group.add_argument("--github", action="store_true", help="annotations and a summary for GitHub Actions")

    @classmethod
    def of(cls, options: argparse.Namespace) -> Outputs:
        """Those that were asked for; raises ValueError, in one sentence, where one would overwrite another."""
        asked = {name: path for name in WRITTEN if (path := getattr(options, name)) is not None}
        takers: dict[Path, str] = {STANDARD_OUTPUT: flag("github")} if options.github else {}
        for name, path in asked.items():
            place = path if path == STANDARD_OUTPUT else path.resolve()
            if place in takers:
                where = "standard output" if path == STANDARD_OUTPUT else path
                raise ValueError(f"{takers[place]} and {flag(name)} both write to {where}; name a file for each")
            takers[place] = flag(name)
        return cls(asked, options.github)

    @property
    def take_standard_output(self) -> bool:
        """Whether what the terminal shows would spoil one of them."""
        return STANDARD_OUTPUT in self.files.values()

    def write(self, reports: Iterable[Report]) -> None:
        """Write them all; raises ValueError, in one sentence, for a file that cannot be written."""
        every = tuple(reports)
        for name, path in self.files.items():
            written(rendered(name, every), path)
        if self.github:
            for_github(every)


def written(text: str, path: Path) -> None:
    """Write a text to a file or to standard output; raises ValueError in one sentence."""
    if path == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        # Half of a pair of surrogates, as names of files may have, is written as the escape that JSON has for it.
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error


def for_github(reports: Iterable[Report]) -> None:
    """Print the annotations, and append the summary to the file that GitHub Actions names, if it does."""
    from checks.render import github

    every = tuple(reports)
    sys.stdout.write(github.render(*every))
    if not os.environ.get(SUMMARY):
        return
    path = Path(os.environ[SUMMARY])
    try:
        already = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(github.summary(*every, already=already))
    except OSError as error:
        raise ValueError(f"{SUMMARY} {path} cannot be written: {error.strerror}") from error


def colour() -> bool:
    """The usual rules: NO_COLOR forbids, FORCE_COLOR demands, else a terminal that can."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")
