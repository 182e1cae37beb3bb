"""Two corpora in the demo's synthetic voices, with the names of CREMA-D and EMO-DB: for docs/evaluate.md.

    python benchmarks/spoken_corpora.py data/spoken

Writes data/spoken/cremad (12 speakers, 288 clips, some echo) and data/spoken/emodb (10 speakers, 240 clips, much echo
and noise).
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile

from ser.corpora.espeak import Espeak
from ser.corpora.synthesis import SAMPLE_RATE, Speaker, make_clip
from ser.metrics import Floats

RAVDESS = {"neutral": "01", "happy": "03", "sad": "04", "angry": "05", "fearful": "06", "disgust": "07"}
CREMAD = {"neutral": "NEU", "happy": "HAP", "sad": "SAD", "angry": "ANG", "fearful": "FEA", "disgust": "DIS"}
EMODB = {"neutral": "N", "happy": "F", "sad": "T", "angry": "W", "fearful": "A", "disgust": "E"}
SENTENCES = ("DFA", "IEO", "IOM", "ITH")
SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
N_TAKES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    engine = Espeak()
    for number in range(12):
        for emotion, code in CREMAD.items():
            for take in range(N_TAKES):
                clip = in_room(spoken(engine, 101 + number, emotion, take), number, decay_s=0.02, direct=8.0)
                write(folder / f"cremad/AudioWAV/{1001 + number}_{SENTENCES[take]}_{code}_XX.wav", clip)
    for number, speaker in enumerate(SPEAKERS):
        for emotion, code in EMODB.items():
            for take in range(N_TAKES):
                clip = in_room(spoken(engine, 201 + number, emotion, take), 50, decay_s=0.06, direct=4.0)
                noise = np.random.default_rng(take).normal(0, 0.003, len(clip))
                write(folder / f"emodb/wav/{speaker}a0{1 + take}{code}a.wav", clip + noise)


def spoken(engine: Espeak, speaker: int, emotion: str, take: int) -> Floats:
    """A clip of the demo: of four takes two sentences, each weak and strong; neutral is said twice."""
    strong = emotion != "neutral" and take % 2
    name = f"03-01-{RAVDESS[emotion]}-{'02' if strong else '01'}-{1 + take // 2:02d}-{1 + take % 2:02d}-{speaker}"
    return np.asarray(make_clip(engine, Speaker.of(str(speaker)), name))


def in_room(clip: Floats, seed: int, *, decay_s: float, direct: float) -> Floats:
    """The clip after 0.3 s of decaying noise as echo, `direct` times louder than its first samples; 0.7 at most."""
    times = np.arange(int(0.3 * SAMPLE_RATE)) / SAMPLE_RATE
    echo = np.random.default_rng(seed).normal(size=len(times)) * np.exp(-times / decay_s)
    echo[0] = direct
    heard = np.convolve(clip, echo / direct)[: len(clip)]
    return np.asarray(heard / np.abs(heard).max() * 0.7)


def write(path: Path, clip: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, clip, SAMPLE_RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
