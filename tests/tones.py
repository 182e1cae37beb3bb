"""Generated voices whose dimensions are known: a corpus to tell numbers from."""

from pathlib import Path

import numpy as np

from ser.files import write_csv

SAMPLE_RATE = 16000
SECONDS = 0.6


def write_tones(folder: Path, *, n_speakers: int = 6, n_clips: int = 12, seed: int = 0) -> Path:
    """A table with arousal, valence (both 1 to 5) and speaker, and its recordings; returns where it is.

    Arousal is the level of a voice, in steps of 6 dB; valence its pitch, in steps of a third of an octave. How much
    noise is in it, and the strength of its overtones, are the speaker's own.
    """
    import soundfile

    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    rows = []
    for speaker in range(n_speakers):
        overtones, hiss = random.uniform(0.2, 0.8), random.uniform(0.002, 0.01)
        for number in range(n_clips):
            arousal, valence = random.uniform(1, 5, size=2)
            pitch = 150 * 2 ** (valence / 3)
            voice = sum(overtones**n * np.sin(2 * np.pi * pitch * (n + 1) * time) for n in range(4))
            clip = 0.01 * 2**arousal * (voice + hiss * random.standard_normal(len(time))) / 3
            path = folder / f"{speaker}-{number:02}.wav"
            soundfile.write(path, clip.astype(np.float32), SAMPLE_RATE)
            row = {"path": path.name, "speaker": f"s{speaker}", "gender": "fm"[speaker % 2]}
            rows.append(row | {"arousal": f"{arousal:.3f}", "valence": f"{valence:.3f}"})
    write_csv(folder / "tones.csv", rows)
    return folder / "tones.csv"
