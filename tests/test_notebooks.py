"""The notebooks run from the first cell to the last, on a few made-up clips; in both languages they do the same."""

import ast
import base64
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import pytest
import soundfile

from ser.commands import main
from ser.config.places import conf_dir
from tests.audio import films
from tests.conftest import FAST, Command

FOLDER = conf_dir().parent / "notebooks"
ENGLISH, JAPANESE = NOTEBOOKS = FOLDER / "first_steps.ipynb", FOLDER / "first_steps.ja.ipynb"

SMALL = {  # what makes an experiment quick
    "assignment1_improved": [*FAST, "epochs=1"],
    "assignment2": ["model.hidden=8", "epochs=1"],
    "whisper_linear": ["feature.layer=[1,2]", "model.costs=[0.1]"],
}
ENCODERS = {"assignment2": "wav2vec2", "whisper_linear": "whisper"}
FOLDS = "split.test_speakers=[['01'],['02'],['03'],['04']]"  # of split=emobox, for the speakers there are

both = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])


def read(notebook: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(notebook.read_text(encoding="utf-8"))
    return content


def code(notebook: Path) -> dict[str, str]:
    """The code cells by their ids, in order; `!command` and `%pip` call a function `shell`."""
    cells = {cell["id"]: "".join(cell["source"]) for cell in read(notebook)["cells"] if cell["cell_type"] == "code"}
    return {
        name: re.sub(r"^[!%](.*)$", lambda line: f"shell(f{line[1]!r})", source, flags=re.MULTILINE)
        for name, source in cells.items()
    }


class WithoutText(ast.NodeTransformer):
    """Takes away what is printed: no other strings are in a language."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return ast.Constant("") if isinstance(node.func, ast.Name) and node.func.id == "print" else node


def without_text(source: str) -> str:
    return ast.dump(WithoutText().visit(ast.parse(source)))  # comments are in no tree


def test_the_code_is_the_same_in_both_languages() -> None:
    english, japanese = code(ENGLISH), code(JAPANESE)
    assert {name: without_text(cell) for name, cell in english.items()} == {
        name: without_text(cell) for name, cell in japanese.items()
    }
    kinds = [[(cell["id"], cell["cell_type"]) for cell in read(notebook)["cells"]] for notebook in NOTEBOOKS]
    assert kinds[0] == kinds[1]
    for cell in read(JAPANESE)["cells"]:
        assert cell["cell_type"] == "code" or re.search("[ぁ-ん]", "".join(cell["source"]))


@both
def test_it_is_a_notebook_and_holds_no_outputs(notebook: Path) -> None:
    content = read(notebook)
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    for cell in content["cells"]:
        assert {"id", "cell_type", "metadata", "source"} <= set(cell)
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)


@both
def test_its_format_is_valid(notebook: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(notebook, as_version=4))


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The pictures that are shown by means of IPython, which need not be there."""
    shown: list[Path] = []
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(Image=_picture, display=shown.append))
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("Agg")
    yield shown
    plt.close("all")


def _picture(filename: str, width: int | None = None) -> Path:
    assert Path(filename).read_bytes().startswith(b"\x89PNG")
    return Path(filename)


def colab(clip: Path) -> ModuleType:
    """Its microphone hears a clip and gives WebM, as a browser does; the same clip is uploaded."""
    samples, rate = soundfile.read(clip, dtype="float32")
    films.write(Path("recorded.webm"), "libopus", rate, samples)
    data = "data:;base64," + base64.b64encode(Path("recorded.webm").read_bytes()).decode()
    made = ModuleType("google.colab")
    made.__dict__["output"] = SimpleNamespace(eval_js=lambda _: data)
    made.__dict__["files"] = SimpleNamespace(upload=lambda: {str(clip): clip.read_bytes()})
    return made


def test_all_cells_run_and_end_with_an_answer(
    command: Command,
    few: Path,
    encoders: Path,
    displayed: list[Path],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("av")

    def shell(line: str) -> None:
        program, name, *words = shlex.split(line)
        if program == "pip":
            return
        assert program == "ser"
        if name != "train":
            assert main([name, *words]) == 0
            return
        experiment = words[0].removeprefix("experiment=")
        quick = SMALL[experiment] + ([FOLDS] if "split=emobox" in words else [])
        if experiment in ENCODERS:
            quick.append(f"feature.checkpoint={encoders / ENCODERS[experiment]}")
        outcome = command(*words, *quick)
        assert outcome.code == 0, outcome.output

    clip = sorted(few.rglob("*.wav"))[0]
    shutil.copy(clip, "my_voice.wav")
    cells = code(ENGLISH)
    assert cells["corpus"] == 'CORPUS = "corpus=ravdess corpus.download=true"'
    cells["corpus"] = f"CORPUS = 'corpus=ravdess corpus.root={few}'"
    names: dict[str, Any] = {"shell": shell}

    def run(source: str) -> None:
        exec(source, names)

    for source in cells.values():
        run(source)
    labels = names["recognizer"].labels
    assert names["answer"].emotion in labels and names["timeline"].emotion in labels and names["timeline"].timeline
    assert displayed == [names["run"] / "confusion.png", Path("timeline.png")]
    assert "emobox" in (names["run"] / "report.txt").read_text(encoding="utf-8"), "the last run is shown, and answers"
    said = capfd.readouterr().out
    assert said.count("whisper_linear") == 2 and "Not comparable with the first table" in said
    assert Path("comparison.html").exists()

    monkeypatch.setitem(sys.modules, "google.colab", colab(clip))
    for name, source in code(JAPANESE).items():
        if name != "corpus" and source != cells[name]:
            run(source)
    assert names["voice"] == "my_voice.webm" and "話してください" in capfd.readouterr().out
    run(cells["answer"])
    assert names["answer"].emotion in labels
    run(cells["voice"].replace("UPLOAD = False", "UPLOAD = True"))
    assert names["voice"] == str(clip)
