"""environment.json and uncommitted.patch."""

import json
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ser.export.origin import command_of as shortened_command_of
from ser.runs import environment, provenance
from ser.runs.environment import write_environment
from ser.runs.names import ENVIRONMENT, PATCH, SPLIT
from ser.runs.provenance import command_of


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@y")
    told = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, check=True, text=True)
    return told.stdout.strip()


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is taken for ours."""
    root = tmp_path / "code"
    files = {"src/ser/__init__.py": "a = 1\n", "conf/train.yaml": "seed: 0\n", ".gitignore": "*.log\n", "README": "x\n"}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(tmp_path, "init", "-q", "code")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "source_dir", lambda: root / "src" / "ser")
    monkeypatch.setattr(provenance, "conf_dir", lambda: root / "conf")
    return root


def told(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / ENVIRONMENT).read_text(encoding="utf-8"))
    return found


def test_the_patch_makes_the_code_that_ran_of_the_commit(code: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    changed = {"src/ser/__init__.py": b"a = 2\n", "src/ser/new.py": "é\n".encode(), "conf/own.yaml": b"x: 1\n"}
    changed |= {"src/ser/picture.png": bytes(range(256)), "README": b"y\n"}
    for name, content in changed.items():
        (code / name).write_bytes(content)
    for name in ("src/ser/x.log", "beside.txt"):  # ignored, and none of the code
        (code / name).write_text("z")
    git(code, "add", "src/ser/picture.png")
    before = git(code, "status", "--porcelain")
    write_environment(run)
    assert git(code, "status", "--porcelain") == before
    environment = told(run)
    assert environment["uncommitted"] == PATCH and str(environment["git_commit"]).endswith("-dirty")
    git(tmp_path, "clone", "-q", str(code), "again")
    git(tmp_path / "again", "checkout", "-q", str(environment["git_commit"]).removesuffix("-dirty"))
    git(tmp_path / "again", "apply", str(run / PATCH))
    assert {name: (tmp_path / "again" / name).read_bytes() for name in changed} == changed
    assert not any((tmp_path / "again" / name).exists() for name in ("src/ser/x.log", "beside.txt"))


def test_what_is_committed_has_no_patch(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    (tmp_path / PATCH).write_text("of a try that was refused")
    write_environment(tmp_path)
    environment = told(tmp_path)
    assert environment["uncommitted"] is None and environment["git_commit"] == git(code, "rev-parse", "HEAD")
    assert environment["packages"]["numpy"] == version("numpy")  # type: ignore[index]
    assert not (tmp_path / PATCH).exists()
    assert "do not tell" not in (tmp_path / ENVIRONMENT).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["__init__.py", "big.bin"])
def test_a_large_difference_is_said_and_not_kept(
    code: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "LARGEST_PATCH", 5000)
    (code / "src" / "ser" / name).write_text("".join(f"{n} " for n in range(5000)))
    write_environment(tmp_path)
    assert "was not kept" in str(told(tmp_path)["uncommitted"]) and not (tmp_path / PATCH).exists()


def test_a_run_needs_neither_git_nor_proc(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(Path, "read_text", missing)
    write_environment(tmp_path)
    monkeypatch.undo()
    environment = told(tmp_path)
    assert environment["git_commit"] is environment["uncommitted"] is environment["command"] is None


def missing(self: Path, *_: object, **__: object) -> str:
    raise FileNotFoundError(self)


def test_a_run_that_goes_on_keeps_what_it_began_with(code: Path, tmp_path: Path) -> None:
    write_environment(tmp_path)
    began = told(tmp_path)
    (tmp_path / SPLIT).write_text("utterance\n")
    (code / "src" / "ser" / "__init__.py").write_text("a = 3\n")
    for n_resumed in (1, 2):
        write_environment(tmp_path)
        resumed = told(tmp_path).pop("resumed")
        assert isinstance(resumed, list) and len(resumed) == n_resumed
        assert resumed[-1]["git_commit"] == f"{began['git_commit']}-dirty"
    assert {**told(tmp_path), "resumed": None} == {**began, "resumed": None}


def test_of_two_installed_the_first_counts_and_a_damaged_one_not_at_all(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As importlib.metadata.version has it; whatever the spelling of the name."""
    for place, name, version_ in (("a", "Own_Package", "1"), ("b", "own-package", "2"), ("b", "Zope.thing", "3")):
        folder = tmp_path / place / f"{name.lower().replace('-', '_')}-{version_}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version_}\n")
    damaged = tmp_path / "a" / "odd-1.dist-info"
    damaged.mkdir()
    (damaged / "METADATA").write_bytes(b"Name: odd\xff\nVersion: 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b"), *sys.path])
    write_environment(tmp_path)
    packages = told(tmp_path)["packages"]
    assert isinstance(packages, dict) and packages["own-package"] == version("own-package") == "1"
    assert packages["zope-thing"] == "3" and "odd" not in packages and "numpy" in packages


def test_a_broken_driver_stops_nothing(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.get_device_properties", fail)
    write_environment(tmp_path)
    assert told(tmp_path)["gpus"] is None and told(tmp_path)["n_threads"]


def test_what_cannot_be_written_is_a_warning(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(environment, "command_of", fail)
    write_environment(tmp_path)
    assert "the run goes on without environment.json (RuntimeError: broken)" in caplog.text
    assert not (tmp_path / ENVIRONMENT).exists()


def fail(*_: object) -> None:
    raise RuntimeError("broken")


def test_the_command_can_be_typed_again(tmp_path: Path) -> None:
    folder = tmp_path / "run" / ".hydra"
    folder.mkdir(parents=True)
    words = ["paths.outputs=/o", "corpus.root='/my clips/a'", "feature.layer=[1,2]", "resume=true", "epochs=3"]
    (folder / "overrides.yaml").write_text(json.dumps(words))
    sources = [{"path": "/conf", "provider": "main"}, {"path": "/my own", "provider": "command-line"}]
    (folder / "hydra.yaml").write_text(json.dumps({"hydra": {"runtime": {"config_sources": sources}}}))
    typed = ["--config-dir", "/my own", *words[:3], "epochs=3"]
    assert command_of(tmp_path / "run") == shlex.join(["ser", "train", *typed])
    shortened = ["corpus.root='a'", "feature.layer=[1,2]", "epochs=3"]
    assert shortened_command_of(tmp_path / "run" / "fold-1") == shlex.join(["ser", "train", *shortened])
    assert command_of(tmp_path) == ""


def test_where_it_was_typed_tells_nobody_s_name(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my speech").mkdir()
    monkeypatch.chdir(tmp_path / "my speech")
    for home, folder in ((tmp_path, "~/my speech"), (tmp_path / "other", str(tmp_path / "my speech"))):
        monkeypatch.setenv("HOME", str(home))
        write_environment(tmp_path)
        assert told(tmp_path)["folder"] == folder
