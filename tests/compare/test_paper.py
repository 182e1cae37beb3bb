"""The folder of --paper."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ser.commands import main
from ser.compare.paper import figures, methods
from ser.encoders.weights import weights_digest
from ser.runs.results import read_results
from tests.compare.made import LSTM, RESNET, clips, make_run

ODD = r"怒り_50%|<b>&$\{#^~[x"
LABELS = ("neutral", "sad", "angry_50%")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rows, one of two seeds, one with an encoder; and one of another corpus, with names in Japanese."""
    folder = tmp_path_factory.mktemp("runs")
    made = {"tested": clips(n_speakers=8, labels=LABELS), "labels": LABELS}
    for seed in (0, 1):
        make_run(folder / f"a{seed}", seed=seed, skill=0.9, validation=0.8, choices={"model": "resnet"}, **made)
    make_run(folder / "b", model=LSTM, skill=0.4, validation=0.5, choices={"model": "lstm"}, **made)
    encoder = folder / "tiny_whisper"
    encoder.mkdir()
    (encoder / "config.json").write_text("{}")
    (encoder / "preprocessor_config.json").write_text("{}")
    save_file({"weight": np.ones(3, np.float32)}, encoder / "model.safetensors")
    feature = {"_target_": "x.Encoder", "checkpoint": str(encoder), "revision": None, "layer": [1, 2]}
    model = {**RESNET, "pool": ODD}
    make_run(folder / "c", model=model, feature=feature, skill=0.8, validation=0.6, typed=["epochs=3"], **made)
    (folder / "c" / "environment.json").write_text(json.dumps({"command": "ser train x=1", "cpu": "abacus"}))
    japanese = ("怒り", "喜び")
    make_run(folder / "d", corpus={"fingerprint": "xyz", "name": "声"}, tested=clips(labels=japanese), labels=japanese)
    return folder


