"""YAML of the user's own that is broken, misplaced or hidden ends in one message with its file and line."""

import re
import shutil
from pathlib import Path

import pytest

from ser.config import own
from ser.config.places import conf_dir
from tests.conftest import Command

GLOBAL = "# @package _global_\n"
FAULTS: dict[str, tuple[str | bytes, str]] = {
    "a tab": (f"{GLOBAL}epochs: 1\nmodel:\n\tdepth: 10\n", "line 4: found character .* YAML takes blanks, no tabs"),
    "a key twice": (f"{GLOBAL}epochs: 1\nseed: 2\nepochs: 3\n", "line 4: found duplicate key epochs"),
    "an open quote": (f'{GLOBAL}corpus:\n  root: "my\n', "line 4: found unexpected end of stream"),
    "an open bracket": (f"{GLOBAL}x: [1, 2\ny: 3\n", "line 3: "),
    "a wrong indent": (f"{GLOBAL}model:\n  depth: 10\n width: 3\n", "line 4: "),
    "no colon": (f"{GLOBAL}epochs 3\n", "must hold names with values"),
    "a list": (f"{GLOBAL}- epochs: 1\n", "must hold names with values"),
    "no package": ("epochs: 1\n", "write '# @package _global_' as its first line$"),
    "another package": ("# @package global\nepochs: 1\n", "as its first line, not '# @package global'"),
    "package below": (f"# mine\n{GLOBAL}epochs: 1\n", "line 2: '# @package _global_' counts as the first line only"),
    "a byte order mark": (f"\ufeff{GLOBAL}epochs: 1\n", "begins with a byte order mark"),
    "UTF-16": (f"{GLOBAL}epochs: 1\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
    "Shift_JIS": (f"{GLOBAL}# 学習\nepochs: 1\n".encode("cp932"), "line 2: is not UTF-8"),
    "an old resolver": (
        f"{GLOBAL}corpus:\n  root: ${{env:HOME}}\n",
        r"line 3: \$\{env:HOME\} is unknown; .*\$\{oc.env:HOME\}",
    ),
}


def put(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


@pytest.mark.parametrize(("content", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, content: str | bytes, said: str) -> None:
    file = put(tmp_path, "experiment/mine.yaml", content)
    told = own.fault([tmp_path], ["experiment=mine"], "")
    assert told is not None and told.startswith(str(file)) and "\n" not in told
    assert re.search(said, told), told


@pytest.mark.parametrize("content", ["", GLOBAL, f"\n{GLOBAL}epochs: 3\n", f"{GLOBAL}# 学習\nepochs: 3\n"])
def test_what_is_right_is_left_alone(tmp_path: Path, content: str) -> None:
    put(tmp_path, "experiment/mine.yaml", content)
    put(tmp_path, "model/tiny.yaml", "defaults: [probe]\nhidden: 3\n")
    assert own.fault([tmp_path], ["experiment=mine"], "") is None


def test_shipped_yaml_has_no_fault() -> None:
    for file in conf_dir().glob("*/*.yaml"):
        assert own.fault([conf_dir()], [f"{file.parent.name}={file.stem}"], "") is None


def test_only_a_file_that_was_asked_for_is_blamed(tmp_path: Path) -> None:
    put(tmp_path, "experiment/other.yaml", "\t")
    put(tmp_path, "notes/mine.yaml", "\t")
    put(tmp_path, "experiment/mine.yaml", "epochs: 1\n")
    assert "mine.yaml" in str(own.fault([tmp_path], ["experiment=mine"], ""))
    assert own.fault([tmp_path], ["lr=0.1", "model=other"], "") is None


def test_folders_of_a_command() -> None:
    words = ["--config-dir=a", "-cd", "b", "seed=1", "--config-path", "c", "hydra.searchpath=[file://d,pkg://e]"]
    assert own.folders(words)[:4] == [Path("a"), Path("b"), Path("c"), Path("d")]


REFUSED = {
    "a tab": (
        "experiment/mine.yaml",
        f"{GLOBAL}epochs:\t\n\tx: 1\n",
        ["experiment=mine"],
        "experiment/mine.yaml, line ",
    ),
    "no package": ("experiment/mine.yaml", "epochs: 1\n", ["experiment=mine"], "write '# @package _global_'"),
    "another ending": ("experiment/mine.yml", GLOBAL, ["experiment=mine"], "mine.yml: must end in .yaml"),
    "a choice that is none": (
        "experiment/mine.yaml",
        f"{GLOBAL}defaults:\n  - override /model: resnet50\n",
        ["experiment=mine"],
        "own/experiment/mine.yaml asks for model=resnet50: no such model; choose from crnn, ",
    ),
    "a shipped name": (
        "model/probe.yaml",
        "hidden: 3\n",
        ["model=probe"],
        "own/model/probe.yaml: model=probe is a shipped",
    ),
    "a shipped name beside another": (
        "feature/whisper.yaml",
        "layer: 3\n",
        ["feature=[whisper,wavlm]"],
        "own/feature/whisper.yaml: feature=whisper is a shipped",
    ),
    "a value of another type": (
        *("experiment/mine.yaml", f"{GLOBAL}training:\n  patience: None\n", ["experiment=mine"]),
        "own/experiment/mine.yaml: training.patience must be a whole number or null; got 'None'",
    ),
    "a dotted name": (
        *("experiment/mine.yaml", f"{GLOBAL}model.depth: 18\n", ["experiment=mine"]),
        "own/experiment/mine.yaml: model.depth: no such setting; nest it: depth below model",
    ),
    "no override": (
        *("experiment/mine.yaml", f"{GLOBAL}defaults:\n  - model: gru\n", ["experiment=mine"]),
        "to choose another model write - override /model: gru",
    ),
    "an unknown interpolation": (
        *("experiment/mine.yaml", f"{GLOBAL}seed: ${{seeed}}\n", ["experiment=mine", "-m"]),
        "Interpolation key 'seeed' not found",
    ),
    "a typo, beside a faulty file": (
        "notes.yaml",
        "- a\n",
        ["modle=probe"],
        "modle: no such setting; did you mean model?",
    ),
    "a list of callbacks": (
        "callbacks/t.yaml",
        "- _target_: x\n",
        ["callbacks=t"],
        "t.yaml: must hold names with values",
    ),
    "no such main file": (
        "readme.txt",
        "",
        ["--config-name=foo"],
        "--config-name=foo: no such configuration; there are train",
    ),
}


@pytest.mark.parametrize(("name", "content", "words", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_command_with_faulty_yaml_ends_in_one_message(
    command: Command, tmp_path: Path, name: str, content: str, words: list[str], said: str
) -> None:
    put(tmp_path, f"own/{name}", content)
    outcome = command("--config-dir=own", *words)
    assert outcome.code == 1 and said in outcome.output and "Traceback" not in outcome.output
    assert "-m" in words or not list(tmp_path.rglob("train.log"))


def test_yaml_of_ones_own_and_a_copy_of_what_is_shipped(command: Command, tmp_path: Path) -> None:
    shutil.copytree(conf_dir() / "model", tmp_path / "own" / "model")
    put(tmp_path, "own/model/tiny.yaml", "defaults: [probe]\nhidden: 3\n")
    put(tmp_path, "own/experiment/mine.yaml", f"{GLOBAL}defaults:\n  - override /model: tiny\nepochs: 1\n")
    quick = ["feature=mfcc", "augment=none", "hydra.run.dir=run"]
    outcome = command("--config-dir=own", "experiment=mine", "corpus=ravdess", "split=random", *quick)
    assert outcome.code == 0, outcome.output
