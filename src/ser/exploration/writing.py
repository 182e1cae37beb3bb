"""What is left of an exploration: the page, and the tables behind it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ser.exploration.exploring import Explored
from ser.exploration.findings import Finding, findings
from ser.exploration.page import page
from ser.files import replacing, write_csv
from ser.runs.broken import write_broken
from ser.runs.names import BROKEN

PAGE, CLIPS, SUMMARY = "explore.html", "clips.csv", "explore.json"
FILES = (PAGE, CLIPS, SUMMARY, BROKEN)


def write(explored: Explored, folder: Path) -> list[Path]:
    """Write all into a folder that is there; returns where they lie, the page first.

    Raises:
        OSError: one of them cannot be written.
    """
    told = findings(explored)
    with replacing(folder / PAGE) as beside:
        beside.write_text(page(explored, told), encoding="utf-8")
    write_csv(folder / CLIPS, _rows(explored))
    with replacing(folder / SUMMARY) as beside:
        beside.write_text(json.dumps(_summary(explored, told), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    written = [folder / name for name in (PAGE, CLIPS, SUMMARY)]
    return [*written, write_broken(folder, explored.broken)] if explored.broken else written


def _rows(explored: Explored) -> list[dict[str, Any]]:
    """One a clip."""
    group = {clip.utterance.id: number for number, of in enumerate(explored.copies, 1) for clip in of.clips}
    attributes = dict.fromkeys(name for clip in explored.clips for name in clip.utterance.attributes)
    rows = []
    for clip in explored.clips:
        one = clip.utterance
        measures = {
            "duration_s": clip.duration_s,
            "level_dbfs": clip.level_db,
            "noise_dbfs": clip.noise_db,
            "snr_db": clip.snr_db,
            "peak_dbfs": clip.peak_db,
            "leading_silence_s": clip.leading_s,
            "trailing_silence_s": clip.trailing_s,
            "pitch_hz": clip.pitch_hz,
            "pitch_range_semitones": clip.pitch_range,
        }
        rows.append(
            {
                "utterance": one.id,
                "path": str(one.path),
                "segment_s": str(one.segment),
                "emotion": one.emotion,
                "speaker": one.speaker or "",
                "sample_rate_hz": clip.sample_rate,
                "channels": clip.channels,
                "format": clip.form,
                **{name: round(value, 3) if np.isfinite(value) else "" for name, value in measures.items()},
                "clipped_samples": clip.clipped,
                "copies": group.get(one.id, ""),
            }
        )
        rows[-1] |= {name: one.attributes.get(name, "") for name in attributes if name not in rows[-1]}
    return rows


def _summary(explored: Explored, told: Sequence[Finding]) -> dict[str, Any]:
    return {
        "corpus": explored.name,
        "clips": len(explored.clips),
        "broken": len(explored.broken),
        "hours": round(explored.hours, 4),
        "findings": [one._asdict() for one in told],
        "remarks": explored.remarks,
        "labels": explored.labels,
        "agreement": explored.agreement,
        "counts": explored.counted(),
        "speakers": [asdict(voice) for voice in explored.voices],
        "copies": [
            {
                "kind": group.kind,
                "correlation": round(group.correlation, 4),
                "clips": [clip.utterance.id for clip in group.clips],
            }
            for group in explored.copies
        ],
        "told": asdict(explored.telling),
    }