@pytest.fixture(scope="module")
def paper(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers") / "new" / "appendix"
    written = folder.parent / "table.csv"
    folder.parent.mkdir()
    assert main(["compare", str(runs), "--paper", str(folder), "--format", "csv", "--output", str(written)]) == 0
    return folder


def test_what_is_written(paper: Path) -> None:
    ranked = ["ranks-1.pdf"]  # of the table with three rows alone
    tested = ["tests-1.tex"]
    kinds = ["scores-{}.tex", "scores-{}.csv", "recall-{}.tex", "per_class-{}.csv"]
    kinds += ["scores-{}.pdf", "confusion-{}.pdf", "curves-{}.pdf"]
    whole = ["appendix.tex", "methods.tex", "methods.md", "references.bib", "reproducibility.json", "SHA256SUMS"]
    numbered = [kind.format(number) for number in (1, 2) for kind in kinds]
    assert sorted(path.name for path in paper.iterdir()) == sorted(whole + numbered + ranked + tested)
    for line in (paper / "SHA256SUMS").read_text().splitlines():
        sum_, name = line.split("  ")
        assert hashlib.sha256((paper / name).read_bytes()).hexdigest() == sum_


def test_csv_and_latex_say_what_the_table_says(paper: Path) -> None:
    rows = list(csv.DictReader((paper / "scores-1.csv").open(encoding="utf-8")))
    whole = list(csv.DictReader((paper.parent / "table.csv").open(encoding="utf-8")))
    assert rows == [row for row in whole if row["table"] == "1"]
    body = (paper / "scores-1.tex").read_text(encoding="utf-8").split(r"\midrule")[1]
    for row in rows:
        assert f"{float(row['uar']):.3f} [{float(row['uar_low']):.3f}, {float(row['uar_high']):.3f}]" in body
    each = list(csv.DictReader((paper / "per_class-1.csv").open(encoding="utf-8")))
    recalls = [float(one["recall"]) for one in each if one["row"] == "1"]
    assert np.mean(recalls) == pytest.approx(float(rows[0]["uar"]))
    cells = " & ".join(f"{100 * recall:.1f}" for recall in recalls)
    assert f"1 & {cells} & {100 * float(rows[0]['uar']):.1f} " in (paper / "recall-1.tex").read_text(encoding="utf-8")


def test_names_are_typeset_as_they_were_meant(paper: Path) -> None:
    odd = r"怒り\_50\%|\textless{}b\textgreater{}\&\$\textbackslash{}\{\#\textasciicircum{}\textasciitilde{}[x"
    assert odd in (paper / "scores-1.tex").read_text(encoding="utf-8")
    assert odd in (paper / "methods.tex").read_text(encoding="utf-8")
    assert r"angry\_50\%" in (paper / "recall-1.tex").read_text(encoding="utf-8")
    for path in paper.glob("*-?.tex"):
        body = path.read_text(encoding="utf-8").split(r"\toprule")[1].split(r"\bottomrule")[0]
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len({len(re.findall(r"(?<!\\)&", line)) for line in lines}) == 1
        assert not any(re.search(r"(?<!\\)[%#_]", line) for line in lines)


def test_methods_cite_what_stands_in_the_references(paper: Path) -> None:
    keys = set(re.findall(r"^@\w+\{(\w+),$", (paper / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))
    tex = (paper / "methods.tex").read_text(encoding="utf-8")
    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", tex) for key in keys.split(",")}
    assert {"efron1993", "field2007", "holm1979", "demsar2006", "he2016"} <= cited <= keys
    markdown = (paper / "methods.md").read_text(encoding="utf-8")
    assert set(re.findall(r"@(\w+)", markdown)) == cited
    for said in (tex, markdown.replace("\\", "")):
        assert "1,000 trained parameters" in said and "chance is a UAR of 0.333" in said
        assert "10,000 resamples" in said and "Seeds of the trainings: 0, 1." in said
    assert r"Table~\ref{tab:scores-2}: the corpus is 声 with 200 clips and the 2 emotions 怒り, 喜び" in tex


def test_all_citations_of_choices_are_in_the_references() -> None:
    bib = Path(methods.__file__).with_name("references.bib").read_text(encoding="utf-8")
    said = " ".join(methods.PROTOCOLS.values())
    for key in [*methods.CORPORA.values(), *methods.CHOICES.values(), *re.findall(r"@(\w+)", said)]:
        assert f"{{{key}," in bib


def test_what_makes_it_again(runs: Path, paper: Path) -> None:
    said = json.loads((paper / "reproducibility.json").read_text(encoding="utf-8"))
    first, second = said["tables"]
    assert [len(row["runs"]) for row in first["rows"]] == [2, 1, 1]
    [run] = first["rows"][1]["runs"]
    assert run["folder"] == str(runs / "c")
    assert (run["command"], run["environment"]) == ("ser train x=1", {"cpu": "abacus"})
    assert first["rows"][0]["runs"][0]["command"] == "ser train"
    facts = read_results(runs / "c").facts
    assert (run["split"]["hash"], run["corpus"]["fingerprint"]) == (facts.split.hash, facts.corpus.fingerprint)
    predictions = (runs / "c" / "predictions.csv").read_bytes()
    assert run["sha256"] == {"predictions.csv": hashlib.sha256(predictions).hexdigest()}
    [encoder] = run["encoders"]
    assert encoder["setting"] == "feature.checkpoint"
    assert encoder["digest"] == weights_digest(runs / "tiny_whisper")
    assert second["rows"][0]["runs"][0]["corpus"]["fingerprint"] == "xyz"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take time."""
    monkeypatch.setattr(figures, "draw", lambda *_: None)


@pytest.mark.usefixtures("undrawn")
def test_an_encoder_that_is_not_here_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", feature={"_target_": "x.Encoder", "checkpoint": "nobody/nothing", "revision": None})
    assert main(["compare", str(run), "--paper", str(tmp_path / "paper")]) == 0
    said = json.loads((tmp_path / "paper" / "reproducibility.json").read_text(encoding="utf-8"))
    [encoder] = said["tables"][0]["rows"][0]["runs"][0]["encoders"]
    assert (encoder["checkpoint"], encoder["digest"]) == ("nobody/nothing", None)
    assert encoder["why"] == "it does not lie on this machine"


def test_letters_are_embedded_in_figures(paper: Path) -> None:
    for path in paper.glob("*.pdf"):
        content = path.read_bytes()
        assert content.startswith(b"%PDF") and b"/FontFile2" in content
        assert b"STIXGeneral" in content and b"/Type3" not in content
    assert b"IPAexGothic" in (paper / "confusion-2.pdf").read_bytes()


def test_written_again_it_is_the_same_and_what_a_user_wrote_stays(
    runs: Path, paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    shutil.copytree(paper, own)
    (own / "paper.tex").write_text("mine")
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    assert main(["compare", str(runs), "--paper", str(own)]) == 0
    assert f"written to {own}: appendix.tex, " in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before
    monkeypatch.setattr(figures, "draw", lambda *_: None)
    assert main(["compare", str(runs / "b"), "--paper", str(own)]) == 0  # one row: nothing of the old rows stays
    left = {path.name for path in own.iterdir()}
    assert "paper.tex" in left and not left & {"tests-1.tex", "scores-2.tex", "ranks-1.pdf"}
    (own / "methods.tex").write_text("mended by hand")
    capsys.readouterr()
    assert main(["compare", str(runs), "--paper", str(own)]) == 1
    assert f"{own / 'methods.tex'} was changed and would be lost; name another folder" in capsys.readouterr().err
    assert (own / "methods.tex").read_text() == "mended by hand"
    assert {path.name for path in own.iterdir()} == left


@pytest.mark.usefixtures("undrawn")
def test_folders_that_are_not_its_own_are_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    for place, said in ((runs / "b", "holds other files; name a new folder"), (tmp_path / "file", "is a file")):
        assert main(["compare", str(runs), "--paper", str(place)]) == 1
        err = capsys.readouterr().err
        assert said in err and len(err.splitlines()) == 1
    (tmp_path / "empty").mkdir()
    assert main(["compare", str(runs / "b"), "--paper", str(tmp_path / "empty")]) == 0


@pytest.mark.usefixtures("undrawn")
def test_a_model_that_is_solved_has_no_optimiser(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", optim={"_target_": "x.OneCycle", "lr": 0.1}, loss={"name": "nll"})
    metrics = json.loads((run / "metrics.json").read_text())
    for chosen, said in ((None, "optimiser x (lr=0.1)"), ({"cost": 0.1}, "chosen on validation: cost 0.1")):
        (run / "metrics.json").write_text(json.dumps(metrics | ({"chosen": chosen} if chosen else {})))
        folder = tmp_path / f"paper-{bool(chosen)}"
        assert main(["compare", str(run), "--paper", str(folder)]) == 0
        tex = (folder / "methods.tex").read_text(encoding="utf-8")
        assert said in tex and ("optimiser" in tex) == (chosen is None)
        assert ("solved once more, from training and validation together" in tex) == bool(chosen)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")
def test_it_can_be_typeset(tmp_path: Path) -> None:
    """With names that LaTeX would obey, but in Latin letters."""
    for epochs, skill in enumerate((0.9, 0.8, 0.4), start=1):
        odd = ODD.replace("怒り", "é") if epochs == 1 else "mean"
        made = {"tested": clips(8, labels=LABELS), "labels": LABELS, "model": {**RESNET, "pool": odd}}
        make_run(tmp_path / "runs" / str(epochs), epochs=epochs, skill=skill, validation=skill, **made)
    assert main(["compare", str(tmp_path / "runs"), "--paper", str(tmp_path / "paper")]) == 0
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "appendix"]
    run = subprocess.run(words, cwd=tmp_path / "paper", capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Overfull" not in run.stdout
