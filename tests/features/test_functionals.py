"""openSMILE's functionals, against openSMILE itself."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from ser.errors import ConfigError
from ser.features.functionals import Functionals
from tests.components import make
from tests.conftest import noise

opensmile = pytest.importorskip("opensmile")

RATE = 16000
NAMES = {"egemaps": "eGeMAPSv02", "compare": "ComParE_2016"}

each_set = pytest.mark.parametrize("name", NAMES)


def heard(feature: Functionals, clip: Tensor) -> Tensor:
    """Functionals (n_bands,) of a clip (samples,)."""
    frames, [count] = feature(clip[None], torch.tensor([len(clip)]))
    assert frames.shape == (1, feature.n_bands, 1) and frames.dtype == torch.float32 and count == 1
    return frames[0, :, 0]


def speech(n_samples: int = 8000) -> Tensor:
    """A buzzing vowel that falls in pitch, with some breath."""
    seconds = torch.arange(n_samples) / RATE
    phase = 2 * math.pi * (180 * seconds - 60 * seconds.square())
    voice = sum(torch.sin(number * phase) / number for number in range(1, 20))
    return 0.2 * voice + 0.02 * noise(n_samples)[0]


@each_set
def test_is_what_opensmile_says(name: str) -> None:
    smile = opensmile.Smile(opensmile.FeatureSet[NAMES[name]], opensmile.FeatureLevel.Functionals)
    feature = make(f"feature/{name}")
    for clip in (speech(), *noise(9000, 1600)):
        expected = smile.process_signal(clip.numpy(), RATE).to_numpy()[0]
        torch.testing.assert_close(heard(feature, clip), torch.tensor(expected), rtol=0, atol=0)


@each_set
def test_every_clip_has_finite_functionals(name: str) -> None:
    feature = make(f"feature/{name}")
    click = torch.zeros(5000)
    click[2500] = 1.0
    square = torch.tensor([1.0, -1.0]).repeat_interleave(40).repeat(60)
    clips = [torch.zeros(1), torch.ones(1), torch.zeros(8000), torch.full((8000,), 0.5), click, square]
    for clip in [*clips, *noise(1, 100, 959, 960, 961)]:
        assert heard(feature, clip).isfinite().all()


@each_set
def test_a_clip_of_less_than_a_window_is_continued_with_silence(name: str) -> None:
    feature = make(f"feature/{name}")
    [clip] = noise(300)
    continued = torch.cat([clip, torch.zeros(660)])
    torch.testing.assert_close(heard(feature, clip), heard(feature, continued), rtol=0, atol=0)


def test_full_scale_does_not_turn_over() -> None:
    feature = make("feature/egemaps")
    loud = 1.5 * speech() / speech().abs().max()
    limited = loud.clamp(-1.0, 1.0 - 2.0**-15)
    torch.testing.assert_close(heard(feature, loud), heard(feature, limited), rtol=0, atol=0)


@pytest.mark.parametrize("rate", [8000, 192000])
def test_other_sample_rates(rate: int) -> None:
    for name in NAMES:
        feature = make(f"feature/{name}", sample_rate=rate)
        for clip in noise(1, rate // 4):
            assert heard(feature, clip).isfinite().all()


def test_several_threads_agree_with_one() -> None:
    feature = make("feature/compare")
    clips = noise(*range(2000, 10000, 500))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda clip: heard(feature, clip), clips))
    for clip, answer in zip(clips, answers, strict=True):
        torch.testing.assert_close(answer, heard(feature, clip), rtol=0, atol=0)


def test_what_is_kept_depends_on_set_version_and_rate() -> None:
    made = [make("feature/egemaps"), make("feature/compare"), make("feature/egemaps", sample_rate=8000)]
    assert len({str(feature.frame_parameters) for feature in made}) == 3
    assert made[0].frame_parameters["opensmile"] == opensmile.__version__
    assert made[0].state_dict() == {} and copy.deepcopy(made[0]).title == "eGeMAPSv02"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"feature_set": "IS09"}, r"feature\.feature_set must be one of eGeMAPSv02, ComParE_2016; got 'IS09'"),
        ({"sample_rate": 4000}, r"feature\.sample_rate must lie between 8000 and 192000"),
        ({"trim_db": 0.0}, r"feature\.trim_db must lie between"),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make("feature/egemaps", **settings)
