"""An exported model: a folder that holds all that it needs."""

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ser
from ser.config.extras import need
from ser.encoders import fetch_into
from ser.encoders.weights import weight_files
from ser.errors import ModelError
from ser.export.card import card
from ser.export.origin import Origin, origin_of
from ser.features.encoder import Encoder
from ser.features.side_by_side import SideBySide
from ser.inference.checkpoint import DESCRIPTION, ENCODER, FORMAT, SETTINGS, weight_names
from ser.inference.members import Member, read_members
from ser.runs.provenance import Provenance

log = logging.getLogger("ser")

SAFETENSORS, ONNX, TORCH = "safetensors", "onnx", "torch"
KINDS = (SAFETENSORS, ONNX, TORCH)
CARD = "README.md"
FORMATS = (FORMAT, f"ser-{ONNX}", f"ser-{TORCH}")
FILES = (CARD, DESCRIPTION, "model*.safetensors", "model.onnx", "model.onnx.data", "model.pt2", f"{ENCODER}/*/*")


def export(
    place: Path, folder: Path, to: str, *, fold: int | None = None, int8: bool = False, trusted: Sequence[str] = ()
) -> list[str]:
    """Write a trained model into a folder, whole or not at all.

    Args:
        place: a run folder, or a checkpoint.
        folder: must not exist yet.
        to: of `KINDS`.
        fold: of a run over all folds; None: the mean of all.
        int8: whether ONNX shall compute in 8 bits.
        trusted: packages beside ours whose classes the model may name.

    Returns:
        what there is to tell, a line each.

    Raises:
        SerError: the model cannot be loaded or written so, or differs from PyTorch; nothing was written.
    """
    if folder.exists():
        raise ModelError(f"{folder} exists; name another folder, nothing was changed")
    if is_exported(place):
        raise ModelError(
            f"{place}: is an exported model, which has neither its run's clips nor its test; name the folder of the run"
        )
    if to == ONNX:
        for package in ("onnx", "onnxscript", "onnxruntime"):
            need("--to onnx", package, extra="onnx")
    members, _ = read_members(place, fold, trusted)
    origin = origin_of(place, fold)
    if origin.results and (check := origin.results.facts.check):
        raise ModelError(f"{place}: a run with check={check.name}, whose model is for no use; train one without")
    beside, notes = None, list[str]()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        if to == SAFETENSORS:
            content = _as_safetensors(members, beside)
        else:
            content, notes = _as_program(members, origin, beside, to, int8)
        usage = _usage(to, content)
        (beside / DESCRIPTION).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        told = card(folder.resolve().name, members, origin, usage, notes)
        (beside / CARD).write_text(told, encoding="utf-8")
        beside.chmod(0o755)
        beside.rename(folder)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot be written ({error.strerror or error}); free space, or name another folder"
        ) from None
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
    return notes


def is_exported(folder: Path) -> bool:
    """Whether `export` has written a folder, for whomever it is."""
    try:
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(about, dict) and about.get("format") in FORMATS and (folder / CARD).is_file()


def files_of(folder: Path) -> list[Path]:
    """The files of an exported model; not what somebody has put beside them."""
    return sorted(file for pattern in FILES for file in folder.glob(pattern) if file.is_file())


def _as_safetensors(members: Sequence[Member], folder: Path) -> dict[str, Any]:
    """Write weights and encoders; what config.json says."""
    from safetensors.torch import save_file

    encoders: dict[tuple[str, str | None], str] = {}
    described = []
    for member, name in zip(members, weight_names(len(members)), strict=True):
        recognizer = member.recognizer
        feature = _with_own_encoder(recognizer.settings["feature"], encoders)
        settings = {**{key: recognizer.settings[key] for key in SETTINGS}, "feature": feature}
        settings["speakers"] = recognizer.speakers
        own = {"reads_lower": recognizer.reads_lower, "weight": member.weight}
        described.append({**json.loads(json.dumps(settings)), **own})
        state = {key: value.detach().cpu().clone().contiguous() for key, value in recognizer.state_dict().items()}
        save_file(state, folder / name, {"format": "pt"})
        (folder / name).chmod(0o644)  # like what is beside it: a service that reads it may be of another user
    for part in [part for member in members for part in _encoders(member)]:
        if weight_files(part.folder, allow_pickle=True)[0].suffix != ".safetensors":
            raise ModelError(
                f"feature.checkpoint={part.checkpoint}: its weights are a pickle, which is not shared; train with what"
                f" this makes of it: ser fetch {part.checkpoint} FOLDER --allow-pickle"
            )
    for (checkpoint, revision), where in encoders.items():
        fetch_into(folder / where, checkpoint, revision, allow_pickle=False)
    common = {"format": FORMAT, "versions": _versions()}
    return {**common, **described[0]} if len(described) == 1 else {**common, "members": described}


