"""A made-up corpus in RAVDESS's layout, spoken by eSpeak NG: the whole project runs on it without any data."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from ser.corpora import espeak
from ser.corpora.base import Utterance
from ser.corpora.ravdess import ACTORS, AUDIO_ONLY, INTENSITIES, RAVDESS_EMOTIONS, SPEECH, SYNTHETIC_MARKER, Ravdess
from ser.corpora.synthesis import SAMPLE_RATE, TEXTS, Speaker, make_clip
from ser.errors import StoreError
from ser.files import hold

RECIPE = 1  # counts up with every change that alters a clip; part of the folder's name, so no old clip is served


class Demo(Ravdess):
    """The 1440 clips of RAVDESS by name and number, spoken by eSpeak NG; made below `root` where they are missing."""

    name = "demo"
    about = None
    release = None
    listeners = None
    notice = (
        "corpus=demo is synthetic: its sentences are spoken by eSpeak NG, and a score on it says nothing about real"
        " emotion. For real speech set corpus=ravdess corpus.root=<folder with Actor_01 ... Actor_24>."
    )

    def __init__(self, *, root: str | Path) -> None:
        super().__init__(root=Path(root).expanduser() / f"v{RECIPE}", download=False)

    def utterances(self) -> list[Utterance]:
        make_actors(ACTORS, self.root)
        return super().utterances()

    def _is_foreign(self, names: Sequence[str]) -> bool:
        return False


def clip_names(actor: str) -> list[str]:
    """The 60 file names of an actor ("01" to "24"), as in RAVDESS: neutral speech has no strong intensity."""
    return [
        f"{AUDIO_ONLY}-{SPEECH}-{code}-{intensity}-{statement}-{repetition}-{actor}.wav"
        for code, emotion in RAVDESS_EMOTIONS.items()
        for intensity in INTENSITIES
        if (emotion, INTENSITIES[intensity]) != ("neutral", "strong")
        for statement in TEXTS
        for repetition in ("01", "02")
    ]


def make_actors(actors: Iterable[str], root: Path) -> None:
    """Make the folders `Actor_XX` below `root` that are missing or lack a clip; each appears only when it is whole.

    Raises:
        CorpusNotFound: eSpeak NG is not installed.
        StoreError: the clips cannot be made or written.
    """
    actors = list(actors)
    if not _missing(actors, root):
        return
    espeak.check()
    try:
        root.mkdir(parents=True, exist_ok=True)
        # Of several runs that begin at once, one makes them.
        waiting = f"another run is making the demo corpus in {root}; waiting for it"
        with hold(root.parent / f".{root.name}.lock", waiting):
            if missing := _missing(actors, root):
                _make_missing(missing, root)
    except OSError as error:
        raise StoreError(
            f"corpus.root: the demo corpus cannot be written to {root} ({error.strerror or error});"
            " set corpus.root=<folder that can be written to>"
        ) from None


def _missing(actors: Iterable[str], root: Path) -> list[str]:
    return [a for a in actors if not all((root / f"Actor_{a}" / name).is_file() for name in clip_names(a))]


def _make_missing(missing: Sequence[str], root: Path) -> None:
    from rich.console import Console
    from rich.progress import track

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            (root / SYNTHETIC_MARKER).write_text("Synthetic speech, spoken by eSpeak NG. Not RAVDESS.\n")
            made = [pool.submit(_make_apart, actor, root) for actor in missing]
            description = f"Making the demo corpus in {root}"
            for done in track(as_completed(made), description, len(made), console=Console(stderr=True)):
                done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _make_apart(actor: str, root: Path) -> None:
    """Make an actor in a process of its own, beside `root`, where no reader looks; then move it into place."""
    # Not multiprocessing: that imports the main module again in each process, and with it all of torch.
    with TemporaryDirectory(prefix=".making-", dir=root.parent, ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / f"Actor_{actor}"
        run = subprocess.run(
            [sys.executable, "-m", __name__, actor, str(folder)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if run.returncode != 0:
            code = run.returncode
            how = f"exit code {code}" if code > 0 else f"killed by signal {-code}; is there memory enough?"
            reason = (run.stderr.strip() or how).splitlines()[-1].removeprefix(f"{StoreError.__module__}.StoreError: ")
            raise StoreError(f"corpus=demo: the clips of actor {actor} could not be made in {scratch}: {reason}")
        try:
            folder.rename(root / folder.name)
        except OSError:  # another run was faster, or the folder had lost clips: fill it up, the clips are the same
            for clip in folder.iterdir():
                clip.replace(root / folder.name / clip.name)


def make_actor(actor: str, folder: Path) -> None:
    """Make the 60 clips of one actor ("01" to "24") in `folder`; the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = espeak.Espeak()
    speaker = Speaker.of(actor)
    for name in clip_names(actor):
        try:
            soundfile.write(folder / name, make_clip(engine, speaker, name), SAMPLE_RATE, subtype="PCM_16")
        except soundfile.LibsndfileError as error:
            raise StoreError(f"{error.error_string.rstrip('.')}; is the disk full?") from None


if __name__ == "__main__":
    make_actor(sys.argv[1], Path(sys.argv[2]))
