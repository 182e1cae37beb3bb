"""The documentation is true: files of a run, links, commands."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ser import experiment
from ser.commands.overrides import for_hydra
from ser.config.places import conf_dir
from ser.config.schema import register
from ser.illustration import illustrate
from tests.conftest import FAST, Command

ROOT = conf_dir().parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)

PROGRAM = r"\btrain\.py|\bser (?:train|find-lr|listen|store fill)"

pages = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@pytest.fixture
def composing() -> Iterator[None]:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


def words_of(file: Path) -> set[str]:
    """The columns of a table, or the keys of metrics.json, status.json or examples.json."""
    if file.suffix == ".csv":
        header = file.read_text(encoding="utf-8").splitlines()[0].split(",")
        return {name for name in header if not name.startswith("p_")}
    results = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(results, list):
        return {word for example in results for word in (*example, *(example["relevance"] or ()))}
    if "per_class" not in results:
        return set(results)
    inner = [results[key] for key in ("corpus", "split", "audit", "seconds", "validation")]
    return set(results).union(*inner, next(iter(results["per_class"].values())), *results.get("folds", {}).values())


def test_every_file_of_a_run_and_what_is_in_it_is_explained(
    command: Command, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "illustrate", illustrate)
    for actor in ("Actor_01", "Actor_02"):
        shutil.copytree(speech / actor, Path("corpus", actor))
    next(Path("corpus").rglob("*.wav")).write_text("no sound")
    folds = ["split=kfold", "split.k=2", "split.fold=all", "tta=2", "corpus.root=corpus"]
    assert command(*FAST, "epochs=1", *folds, "hydra.run.dir=run").code == 0
    page = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    files = [path for path in Path("run").rglob("*") if path.is_file()]
    assert {"predictions_tta.csv", "broken.csv", "best.ckpt", "examples.json"} <= {path.name for path in files}
    for path in files:
        relative = re.sub(r"fold-\d/", "", path.relative_to("run").as_posix())
        relative = re.sub(r"examples/\d+", "examples/<number>", relative)
        assert f"`{relative}`" in page
        for word in words_of(path) if path.suffix in (".csv", ".json") else ():
            assert f"`{word}`" in page, f"{word} of {relative}"


def commands(page: Path) -> list[str]:
    """The commands of a page that can be tried as they are."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("    ") or "`" not in line]
    found = [line for line in [*lines, *re.findall(r"`([^`\n]+)`", text)] if re.search(PROGRAM, line)]
    return [
        line for line in found if not re.search(r"<|\.\.\.|CORPUS|=(mine|polarity)\b", line)
    ]  # placeholders, and own components


@pages
def test_every_command_composes(page: Path, composing: None) -> None:
    for line in commands(page):
        words = shlex.split(re.split(PROGRAM, line)[-1], comments=True)
        overrides = for_hydra([word for word in words if "=" in word and not word.startswith("-")])
        for override in OverridesParser.create().parse_overrides(overrides):
            assert override.is_sweep_override() <= ("-m" in words), line
        simple = [first_of(word) if "-m" in words else word for word in overrides]
        composes(*simple)


@cache
def composes(*overrides: str) -> None:
    """The configuration can be made; of commands that stand on several pages once."""
    OmegaConf.to_container(compose("train", overrides=list(overrides)), resolve=True)


def first_of(word: str) -> str:
    """An override with the first of several values, or the start of a range."""
    override = OverridesParser.create().parse_override(word)
    if override.is_sweep_override() and not override.is_discrete_sweep():
        return f"{override.key_or_group}={override.value().start}"  # type: ignore[union-attr]
    return f"{override.key_or_group}={next(override.sweep_string_iterator())}" if override.is_sweep_override() else word


def test_there_are_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 50


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        other = page.parent / name if name else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if page.name != "index.md" and f"({page.name})" not in index] == []


@pages
def test_no_path_of_a_machine(page: Path) -> None:
    assert not re.search(r"/(work|tmp|root|home|Users)/", page.read_text(encoding="utf-8"))
