import errno
import itertools
import logging

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import MissingConfigException

from ser.commands.messages import explain, messages, quoted
from ser.config.places import conf_dir
from ser.errors import ConfigError

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
    assert read(quoted(f"corpus.root={path}")) == ("corpus.root", path)


def test_any_mixture_of_odd_signs_arrives() -> None:
    # A backslash alone before a space, a bracket or another backslash is Hydra's own way to quote.
    for signs in itertools.product(["a", " ", "録", *"'\"()=~;", "\\a", "\\録", "\\'"], repeat=2):
        path = "x" + "".join(signs) + "y"
        assert read(quoted(f"corpus.root={path}"))[1] == path
        ending = "録" + "".join(signs).rstrip()
        assert read(quoted(f"corpus.root={ending}"))[1] == ending


@pytest.mark.parametrize(
    "word",
    [
        *("model.depth=10,18", "augment.noise_snr_db=[0,10]", "x={a:1}", "seed=range(0,3)", "model=null", "~model"),
        *("epochs=3", "epochs=", "+sed=1", "-m", "--cfg=job", "hydra.run.dir=${paths.outputs}/x", "resnet"),
        *("corpus.root='my folder'", 'corpus.root="my folder (1)"', "corpus.root='a", "corpus.root=[a"),
    ],
)  # fmt: skip
def test_what_hydra_can_read_and_what_is_quoted_by_hand_stays(word: str) -> None:
    assert quoted(word) == word


@pytest.mark.parametrize("path", PATHS)
def test_quoting_twice_is_quoting_once(path: str) -> None:
    once = quoted(f"corpus.root={path}")
    assert quoted(once) == once


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


@pytest.mark.parametrize("name", [file.stem for file in (conf_dir() / "launcher").glob("*.yaml")])
def test_a_launcher_without_its_package_says_how_to_install_it(name: str) -> None:
    [override] = yaml.safe_load((conf_dir() / "launcher" / f"{name}.yaml").read_text())["defaults"]
    file = f"hydra/launcher/{override['override /hydra/launcher']}"
    said = explain(MissingConfigException(f"Could not find '{file}'", file, ["basic"]))
    extra = name.partition("_")[0]
    assert said.startswith(f"launcher={name} needs the package hydra-{extra}-launcher, which is missing")
    assert said.endswith(f'pip install "ser-lab[{extra}]"')


def test_a_launcher_that_nobody_ships_is_unknown() -> None:
    said = explain(MissingConfigException("Could not find", "hydra/launcher/moon", ["basic"]))
    assert said == "hydra/launcher=moon: no such hydra/launcher; choose from basic"
