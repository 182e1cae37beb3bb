"""The help of `ser train`, out of the YAML files."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from ser.commands.help import SETTINGS, page
from ser.config import choices
from ser.config.dotted import leaves
from tests.conftest import configured


def test_it_names_every_choice_that_can_be_typed_and_marks_the_defaults() -> None:
    text = page().partition("Groups, as group=name")[2].partition("\n\n")[0]
    listed = {
        words[0]: "".join(words[1:]).split(",")
        for words in (line.split() for line in re.sub(r"\n {5,}", " ", text).splitlines()[1:])
    }
    defaults = choices.defaults()
    assert listed == {
        group: [f"{name}*" if name == defaults.get(group) else name for name in names]
        for group, names in choices.groups().items()
    }
    assert "demo*" in listed["corpus"] and not any("*" in name for name in listed["experiment"])


def test_it_fits() -> None:
    lines = page().splitlines()
    assert len(lines) < 65 and max(map(len, lines)) <= 80


def test_its_examples_compose() -> None:
    lines = page().partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) == 6
    for line in lines:
        ser, train, *words = line.split("#")[0].split()
        assert (ser, train) == ("ser", "train")
        configured(*(word.partition(",")[0] for word in words if word != "-m"))


def test_its_settings_have_their_values() -> None:
    lines = page().partition("Settings used most")[2].partition("\n\n")[0].splitlines()[1:]
    known: dict[str, Any] = {}
    for corpus in ("ravdess", "demo"):
        known |= leaves(asdict(configured(f"corpus={corpus}")))
    assert [line.split()[0] for line in lines] == list(SETTINGS)
    for line in lines:
        name, value = line[:20].strip(), line[20:30].strip()
        assert value == ("" if name == "corpus.root" else json.dumps(known[name]).strip('"')), name


def test_what_is_new_shows_up_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in {
        "train": {"defaults": ["schema", {"model": "mine"}, "_self_"], "epochs": 7},
        "model/mine": {"defaults": ["/_shared/all@_here_"], "depth": 3},
        "model/_hidden": {},
        "_shared/all": {"width": 5, "depth": 4},
        "hydra/default": {},
        "zoo/big": {"size": "${epochs}"},
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(choices, "conf_dir", lambda: tmp_path)
    names = ("epochs", "model.depth", "model.width", "zoo.size")
    monkeypatch.setattr("ser.commands.help.SETTINGS", dict.fromkeys(names, "what it does"))
    text = page()
    assert "  model       mine*\n  zoo         big\n\n" in text
    assert [line.split() for line in text.splitlines() if line.endswith("what it does")] == [
        *(["epochs", "7", "what", "it", "does"], ["model.depth", "3", "what", "it", "does"]),
        *(["model.width", "5", "what", "it", "does"], ["zoo.size", "what", "it", "does"]),
    ]
