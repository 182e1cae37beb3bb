from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.commands import main
from ser.corpora.demo import clip_names


@pytest.fixture
def clip(speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(speech / "Actor_01" / clip_names("01")[0])


def test_writes_sounds_and_a_picture(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    sure = ["augment.waveform.speed_probability=1", "augment.waveform.speed=[0.9,0.9]"]
    main(["listen", clip, "augment=all", *sure, "--out", "heard", "--n", "2"])
    folder = Path("heard")
    assert {path.name for path in folder.iterdir()} == {"before.wav", "after-1.wav", "after-2.wav", "features.png"}
    before, rate = soundfile.read(folder / "before.wav")
    assert rate == 16_000 and np.abs(before).max() > 0.01
    for number in (1, 2):
        after, _ = soundfile.read(folder / f"after-{number}.wav")
        assert len(after) == pytest.approx(len(before) / 0.9, abs=1)
        assert np.isfinite(after).all() and np.abs(after).max() > 0.001
    assert (folder / "features.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.count("speed 0.9") == 2


def test_the_seed_decides(clip: str) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        main(["listen", clip, "augment=waveform", "--n", "1", "--out", name, "--seed", seed])
    sounds = [(Path(name) / "after-1.wav").read_bytes() for name in "abc"]
    assert sounds[0] == sounds[1] != sounds[2]


def test_turns_down_what_would_not_fit(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    loud = ["augment.gain_probability=1", "augment.gain_db=[60,60]"]
    main(["listen", clip, "augment=waveform", *loud, "--out", "loud", "--n", "1"])
    assert "turned down by" in capsys.readouterr().out
    before, after = (np.abs(soundfile.read(f"loud/{name}.wav")[0]).max() for name in ("before", "after-1"))
    assert after == pytest.approx(1, abs=1e-3) and before < after / 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.wav"], "missing.wav: cannot be read as audio"),
        (["CLIP", "augment=al"], "choose from all, none"),
        (["CLIP", "augment=waveform", "augment.noise=1"], "augment.noise: no such setting"),
        (["CLIP", "augment=waveform", "augment.gain_db=3"], "augment.gain_db must be [lowest, highest]"),
        (["CLIP", "model=null"], "model"),
        (["CLIP", "CLIP"], "settings are written name=value. See ser listen --help"),
        (["CLIP", "--n", "0"], "0 is not in the range 1<=x<=20. See ser listen --help"),
        (["CLIP", "--out", "full"], "exists and would be lost"),
        (["CLIP", "--out", "full/before.wav/x"], "cannot be written to"),
    ],
)
def test_a_mistake_ends_in_one_message(
    words: list[str], said: str, clip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("full").mkdir()
    Path("full/before.wav").write_text("precious")
    code = main(["listen", *(clip if word == "CLIP" else word for word in words)])
    told = capsys.readouterr().err
    assert code == (2 if "See ser listen --help" in said else 1)
    assert said in told and "Traceback" not in told
    assert Path("full/before.wav").read_text() == "precious"


def test_without_a_clip_the_demo_corpus_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    main(["listen", "--out", "demo", "--n", "1"])
    assert len(soundfile.read("demo/before.wav")[0]) > 8000
