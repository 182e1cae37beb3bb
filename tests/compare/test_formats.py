"""Text, CSV, Markdown, LaTeX, and the command."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from ser.commands import main
from ser.config.places import conf_dir
from ser.runs.results import read_results
from ser.runs.status import Status
from tests.compare.made import LSTM, RESNET, clips, make_run

ODD = r"怒り_50%|<b>&$\{#^~[x"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three rows: one of two seeds; and a failed run."""
    for seed in (0, 1):
        make_run(tmp_path / "sweep" / str(seed), seed=seed, skill=0.8, validation=0.8, choices={"model": "resnet"})
    make_run(tmp_path / "sweep" / "2", model=LSTM, skill=0.4, validation=0.5, choices={"model": "lstm"})
    make_run(tmp_path / "sweep" / "3", model={**RESNET, "pool": ODD}, validation=0.6, choices={"model": "resnet"})
    (tmp_path / "sweep" / "4").mkdir()
    Status("failed", 1.0, "why").write(tmp_path / "sweep" / "4")
    return tmp_path / "sweep"


def test_text(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep)]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == "made, split=kfold, split.seed=0: 96 test clips of 8 speakers"
    [head] = [line for line in lines if "validation UAR" in line]
    assert head.split("  ")[0].strip() == ""
    assert re.split(r" {2,}", head.strip()) == [
        *("model", "model.pool", "runs", "validation UAR", "test UAR", "test accuracy", "test macro-F1"),
    ]
    rows = [line for line in lines if re.match(r"[123]  (resnet|lstm)", line)]
    place = cell_len(head[: head.index("runs")])
    for line, runs in zip(rows, "211", strict=True):  # straight, though a name is Japanese
        before = next(index for index in range(len(line)) if cell_len(line[:index]) == place)
        assert line[before] == runs
    assert "0.800 ± 0.000" in rows[0]
    assert f"  1: {sweep}/{{0,1}}" in lines
    assert "1 is better than 3: UAR +0." in text
    assert "paired permutation test over speakers; p-values corrected after Holm):" in text
    assert "95 % interval, by bootstrap over speakers. In round brackets mean ± standard deviation" in text
    assert lines[-1] == f"left out: 1 of 5 runs; failed (1): {sweep}/4"


def test_csv_has_every_number(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(sweep / "5", corpus={"fingerprint": "other"})
    assert main(["compare", str(sweep), "--format", "csv"]) == 0
    said = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [(row["table"], row["row"], row["model"], row["runs"]) for row in rows] == [
        ("1", "1", "resnet", "2"),
        ("1", "2", "resnet", "1"),
        ("1", "3", "lstm", "1"),
        ("2", "1", "", "1"),
    ]
    assert [row["model.pool"] for row in rows] == ["–", ODD, "–", ""]
    assert float(rows[1]["uar"]) == read_results(sweep / "3").scores.uar
    assert float(rows[1]["uar_low"]) < float(rows[1]["uar"]) < float(rows[1]["uar_high"])
    assert rows[2]["best_is"] == "better"
    assert (rows[0]["p_holm"], rows[0]["best_is"]) == ("", "")
    assert 0 < float(rows[2]["p"]) <= float(rows[2]["p_holm"]) <= 0.05
    assert float(rows[2]["difference_low"]) < float(rows[2]["difference"]) < float(rows[2]["difference_high"])
    assert rows[0]["folders"].split(":") == [str(sweep / "0"), str(sweep / "1")]
    assert [(row["corpus"], row["split"]) for row in rows] == [("made", "kfold")] * 4
    apart, left_out = said.err.splitlines()
    assert apart.startswith("table 2: Not comparable with the first table: fingerprint of the corpus is other here")
    assert left_out.startswith("left out: 1 of 6 runs")


def test_markdown(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert table[1] == "|---|---|---|---|---|---|---|---|"
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {9}
    assert r"怒り\_50%\|\<b\>&$\\\{\#^\~\[x" in table[3]
    assert "- 1 is better than 3" in text


def test_latex_is_typeset_as_it_was_meant(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--format", "latex"]) == 0
    text = capsys.readouterr().out
    body = re.search(r"\\begin\{tabular\}\{l{8}\}\n\\toprule\n(.*)\\bottomrule\n\\end\{tabular\}", text, re.DOTALL)
    assert body
    lines = [line for line in body[1].splitlines() if line != r"\midrule"]
    assert len(lines) == 4
    for line in lines:
        assert line.endswith(r" \\")
        assert len(re.findall(r"(?<!\\)&", line)) == 7
        assert not re.search(r"(?<!\\)[%#_]", line)
    odd = r"怒り\_50\%|\textless{}b\textgreater{}\&\$\textbackslash{}\{\#\textasciicircum{}\textasciitilde{}[x"
    assert odd in lines[2]
    assert r"0.800 $\pm$ 0.000" in lines[1]


def test_files_are_written_instead(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["compare", str(sweep), "--output", str(tmp_path / "表.txt"), "--html", str(tmp_path / "page.html")]) == 0
    )
    assert capsys.readouterr().out == ""
    assert "怒り" in (tmp_path / "表.txt").read_text(encoding="utf-8")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main(["compare", str(sweep), "--output", str(tmp_path / "nowhere" / "a.txt")]) == 1
    assert capsys.readouterr().err.startswith(f"cannot write {tmp_path}/nowhere/a.txt (No such file")


def test_mistakes_end_in_one_line(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, said in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path / "empty", "no run lies in"),
        (sweep / "4", "no finished run to compare; left out: 1 of 1 runs; failed (1)"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert main(["compare", str(place)]) == 1
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1


def test_what_a_terminal_would_obey_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "a\x1b[31m", epochs=1, sampling="x\x1b]0;y\x07")
    make_run(tmp_path / "b", epochs=2, corpus={"notice": "line\x1b[2J"})
    make_run(tmp_path / "c", corpus={"name": "own\x1b[2J"})
    assert main(["compare", str(tmp_path)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["compare", str(tmp_path), "--format", "csv"]) == 0
    assert "\x1b" not in capsys.readouterr().err


def test_it_starts_fast_and_runs_where_the_locale_is_plain_ascii(tmp_path: Path) -> None:
    make_run(tmp_path / "声", tested=clips(labels=("怒り", "喜び")), labels=("怒り", "喜び"))
    code = """
import sys
from ser.commands import main
code = main(["compare", *sys.argv[1:]])
print(sorted({"torch", "pytorch_lightning", "transformers", "sklearn", "matplotlib", "hydra"} & set(sys.modules)))
sys.exit(code)
"""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [sys.executable, "-c", code, str(tmp_path), "--html", str(tmp_path / "page.html")]
    run = subprocess.run(words, capture_output=True, env=environment)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().splitlines()[-1] == "[]"
    assert "怒り" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("head") is None, reason="needs head")
def test_a_reader_that_goes_away_is_no_fault(sweep: Path) -> None:
    script = conf_dir().parent / "scripts" / "compare.py"
    command = f'"{sys.executable}" "{script}" "{sweep}" | head -n 0'
    run = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert run.stderr == ""
