"""environment.json and uncommitted.patch of a run folder: what a run depends on beside its settings and its corpus."""

import json
import logging
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from ser.files import replacing
from ser.runs.folder import holds_a_run
from ser.runs.names import ENVIRONMENT, PATCH
from ser.runs.provenance import command_of, git_commit, uncommitted

log = logging.getLogger("ser")

LARGEST_PATCH = 10_000_000  # bytes


def write_environment(folder: Path) -> None:
    """Write both; into the folder of a run that goes on, what is there now is added under `resumed`.

    What cannot be found out is null. Nothing is told of environment variables, which hold secrets. Whatever goes wrong
    here is said, and costs no training.
    """
    try:
        _write(folder)
    except Exception as error:
        log.warning("the run goes on without %s (%s: %s)", ENVIRONMENT, type(error).__name__, error)


def _write(folder: Path) -> None:
    described = describe(folder)
    before = _before(folder)
    if before:
        described = {**before, "resumed": [*before.get("resumed", []), described]}
    else:
        described["uncommitted"] = _write_patch(folder)
    with replacing(folder / ENVIRONMENT) as beside:
        beside.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _before(folder: Path) -> dict[str, Any]:
    """What the run that goes on in a folder began with; empty where none does, or it is damaged."""
    try:
        return read_environment(folder) if holds_a_run(folder) else {}
    except (OSError, ValueError):
        return {}


def describe(folder: Path) -> dict[str, Any]:
    """The command of the run in `folder`, its code, and the machine, as they are now."""
    return {
        "command": command_of(folder) or None,
        "folder": _at_home(Path.cwd()),
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "operating_system": platform.platform(),
        "cpu": _cpu(),
        "n_cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        **_devices(),
        "packages": _packages(),
    }


def _at_home(folder: Path) -> str:
    """A folder, with ~ for the user's own: who that is, is nobody's business."""
    try:
        return (Path("~") / folder.relative_to(Path.home())).as_posix()
    except (ValueError, RuntimeError):  # it lies elsewhere, or there is no home
        return str(folder)


def read_environment(folder: Path) -> dict[str, Any]:
    """What environment.json of a run folder says; empty where there is none.

    Raises:
        OSError, ValueError: it is damaged.
    """
    path = folder / ENVIRONMENT
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it is no mapping")
    return content


def _packages() -> dict[str, str]:
    """Versions by canonical names; of two of one name that of the first on the path, which is imported."""
    found: dict[str, str] = {}
    for one in distributions():
        with suppress(Exception):  # each is read from disk, and what others have installed may be damaged in any way
            name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()  # as PEP 503 has it
            found.setdefault(name, one.metadata["Version"])
    return dict(sorted(found.items()))


def _write_patch(folder: Path) -> str | None:
    """Write what of the code is not committed; its file's name, or why there is none, or None: nothing is."""
    (folder / PATCH).unlink(missing_ok=True)  # of a try that was refused
    patch = uncommitted(LARGEST_PATCH)
    if not patch:
        return None
    if len(patch) > LARGEST_PATCH:
        return f"more than {LARGEST_PATCH / 1e6:g} MB, which was not kept"
    with replacing(folder / PATCH) as beside:
        beside.write_bytes(patch)
    return PATCH


def _cpu() -> str | None:
    try:
        if found := re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE):
            return found[1]
    except OSError:
        pass
    return _said("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine() or None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):  # of no such system
        return None


def _devices() -> Mapping[str, Any]:
    """What torch computes with: threads of the CPU, and GPUs with their driver."""
    import torch  # not for those who only read run folders

    gpus = _gpus()
    driver = None if gpus == [] else _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return {
        "n_threads": torch.get_num_threads(),
        "gpus": gpus,
        "gpu_driver": driver and driver.splitlines()[0],
        "cuda": None if gpus == [] else torch.version.cuda,
    }


def _gpus() -> list[dict[str, Any]] | None:
    import torch

    try:
        n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        each = [torch.cuda.get_device_properties(number) for number in range(n_gpus)]
    except Exception:  # of a broken driver, which training on the CPU does not need
        return None
    return [{"name": one.name, "memory_gb": round(one.total_memory / 1e9, 1)} for one in each]


def _said(*command: str) -> str | None:
    """What a program says; None where there is none, or it fails."""
    if shutil.which(command[0]) is None:
        return None
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
