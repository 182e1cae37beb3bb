"""`--shard 3/64`: the third of 64 parts of a list, for as many machines."""

import click


def read_shard(said: str | None) -> tuple[int, int]:
    """(3, 64) of "3/64"; of None the whole, (1, 1).

    Raises:
        UsageError: it is no such part.
    """
    if said is None:
        return 1, 1
    number, _, n_shards = said.partition("/")
    if not (number.isdecimal() and n_shards.isdecimal() and 1 <= int(number) <= int(n_shards)):
        raise click.UsageError(f"--shard must be as 3/64, from 1/64 to 64/64; got {said}")
    return int(number), int(n_shards)
