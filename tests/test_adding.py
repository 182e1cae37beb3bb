"""A corpus, a feature, a model, an augmentation or a logger is added by one Python file, one YAML file and one test.

In a copy of the tree, where nothing that exists is changed; the tests that go over all components pass there, the new
components among them, and a run uses them all.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ser.config.places import conf_dir

ROOT = conf_dir().parent
COPIED = ("conf", "docs", "notebooks", "scripts", "src", "tests", "pyproject.toml", "README.md", "train.py")
OVER_ALL = ("test_contracts.py", "test_conf.py", "test_docs.py", "config/test_choices.py", "commands/test_help.py")
# Of those, what looks at a new component, or at all of them; the rest is of the old ones.
CHOSEN = "letters or loudness or spread or polarity or diary or test_help or test_choices or index"

ADDED = {
    "src/ser/corpora/letters.py": '''
"""A corpus whose file names say all: speaker, emotion and number, such as anna-H-1.wav."""

from pathlib import Path

from ser.corpora.base import Corpus, Utterance
from ser.errors import CorpusNotFound

EMOTIONS = {"H": "happy", "S": "sad"}


class Letters(Corpus):
    """Files `<speaker>-<letter of the emotion>-<number>.wav` in one folder.

    Args:
        root: the folder.
    """

    name = "letters"

    def __init__(self, *, root: str | Path) -> None:
        self.root = Path(root)

    def utterances(self) -> list[Utterance]:
        clips = sorted(self.root.glob("*-*-*.wav"))
        if not clips:
            raise CorpusNotFound(f"corpus.root: no <speaker>-<letter>-<number>.wav in {self.root}")
        return [self._utterance(path, *path.stem.split("-")) for path in clips]

    def _utterance(self, path: Path, speaker: str, letter: str, number: str) -> Utterance:
        return Utterance(path.stem, path, EMOTIONS[letter], speaker, self.name, {"number": number})
''',
    "conf/corpus/letters.yaml": """
_target_: ser.corpora.letters.Letters
root: ${paths.data}/letters
""",
    "tests/corpora/test_letters.py": """
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.errors import CorpusNotFound
from tests.components import make
from tests.conftest import Command


def test_what_a_name_says(tmp_path: Path) -> None:
    (tmp_path / "anna-S-1.wav").touch()
    [utterance] = make("corpus/letters", root=str(tmp_path)).utterances()
    assert (utterance.id, utterance.emotion, utterance.speaker) == ("anna-S-1", "sad", "anna")
    with pytest.raises(CorpusNotFound, match="nowhere"):
        make("corpus/letters", root="nowhere").utterances()


def test_a_run_with_all_that_was_added(command: Command, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for speaker in ("anna", "bert", "carl", "dora"):
        for letter, level in (("H", 0.5), ("S", 0.05)):
            for number in range(3):
                sound = np.concatenate([level * random.uniform(-1, 1, 4000), 0.1 * random.uniform(-1, 1, 4000)])
                soundfile.write(tmp_path / f"{speaker}-{letter}-{number}.wav", sound, 16_000)
    chosen = ["corpus=letters", "feature=loudness", "model=spread", "augment=polarity", "logger=diary"]
    outcome = command(*chosen, f"corpus.root={tmp_path}", "split=loso", "epochs=2", "hydra.run.dir=run")
    assert outcome.code == 0, outcome.output
    assert len((tmp_path / "run" / "predictions.csv").read_text().splitlines()) == 1 + 6
    first, *epochs, last = (tmp_path / "run" / "diary.txt").read_text().splitlines()
    assert first.startswith("began") and len(epochs) == 2 and last == "ended with 0"
""",
    "src/ser/features/loudness.py": '''
"""How loud a clip is from moment to moment."""

import torch
from torch import Tensor

from ser.config.checks import check_range
from ser.features.base import Feature


class Loudness(Feature):
    """Mean power of stretches that follow one another, in dB: one band.

    Args:
        sample_rate: of the waveforms, in Hz.
        trim_db: cut off beginning and end that lie this far below the loudest part, in dB; None: not at all.
        hop_s: length of a stretch, in seconds.
    """

    n_bands = 1

    def __init__(self, *, sample_rate: int, trim_db: float | None, hop_s: float) -> None:
        super().__init__()
        check_range("hop_s", hop_s, 0.001, 0.05)
        self.sample_rate, self.trim_db, self.hop = sample_rate, trim_db, round(hop_s * sample_rate)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        whole = waveforms[:, : waveforms.shape[1] // self.hop * self.hop]
        power = whole.reshape(len(whole), -1, self.hop).square().mean(-1)  # (batch, frames)
        return 10 * torch.log10(power + 1e-10)[:, None], lengths // self.hop
''',
    "conf/feature/loudness.yaml": """
_target_: ser.features.loudness.Loudness
sample_rate: 16000
trim_db: null
hop_s: 0.01
""",
    "tests/features/test_loudness.py": r"""
import pytest
import torch

from ser.errors import ConfigError
from tests.components import make


def test_ten_times_the_amplitude_is_20_db_more() -> None:
    clip = 0.01 * torch.randn(1, 1600)
    frames, [count] = make("feature/loudness")(clip, torch.tensor([1600]))
    louder, _ = make("feature/loudness")(10 * clip, torch.tensor([1600]))
    assert frames.shape == (1, 1, 10) and count == 10
    torch.testing.assert_close(louder - frames, torch.full_like(frames, 20.0), atol=1e-2, rtol=0)


def test_a_hop_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"feature\.hop_s must lie between"):
        make("feature/loudness", hop_s=1.0)
