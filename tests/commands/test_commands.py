"""The command `ser`: what it offers, what starts quickly, and how mistakes end."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

import ser.commands
from ser.commands import main
from ser.config.places import conf_dir
from ser.errors import SerError

COMMANDS = [
    *("train", "explore", "compare", "report", "ensemble", "evaluate", "cross", "robustness", "predict", "live"),
    *("demo", "serve", "export", "push", "fetch", "store", "listen", "find-lr", "wandb-report"),
]
SCRIPTS = sorted((conf_dir().parent / "scripts").glob("*.py"))


def started(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)


def test_the_help_shows_commands_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    listed = said.partition("Commands:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()] == COMMANDS
    assert all(len(line.split()) > 3 for line in listed.splitlines()) and "..." not in listed
    assert "  ser train  " in said and max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"]], ids=" ".join)
def test_the_help_waits_for_nothing(words: list[str]) -> None:
    code = """
import sys
from ser.commands import main
code = main(sys.argv[1:])
print(sorted({"torch", "hydra", "omegaconf", "transformers", "numpy", "pytorch_lightning"} & set(sys.modules)))
"""
    assert started(code, *words).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", [*COMMANDS, "store list", "store verify", "store prune"])
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "-h"):
        assert main([*name.split(), option]) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"Usage: ser {name}") and f"  ser {name}" in said.partition("Examples:\n")[2]
        assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["comapre", "outputs"], "ser: No such command 'comapre'. Did you mean 'compare'? See ser --help"),
        (["compare"], "ser compare: Missing argument 'RUN_OR_SWEEP...'. See ser compare --help"),
        (["compare", "x", "--htm", "y"], "ser compare: No such option '--htm'. Did you mean '--html'? See ser compare"),
        (
            ["store", "prune", "--older-than", "x"],
            "ser store prune: Invalid value for '--older-than': 'x' is not a valid",
        ),
        (["store", "lst"], "ser store: No such command 'lst'. Did you mean 'list'? See ser store --help"),
    ],
)
def test_a_wrong_option_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith(said) and told.err.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["store"]])
def test_without_words_there_is_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (SerError("mend it"), 1, "mend it"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
        (click.UsageError("not so."), 2, "ser fail: not so. See ser fail --help"),
    ],
)
def test_how_it_ends(
    raised: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setitem(ser.commands._ser.commands, "fail", click.Command("fail", callback=fail))
    try:
        assert main(["fail"]) == code
    except SystemExit as stop:  # click's way with a broken pipe
        assert stop.code == code
    assert capsys.readouterr().err.strip() == said


def test_the_words_of_train_are_hydra_s(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr("ser.commands.train.main", lambda: seen.append(sys.argv))
    monkeypatch.setattr(sys, "argv", ["pytest"])
    words = [
        "-m",
        "model.depth=10,18",
        "--cfg",
        "job",
        "-p=model",
        "+a.b=[1,2]",
        "~c",
        "--hydra-help",
        "--config-dir=x",
    ]
    assert main(["train", *words]) == 0
    assert seen == [["ser train", *words]]


def test_what_hydra_prints_of_a_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])
    assert main(["train", "model=lstm", "--cfg", "job", "--package", "model"]) == 0
    assert "_target_: ser.models.recurrent.LSTM" in capsys.readouterr().out


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_the_scripts_are_the_commands(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    code = compile(script.read_text(encoding="utf-8"), str(script), "exec")
    with pytest.raises(SystemExit) as stop:
        exec(code, {"__name__": "__main__"})
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"Usage: ser {script.stem.replace('_', '-')} ")


def test_train_py_is_ser_train() -> None:
    run = subprocess.run([sys.executable, conf_dir().parent / "train.py", "--help"], capture_output=True, text=True)
    assert (run.returncode, run.stdout.splitlines()[0]) == (0, "Usage: ser train [NAME=VALUE]... [OPTIONS]"), run.stderr
