"""Trained models from elsewhere: nothing in them is run, nor believed beyond its size."""

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import ser
from ser.errors import ModelError, SerError
from ser.inference.checkpoint import from_checkpoint, from_export
from tests import components
from tests.inference.made import FEATURE, LABELS, MODEL, content, make_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    return lambda **changed: make_checkpoint(tmp_path / "a.ckpt", **changed)


@pytest.mark.parametrize(
    "target",
    ["os.makedirs", "os.system", "ser.files.os.makedirs", "builtins.eval", "hydra.utils.instantiate", 5, "", "ser"],
)
@pytest.mark.parametrize("group", ["feature", "model", "augment", "optim"])
def test_code_of_others_is_not_run(checkpoint: Callable[..., Path], tmp_path: Path, target: Any, group: str) -> None:
    path = checkpoint(**{group: {"_target_": target, "name": str(tmp_path / "made")}})
    if group in ("augment", "optim") and str(target).startswith("ser"):
        from_checkpoint(path)  # what only trains is not made
    else:
        with pytest.raises(SerError, match=r"a\.ckpt"):
            from_checkpoint(path)
    assert not (tmp_path / "made").exists()


def test_a_class_of_ours_that_is_no_such_part_is_not_made(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    path = checkpoint(model={"_target_": "ser.store.store.Store", "folder": str(tmp_path / "made")})
    with pytest.raises(SerError, match=r"model\._target_: ser\.store\.store\.Store is no Model"):
        from_checkpoint(path)
    assert not (tmp_path / "made").exists()


def test_a_nested_class_is_seen_before_anything_is_imported(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("import pathlib; pathlib.Path('made').touch()\n", encoding="utf-8")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(ModelError, match=r"wants to run evil\.Thing, .*--trust evil"):
            from_checkpoint(checkpoint(feature={**FEATURE, "parts": [{"a": {"_target_": "evil.Thing"}}]}))
    finally:
        sys.path.remove(str(tmp_path))
    assert "evil" not in sys.modules


def test_a_package_that_is_trusted_is_used(
    checkpoint: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("from ser.models.probe import Probe as Mine\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = checkpoint(model={**MODEL, "_target_": "mine.Mine"})
    with pytest.raises(ModelError, match="--trust mine"):
        ser.load(path)
    assert ser.load(path, trust=["mine"]).labels == LABELS


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("made",)


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({**content(), "state_dict": _Evil()}, "a.ckpt")
    with pytest.raises(ModelError, match=r"a\.ckpt: cannot be loaded"):
        from_checkpoint(Path("a.ckpt"))
    assert not Path("made").exists()


def test_what_would_grow_is_not_read(checkpoint: Callable[..., Path]) -> None:
    path = checkpoint()
    bomb = io.BytesIO()
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
        packed.writestr("archive/data/99", b"\0" * 50_000_000)
    path.write_bytes(bomb.getvalue())
    with pytest.raises(ModelError, match=r"a\.ckpt: is compressed"):
        from_checkpoint(path)


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "text", "no settings"])
def test_damage_is_one_message(checkpoint: Callable[..., Path], damage: str) -> None:
    path = checkpoint()
    whole = path.read_bytes()
    noise = np.random.default_rng(0).bytes(5000)
    path.write_bytes({"cut": whole[: len(whole) // 2], "noise": noise, "empty": b"", "text": b"PK?"}.get(damage, whole))
    if damage == "no settings":
        torch.save({"state_dict": {}}, path)
    with pytest.raises(ModelError, match=r"a\.ckpt: cannot be loaded .*damaged, or no recogniser of ser"):
        from_checkpoint(path)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), [1.0, 2.0]])
def test_a_temperature_that_is_none_is_one_message(tmp_path: Path, temperature: Any) -> None:
    made = content()
    made["state_dict"]["temperature"] = torch.tensor(temperature)
    torch.save(made, tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match=r"a\.ckpt: cannot be loaded .*damaged, or no recogniser of ser"):
        from_checkpoint(tmp_path / "a.ckpt")


def test_a_checkpoint_from_before_there_were_temperatures_is_loaded(tmp_path: Path) -> None:
    made = content()
    del made["state_dict"]["temperature"]
    torch.save(made, tmp_path / "a.ckpt")
    assert from_checkpoint(tmp_path / "a.ckpt").temperature == 1


def test_settings_that_want_more_than_the_file_holds_take_no_memory(checkpoint: Callable[..., Path]) -> None:
    path = checkpoint(model=components.settings("model/transformer", size=4096, layers=8))
    with pytest.raises(SerError, match=r"want \d+ weights, and it holds \d+"):
        from_checkpoint(path)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"labels": "happy"}, "no list of different words"),
        ({"labels": ["sad", "sad"]}, "no list of different words"),
        ({"speakers": ["x"] * 1000}, "not as many as its weights are for"),
        ({"state_dict": "weights"}, "cannot be loaded"),
        ({"state_dict": {"normalization.mean": "weights"}}, "cannot be loaded"),
        ({"state_dict": "nan"}, "weights are no numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    told = content()
    if changed.get("state_dict") == "nan":
        told["state_dict"]["model.output.weight"].fill_(torch.nan)
    elif "state_dict" in changed:
        told |= changed
    else:
        told["hyper_parameters"] |= changed
    torch.save(told, tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match=why):
        from_checkpoint(tmp_path / "a.ckpt")


def exported(folder: Path, **changed: Any) -> Path:
    folder.mkdir()
    told = content(**changed)
    about = {**told["hyper_parameters"], "format": "ser-recognizer", "reads_lower": False}
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    save_file(told["state_dict"], folder / "model.safetensors")
    return folder


def test_an_exported_folder_is_no_safer_than_it_looks(tmp_path: Path) -> None:
    [(good, weight)] = from_export(exported(tmp_path / "good"))
    assert good.labels == LABELS and weight == 1
    with pytest.raises(ModelError, match=r"wants to run os\.system"):
        from_export(exported(tmp_path / "evil", model={"_target_": "os.system", "command": "touch made"}))
    (tmp_path / "good/model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="good: cannot be loaded"):
        from_export(tmp_path / "good")