""",
    "src/ser/models/spread.py": '''
"""Mean and deviation of each band, and a linear layer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser.config.checks import check_range
from ser.layers.mask import frame_mask
from ser.layers.pooling import AveragePooling
from ser.models.base import Model


class Spread(Model):
    """Linear layer with ReLU on mean and deviation over the real frames, and an output layer.

    Args:
        hidden: size of the first layer.
        n_bands, n_channels, n_classes: see `Model`.
    """

    def __init__(self, *, n_bands: int, n_channels: int, n_classes: int, hidden: int) -> None:
        super().__init__()
        check_range("hidden", hidden, 1, 4096)
        self.average = AveragePooling()
        self.hidden = nn.Linear(2 * n_bands, hidden)
        self.output = nn.Linear(hidden, n_classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        mask = frame_mask(lengths, features.shape[-1])
        mean = self.average(features, mask)  # (batch, n_bands)
        variance = self.average((features - mean[..., None]).square(), mask)
        pooled = torch.cat([mean, (variance + 1e-6).sqrt()], dim=1)
        return F.log_softmax(self.output(F.relu(self.hidden(pooled))), dim=-1)
''',
    "conf/model/spread.yaml": """
_target_: ser.models.spread.Spread
hidden: 16
""",
    "tests/models/test_spread.py": """
import torch

from tests.components import make


def test_it_hears_how_much_a_band_changes() -> None:
    torch.manual_seed(0)
    model = make("model/spread", n_bands=2, n_classes=3)
    features = torch.tensor([[1.0, -1.0] * 5, [0.0] * 10])[None]
    calm, restless = model(0 * features, torch.tensor([10])), model(features, torch.tensor([10]))
    assert not torch.allclose(calm, restless)
""",
    "src/ser/augment/polarity.py": '''
"""Waveforms turned upside down."""

import torch
from torch import Tensor

from ser.augment.base import Augment
from ser.config.checks import check_range


class Polarity(Augment):
    """Turns clips upside down.

    Args:
        probability: that a clip is turned.
        n_channels, sample_rate: see `Augment`.
    """

    changes_waveforms = True

    def __init__(self, *, probability: float, n_channels: int, sample_rate: int) -> None:
        super().__init__(mixup=0.0, n_channels=n_channels, sample_rate=sample_rate)
        check_range("probability", probability, 0, 1)
        self.probability = probability

    def waveforms(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        turned = torch.rand(len(waveforms), 1) < self.probability
        return torch.where(turned.to(waveforms.device), -waveforms, waveforms), lengths
''',
    "conf/augment/polarity.yaml": """
_target_: ser.augment.polarity.Polarity
probability: 0.5
""",
    "tests/augment/test_polarity.py": """
import torch

from tests.components import make


def test_some_clips_are_turned_and_others_stay() -> None:
    torch.manual_seed(0)
    waveforms, lengths = torch.rand(200, 50), torch.full((200,), 50)
    turned = make("augment/polarity", probability=0.25).waveforms(waveforms, lengths)[0] == -waveforms
    assert 30 < int(turned.all(dim=1).sum()) < 70
""",
    "src/ser/loggers/diary.py": '''
"""logger=diary: a line for each event, in a text file."""

from collections.abc import Mapping

from ser.loggers.base import Job, Logger


class Diary(Logger):
    """Writes into the run folder.

    Args:
        file: name of the text file.
    """

    def __init__(self, *, file: str) -> None:
        self.file = file

    def start(self, job: Job) -> None:
        self.path = job.folder / self.file
        self._write(f"began {job.name}")

    def log_epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        self._write(f"epoch {epoch}: {scores['val/uar']:.2f}")

    def close(self, exit_code: int) -> None:
        self._write(f"ended with {exit_code}")

    def _write(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\\n")
''',
    "conf/logger/diary.yaml": """
diary:
  _target_: ser.loggers.diary.Diary
  file: diary.txt
""",
    "tests/loggers/test_diary.py": """
from pathlib import Path

from ser.loggers.base import Job
from ser.loggers.diary import Diary


def test_each_event_is_a_line(tmp_path: Path) -> None:
    diary = Diary(file="log.txt")
    diary.start(Job(tmp_path, "train", "resnet", None, [], tmp_path, {}))
    diary.log_epoch(1, {"val/uar": 0.5})
    diary.close(1)
    assert (tmp_path / "log.txt").read_text() == "began resnet\\nepoch 1: 0.50\\nended with 1\\n"
""",
}


def test_five_parts_are_added_and_nothing_that_exists_is_changed(tmp_path: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    for name, text in ADDED.items():
        with (tmp_path / name).open("x", encoding="utf-8") as file:  # which must not exist
            file.write(text.removeprefix("\n"))
    linted = [name for name in ADDED if name.endswith(".py")]
    subprocess.run([sys.executable, "-m", "ruff", "check", "-q", *linted], cwd=tmp_path, check=True)
    tests = [f"tests/{name}" for name in OVER_ALL] + [name for name in ADDED if name.startswith("tests/")]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "-q", "-k", CHOSEN, *tests],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-1000:]
    passed = int(run.stdout.rpartition(" passed")[0].split()[-1])
    assert passed > 40, run.stdout[-500:]
