"""The documentation is whole and true: settings, messages, files of a run, links, commands."""

import ast
import inspect
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from conftest import FAST, Command
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ser import errors
from ser.commands.messages import quoted
from ser.config.places import conf_dir, source_dir
from ser.config.schema import Config, register

ROOT = conf_dir().parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)

ERRORS = {name for name, thing in inspect.getmembers(errors, inspect.isclass)}
SAID = {("sys", "exit"), ("log", "warning"), ("log", "error"), ("parser", "error"), ("self", "_error")}

PROGRAM = r"\btrain\.py|\bscripts/\w+\.py|\bser-train"

pages = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


class Messages(ast.NodeVisitor):
    """The telling pieces of all that a module says to a user: of each text, its longest literal part.

    What a text is put together from is looked for too: local variables, functions of the module, its constants.
    """

    def __init__(self, module: ast.Module) -> None:
        self.functions = {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
        self.scope: list[ast.AST] = [module]
        self.seen: set[ast.AST] = set()
        self.pieces: set[str] = set()
        self.visit(module)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.scope.append(node)
        if "remark" in node.name:
            self._collect(node)
        self.generic_visit(node)
        self.scope.pop()

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        owner = getattr(getattr(function, "value", None), "id", "")
        to_stderr = name == "print" and any(keyword.arg == "file" for keyword in node.keywords)
        if name in ERRORS or (owner, name) in SAID or name == "_refuse" or to_stderr:
            for argument in node.args:
                self._collect(argument)
        self.generic_visit(node)

    def _collect(self, node: ast.AST) -> None:
        if node in self.seen:
            return
        self.seen.add(node)
        if isinstance(node, ast.FunctionDef):
            for statement in ast.walk(node):
                if isinstance(statement, ast.Return | ast.Assign) and statement.value is not None:
                    self._collect(statement.value)
                elif isinstance(statement, ast.Call) and getattr(statement.func, "attr", "") == "append":
                    self._collect(statement.args[0])
            return
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        literal = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        lines = [line.strip(" ;:,()%'") for text in literal for line in re.split(r"\n|%[sdg]|%\.\dg", text)]
        if lines and " " in (longest := max(lines, key=len)):  # a single word tells nothing
            self.pieces.add(longest)
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                self._collect(child)
        self._follow(node)

    def _follow(self, node: ast.AST) -> None:
        """To what a name or a call stands for."""
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in self.functions and name != "main":
                self._collect(self.functions[name])
        elif isinstance(node, ast.Name):
            for scope in (self.scope[0], self.scope[-1]):
                nodes = scope.body if isinstance(scope, ast.Module) else ast.walk(scope)
                for statement in nodes:
                    targets = statement.targets if isinstance(statement, ast.Assign) else []
                    if any(isinstance(target, ast.Name) and target.id == node.id for target in targets):
                        self._collect(statement.value)  # type: ignore[attr-defined]


def said() -> dict[str, str]:
    """Every telling piece, with the file that says it."""
    files = [*sorted(source_dir().rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]
    return {
        piece: str(file.relative_to(ROOT))
        for file in files
        for piece in Messages(ast.parse(file.read_text(encoding="utf-8"))).pieces
    }


@pytest.mark.parametrize(("piece", "file"), sorted(said().items()))
def test_every_message_is_explained(piece: str, file: str) -> None:
    page = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    assert piece in page, f"{file} says {piece!r}, which docs/messages.md does not explain"


def test_messages_are_found() -> None:
    """Of each kind: a plain one, with placeholders, logged, by way of a function, of a variable, a remark."""
    pieces = said()
    for text in (
        "trainer.precision=16-mixed needs a GPU; use trainer.precision=auto or 32",
        "must lie between",
        "stopping after this step, then testing what was learnt; press Ctrl-C again to stop at once",
        "go on from the last whole epoch with ckpt_path=last",
        "no secure connection",
        "no audio that can be read in the folders",
        "there are no rows below the header",
    ):
        assert text in pieces


@pytest.fixture
def composing() -> Iterator[None]:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


HOMES = {
    **{"corpus": "corpora", "split": "protocols", "feature": "features", "augment": "augmentation"},
    **{"model": "models", "optim": "training", "trainer": "training", "experiment": "training"},
    "logger": "logging",
    "launcher": "sweeps",
}


def is_named(group: str, word: str) -> bool:
    """Whether a choice or a setting stands in some page as `group=word` or `group.word`, or as word in its group's."""
    home = (ROOT / "docs" / f"{HOMES[group]}.md").read_text(encoding="utf-8")
    return bool(re.search(rf"\b{group}[=.]{word}\b", ALL) or re.search(rf"`(\*\*)?{word}(\*\*)?`", home))


def test_every_choice_and_every_setting_is_named(composing: None) -> None:
    typed = {"trainer", "loss", "paths"}
    missing = [field.name for field in fields(Config) if f"`{field.name}`" not in ALL and field.name not in typed]
    for file in sorted(conf_dir().glob("*/*.yaml")):
        group, choice = file.parent.name, file.stem
        if not is_named(group, choice):
            missing.append(f"{group}={choice}")
        if group not in ("experiment", "launcher"):
            settings: Any = compose("train", overrides=[f"{group}={choice}"])[group]
            missing += [f"{group}.{key}" for key in settings if not key.startswith("_") and not is_named(group, key)]
    missing += [
        str(file) for file in conf_dir().glob("sweep/optuna/*.yaml") if f"`sweep=optuna/{file.stem}`" not in ALL
    ]
    sweeper = OmegaConf.load(conf_dir() / "hydra" / "sweeper" / "optuna.yaml")
    for prefix, settings in (("hydra.sweeper", sweeper), ("hydra.sweeper.pruner", sweeper.pruner)):
        named = [f"{prefix}.{key}" for key in settings if key not in ("_target_", "pruner")]
        missing += [name for name in named if f"`{name}`" not in ALL]
    for group in typed:
        missing += [f"{group}.{key}" for key in compose("train")[group] if f"{group}.{key}" not in ALL]
    assert not missing


def words_of(file: Path) -> set[str]:
    """The columns of a table, or the keys of metrics.json or status.json."""
    if file.suffix == ".csv":
        header = file.read_text(encoding="utf-8").splitlines()[0].split(",")
        return {name for name in header if not name.startswith("p_")}
    results = json.loads(file.read_text(encoding="utf-8"))
    if "per_class" not in results:
        return set(results)
    inner = [results[key] for key in ("corpus", "split", "audit", "seconds", "validation")]
    return set(results).union(*inner, next(iter(results["per_class"].values())), *results.get("folds", {}).values())


def test_every_file_of_a_run_and_what_is_in_it_is_explained(command: Command, speech: Path) -> None:
    for actor in ("Actor_01", "Actor_02"):
        shutil.copytree(speech / actor, Path("corpus", actor))
    next(Path("corpus").rglob("*.wav")).write_text("no sound")
    folds = ["split=kfold", "split.k=2", "split.fold=all", "tta=2", "corpus.root=corpus"]
    assert command(*FAST, "epochs=1", *folds, "hydra.run.dir=run").code == 0
    page = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    files = [path for path in Path("run").rglob("*") if path.is_file()]
    assert {"predictions_tta.csv", "broken.csv", "best.ckpt"} <= {path.name for path in files}
    for path in files:
        relative = re.sub(r"fold-\d/", "", path.relative_to("run").as_posix())
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
        overrides = [quoted(word) for word in words if "=" in word and not word.startswith("-")]
        for override in OverridesParser.create().parse_overrides(overrides):
            assert override.is_sweep_override() <= ("-m" in words), line
        simple = [first_of(word) if "-m" in words else word for word in overrides]
        OmegaConf.to_container(compose("train", overrides=simple), resolve=True)


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
