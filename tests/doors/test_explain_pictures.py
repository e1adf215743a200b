"""python -m checks.explain --format svg|png: files, and one sentence for what makes no sense."""

import pytest

from checks.explain import main


def test_each_formula_is_a_file_that_is_named(tmp_path, capsys):
    assert main(["conv", "--dims", "1", "--wrt", "V", "--format", "svg", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / f"conv-V-{n}.svg") for n in (1, 2, 3)]
    assert all(path.read_text(encoding="utf-8").startswith("<svg") for path in tmp_path.iterdir())


def test_the_figures_of_the_book_are_files(tmp_path, capsys):
    assert main(["--book", str(tmp_path / "figures"), "--format", "svg"]) == 0
    assert str(tmp_path / "figures" / "L7.svg") in capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("conv --steps", "--steps is for pictures; expected --format svg or --format png beside it"),
        ("conv --out here", "--out is for pictures; expected --format svg or --format png beside it"),
        ("conv --wrt Z[1,1] --format svg --steps", "Z₁,₁ is an output; expected an input"),
        ("--book f --format pdf", "--format: 'pdf' given; expected svg or png"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(line, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
