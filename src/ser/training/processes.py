"""Several processes that train one model together, on one machine or on many.

On one machine the main process starts the others itself (`training_processes`); under torchrun or SLURM they are there
already. The main process alone says, writes and reports.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ser.config.schema import Config
from ser.errors import ConfigError, ProcessError, SerError

Settings = Mapping[str, Any]  # `trainer` of the configuration: arguments of Lightning's Trainer

GRACE_S = 15  # how long the main process may take to notice by itself that another has died


def n_devices(trainer: Settings) -> int:
    """Processes on each machine, one a device.

    With `devices: auto`: as many as the launcher has started, or as there are GPUs, or 2 on a CPU where the strategy is
    another than auto, else 1.
    """
    devices = trainer["devices"]
    if isinstance(devices, int) and devices > 0:
        return devices
    if isinstance(devices, list):
        return len(devices)
    if are_external():
        return int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    if trainer["accelerator"] not in ("cpu", "mps"):
        import torch

        if torch.cuda.is_available():
            return max(torch.cuda.device_count(), 1)
    return 1 if trainer["strategy"] == "auto" else 2


def n_processes(trainer: Settings) -> int:
    """Processes that train together, on all machines."""
    return n_devices(trainer) * int(trainer["num_nodes"])


def is_distributed(trainer: Settings) -> bool:
    """Whether several processes are to train together."""
    return n_processes(trainer) > 1


def are_external() -> bool:
    """Whether a launcher (torchrun, SLURM's srun) has started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1


def check_launcher(trainer: Settings) -> None:
    """Refuse settings that ask for other processes than a launcher has started.

    Raises:
        ConfigError: says how many are there and how many are asked for.
    """
    if not are_external():
        return
    if "TORCHELASTIC_RUN_ID" not in os.environ and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise ConfigError(
            "SLURM must be told --ntasks-per-node, not only --ntasks; docs/several-processes.md shows how"
        )
    n_started = int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_STEP_NUM_TASKS", "1")))
    n_wanted = n_processes(trainer)
    if n_started != n_wanted:
        raise ConfigError(
            f"{n_started} processes were started, but trainer.devices={trainer['devices']} and"
            f" trainer.num_nodes={trainer['num_nodes']} ask for {n_wanted}; make them agree, as"
            " docs/several-processes.md shows"
        )


def rank() -> int:
    """Number of this process among those that train together, from 0, which is the main one."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")))


def is_main(trainer: Settings) -> bool:
    """Whether this process says, writes and reports."""
    return not is_distributed(trainer) or rank() == 0


@contextmanager
def training_processes(config: Config, folder: Path) -> Iterator[None]:
    """Start the other processes of this machine; they run the same configuration and meet this one in training.

    Args:
        config: of the run; its `trainer` says how many.
        folder: the run folder.

    Raises:
        ConfigError: several machines, but no launcher that has started processes on them.
        ProcessError: a process died.
    """
    trainer = config.trainer
    if not is_distributed(trainer) or are_external() or rank() > 0:
        yield
        _leave()
        return
    if trainer["num_nodes"] > 1:
        raise ConfigError(
            f"trainer.num_nodes={trainer['num_nodes']}: start the processes on all machines with torchrun or srun, as"
            " docs/several-processes.md shows"
        )
    from lightning_fabric.plugins.environments.lightning import find_free_network_port

    n_here = n_devices(trainer)
    # What torch and Lightning read; the number of the process differs.
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_free_network_port()),
        "NODE_RANK": "0",
        "WORLD_SIZE": str(n_here),
    }
    before = dict(os.environ)
    os.environ.update(shared, RANK="0", LOCAL_RANK="0")
    children: list[subprocess.Popen[str]] = []
    over = threading.Event()
    try:
        for number in range(1, n_here):
            children.append(_start(number, config, folder))
        threading.Thread(target=_watch, args=(children, over), daemon=True).start()
        yield
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_S)
    except SerError:
        raise
    except Exception as error:
        time.sleep(1)  # what broke the connection may be on its way out still
        dead = _dead(children)
        if dead is None:
            raise
        raise ProcessError(_death_of(*dead)) from error
    finally:
        over.set()
        for child in children:
            child.kill()
            child.wait()
        _leave()
        os.environ.clear()
        os.environ.update(before)


def _leave() -> None:
    """Part from the other processes: one that ends while it is still connected may be aborted."""
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _start(number: int, config: Config, folder: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "ser.commands.training_process", str(folder)],
        env={**os.environ, "RANK": str(number), "LOCAL_RANK": str(number), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    # The pipe stays open: when it closes, this process has ended, and the child ends too.
    child.stdin.write(json.dumps(asdict(config)) + "\n")
    child.stdin.flush()
    return child


def _dead(children: Sequence[subprocess.Popen[str]]) -> tuple[int, int] | None:
    """Number and exit code of a process that has failed."""
    for number, child in enumerate(children, start=1):
        if child.poll():
            return number, int(child.returncode)
    return None


def _death_of(number: int, code: int) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"training process {number} died ({how}); go on from the last whole epoch with resume=true"


def _watch(children: Sequence[subprocess.Popen[str]], over: threading.Event) -> None:
    """End this process where another has died and this one would wait for it for ever."""
    while not over.wait(0.5):
        dead = _dead(children)
        if dead is not None and not over.wait(GRACE_S):
            print(_death_of(*dead), file=sys.stderr, flush=True)
            os._exit(1)


def gather(values: Sequence[Any]) -> list[Any]:
    """The values of all processes, one after the other's."""
    import torch.distributed

    if not torch.distributed.is_initialized():
        return list(values)
    everyone: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, list(values))
    return [value for one in everyone for value in one]