def _with_own_encoder(settings: Any, encoders: dict[tuple[str, str | None], str]) -> Any:
    """A feature's settings, with the encoders that they name in the folder itself; adds these to `encoders`."""
    if not isinstance(settings, Mapping):
        return settings
    if isinstance(settings.get("checkpoint"), str):
        key = settings["checkpoint"], settings.get("revision")
        where = encoders.setdefault(key, f"{ENCODER}/{len(encoders) + 1}")
        return {**settings, "checkpoint": where, "revision": None}
    return {name: _with_own_encoder(value, encoders) for name, value in settings.items()}


def _encoders(member: Member) -> list[Encoder]:
    feature = member.recognizer.feature
    parts = list(feature.parts) if isinstance(feature, SideBySide) else [feature]
    return [part for part in parts if isinstance(part, Encoder)]


def _as_program(
    members: Sequence[Member], origin: Origin, folder: Path, to: str, int8: bool
) -> tuple[dict[str, Any], list[str]]:
    """Write and check a graph; what config.json says, and what there is to tell."""
    from ser.export import programs
    from ser.export.graph import SHORTEST_S, Graph
    from ser.export.material import material

    graph = Graph(members).eval()
    first, rate = members[0].recognizer, graph.sample_rate
    about: dict[str, Any] = {
        "labels": first.labels,
        "sample_rate": rate,
        "trim_db": first.feature.trim_db,
        "shortest_samples": round(SHORTEST_S * rate),
        "longest_samples": graph.longest,
    }
    tried = material(origin.folder, members, graph.longest)
    absent = f"{tried.missing} of the run's test is not there; call this in the folder where it was trained"
    if int8 and not tried.emotions:
        why = absent if tried.missing else "the run's test clips are not there, or are parts of recordings"
        raise ModelError(f"--int8: {why}; without them nobody can tell what 8 bits would lose")
    if tried.missing:
        log.warning("%s, or noise is what the file is tried with", absent)
    path = folder / (programs.ONNX if to == ONNX else programs.PROGRAM)
    if to == ONNX:
        programs.write_onnx(graph, path, about)
        run = programs.onnx_run(path)
    else:
        programs.write_program(graph, path)
        run = programs.program_run(path)
    difference, given = programs.checked(members, tried, run, rate, path.name)
    notes = [
        f"differs from PyTorch by {difference:.1e} in log-probabilities at most, on {tried.about}, in padded batches"
    ]
    about |= {"largest_difference": difference, "checked_with": tried.about}
    if int8:
        scores = programs.quantize(path, graph, tried, given, rate)
        about["int8"] = scores
        notes.append(
            f"computes in 8 bits: {scores['mb_before']:.1f} MB before and {scores['mb_after']:.1f} after,"
            f" UAR {scores['uar_before']:.3f} and {scores['uar_after']:.3f}, accuracy {scores['accuracy_before']:.3f}"
            f" and {scores['accuracy_after']:.3f}, on {tried.about}"
        )
    return {"format": f"ser-{to}", **about, "versions": _versions()}, notes


def _usage(to: str, content: Mapping[str, Any]) -> str:
    if to == SAFETENSORS:
        return (
            "```python\nfrom ser import load  # pip install the project ser-lab, from its repository\n\n"
            'recognizer = load("<this folder>")  # or "hf:user/name"\nrecognizer.predict("my.wav")\n```'
        )
    trim = '\nsamples, _ = librosa.effects.trim(samples, top_db=about["trim_db"])' if content["trim_db"] else ""
    if to == ONNX:
        imports = "import librosa\nimport numpy as np\nimport onnxruntime"
        call = (
            'session = onnxruntime.InferenceSession("model.onnx")\n'
            '[answers] = session.run(None, {"samples": samples[None], "lengths": lengths})'
        )
    else:
        imports = "import librosa\nimport numpy as np\nimport torch"
        call = (
            'program = torch.export.load("model.pt2").module()\n'
            "answers = program(torch.from_numpy(samples[None]), torch.from_numpy(lengths))"
        )
    return (
        f"```python\nimport json\n\n{imports}\n\n"
        'about = json.load(open("config.json"))\n'
        f'samples, _ = librosa.load("my.wav", sr=about["sample_rate"], mono=True){trim}\n'
        "lengths = np.array([len(samples)])\n"
        'samples = np.pad(samples, (0, max(0, about["shortest_samples"] - len(samples))))\n'
        f'{call}\nprint(about["labels"][int(answers[0].argmax())])\n```\n\n'
        f"`samples` (batch, samples) is mono float32 in [-1, 1], {content['sample_rate']} Hz;"
        " `lengths` (batch,) int64 says how many of them are a clip's own; what is after them has no say."
        f" {content['shortest_samples']} to {content['longest_samples']} samples: pad what is shorter with zeros."
        f" The answer (batch, {len(content['labels'])}) is in the order of the labels in config.json: the logarithms of"
        " probabilities.\n\nIt names an emotion for whatever it hears, for silence too. What `ser predict` does besides"
        " stays outside: it looks for speech, hears what is long in windows of 30 s, and refuses less than 0.1 s."
    )


def _versions() -> dict[str, str]:
    return {"ser-lab": ser.__version__, **Provenance.here().versions, "transformers": version("transformers")}
