import errno
import io
import itertools
import logging
import os
import re
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import MissingConfigException

from ser.commands.explain import explain
from ser.commands.messages import messages, run_command
from ser.commands.overrides import readable
from ser.config.places import conf_dir
from ser.config.schema import read_config, register
from ser.errors import Aborted, ConfigError
from ser.launch.callbacks import CallbackFailed
from tests.conftest import Command

PATHS = [
    *("録音/感情", "my clips (1)", "C:\\Users\\me\\clips", "C:\\my clips", "C:\\録音\\", "\\\\server\\録音", "~/録音"),
    *("John's clips", "/home/o'brien/x", "録音's", "it's 'quoted'", 'say "x"', "a\\'b c", "café/ñ", "a;b&c!d#e~"),
    *("a=b", "=", "a(1)", "(", "100%", "émotion: peur", "한국어", "😀 clips", "a\tb", "clips '"),
]  # fmt: skip


def read(word: str) -> tuple[str, object]:
    """Name and value as Hydra reads an override."""
    override = OverridesParser.create().parse_override(word)
    return override.get_key_element(), override.value()


@pytest.mark.parametrize("path", PATHS)
def test_a_path_arrives_as_it_was_given(path: str) -> None:
    assert read(readable(f"corpus.root={path}")) == ("corpus.root", path)


def test_any_mixture_of_odd_signs_arrives() -> None:
    # A backslash alone before a space, a bracket or another backslash is Hydra's own way to quote.
    for signs in itertools.product(["a", " ", "録", *"'\"()=~;", "\\a", "\\録", "\\'"], repeat=2):
        path = "x" + "".join(signs) + "y"
        assert read(readable(f"corpus.root={path}"))[1] == path
        ending = "録" + "".join(signs).rstrip()
        assert read(readable(f"corpus.root={ending}"))[1] == ending


@pytest.mark.parametrize(
    "word",
    [
        *("model.depth=10,18", "augment.noise_snr_db=[0,10]", "x={a:1}", "seed=range(0,3)", "tta=null", "~model"),
        *("epochs=3", "epochs=", "+sed=1", "-m", "--cfg=job", "hydra.run.dir=${paths.outputs}/x", "resnet"),
        *("corpus.root='my folder'", 'corpus.root="my folder (1)"', "corpus.root='a", "resume=true"),
    ],
)  # fmt: skip
def test_what_hydra_can_read_and_what_is_quoted_by_hand_stays(word: str) -> None:
    assert readable(word) == word


@pytest.mark.parametrize("path", PATHS)
def test_quoting_twice_is_quoting_once(path: str) -> None:
    once = readable(f"corpus.root={path}")
    assert readable(once) == once


@pytest.mark.parametrize("group", ["callbacks", "check", "debug", "experiment", "launcher", "logger", "search"])
def test_a_group_may_be_null(group: str) -> None:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = read_config(compose("train", overrides=[readable(f"{group}=null")]))
    assert not getattr(config, group)
    assert readable(f"{group}=null,other") == f"{group}=[],other"


DISK = [errno.ENOSPC, errno.EROFS, errno.EACCES]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        *((OSError(code, "no", "run/report.txt"), "cannot write run/report.txt (no); free space") for code in DISK),
        (OSError(errno.ENOSPC, "no"), "cannot write (no); free space"),
        (ConfigError("seed is odd"), "seed is odd"),
    ],
)
def test_what_a_user_can_mend_ends_in_one_line(error: Exception, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop, caplog.at_level(logging.INFO, "ser"), messages():
        raise error
    assert stop.value.code == 1
    [record] = caplog.records
    assert said in record.getMessage() and record.exc_info is None


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "gone"), ValueError("a fault of ours")])
def test_faults_of_our_own_are_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)), messages():
        raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("seed is odd"), "seed is odd"),
        (
            OSError(errno.ENOSPC, "no", "run/report.txt"),
            "cannot write run/report.txt (no); free space or set paths.out",
        ),
        (KeyboardInterrupt(), 130),
        (Aborted(), 130),
    ],
)
@pytest.mark.parametrize("in_callback", [False, True])
def test_how_a_command_ends(
    error: BaseException, code: str | int, in_callback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command() -> None:
        if in_callback and isinstance(error, Exception):
            raise CallbackFailed from error
        raise error

    monkeypatch.setattr("sys.argv", ["ser"])
    with pytest.raises(SystemExit) as stop:
        run_command(command)
    assert stop.value.code == code if isinstance(code, int) else str(stop.value.code).startswith(code)


@pytest.mark.parametrize("name", [file.stem for file in (conf_dir() / "launcher").glob("*.yaml")])
def test_a_launcher_without_its_package_says_how_to_install_it(name: str) -> None:
    [override] = yaml.safe_load((conf_dir() / "launcher" / f"{name}.yaml").read_text())["defaults"]
    file = f"hydra/launcher/{override['override /hydra/launcher']}"
    said = explain(MissingConfigException(f"Could not find '{file}'", file, ["basic"]))
    extra = name.partition("_")[0]
    assert said.startswith(f"launcher={name} needs the package hydra-{extra}-launcher, which is missing")
    assert said.endswith(f'pip install "ser-lab[{extra}]"')


def test_an_unknown_choice_in_a_list_names_what_there_is() -> None:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"), pytest.raises(MissingConfigException) as refusal:
        compose("train", overrides=["logger=[wandb,foo]"])
    assert re.fullmatch("logger=foo: no such logger; choose from .*wandb.*", explain(refusal.value))


def test_multirun_may_stand_between_the_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ser", "seed=1,2", "-m", "epochs=3"])
    run_command(lambda: None)
    assert sys.argv == ["ser", "-m", "seed=1,2", "epochs=3"]


def test_a_launcher_that_nobody_ships_is_unknown() -> None:
    said = explain(MissingConfigException("Could not find", "hydra/launcher/moon", ["basic"]))
    assert said == "hydra/launcher=moon: no such hydra/launcher; choose from basic"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("lr=0.01", "lr: no such setting; did you mean optim.lr?"),
        ("max_epochs=3", "did you mean trainer.max_epochs?"),
        ("trainer.ema_decay=0.9", "trainer.ema_decay: no such setting; did you mean training.ema_decay?"),
        ("training.ema_decay=much", "training.ema_decay must be a number or null; got 'much'"),
        ("epochs=1.5", "epochs must be a whole number; got '1.5'"),
    ],
)
def test_a_setting_that_is_none_and_a_value_of_another_type(command: Command, word: str, said: str) -> None:
    outcome = command(word, "hydra.run.dir=run")
    assert outcome.code == 1 and said in outcome.output and "Traceback" not in outcome.output


def test_words_that_are_no_unicode_are_refused_before_any_work(command: Command, tmp_path: Path) -> None:
    outcome = command("hydra.run.dir=run" + os.fsdecode(b"\xff"))
    assert outcome.code == 1 and "hydra.run.dir=run\\xff: is not Unicode" in outcome.output
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_that_cannot_show_a_name_loses_no_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.BytesIO()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(shown, "latin-1", write_through=True))
    outcome = command("corpus=folder", "corpus.root=録音é", "hydra.run.dir=run")
    assert outcome.code == 1 and "corpus.root: no folder \\u9332\\u97f3é" in shown.getvalue().decode("latin-1")
    assert "録音é" in (tmp_path / "run" / "train.log").read_text(encoding="utf-8")
