"""Unpacking a zip archive whole or not at all."""

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from ser.errors import DownloadError


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip archive into a folder that is made for it.

    Raises:
        DownloadError: the archive is damaged or holds what must not be unpacked, or the disk is too small.
        OSError: the folder cannot be written.
    """
    from rich.console import Console
    from rich.progress import track

    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            for member in members:
                if problem := _problem(member):
                    raise DownloadError(
                        f"{archive} is not safe: {member.filename!r} in it {problem}; nothing was unpacked"
                    )
            check_room(folder.parent, sum(member.file_size for member in members))
            folder.mkdir()
            for member in track(members, "Unpacking", console=Console(stderr=True)):
                opened.extract(member, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted
        raise DownloadError(f"{archive} cannot be unpacked ({error}); delete it to begin anew") from None


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what a disk has no room for: `needed` bytes more in `folder`.

    Raises:
        DownloadError: there is less.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"{folder}: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free; free some, or name a folder"
            " on another disk"
        )


def _problem(member: zipfile.ZipInfo) -> str:
    """Why a member must not be unpacked, whatever the system; "" where it may be."""
    for path in (PurePosixPath(member.filename), PureWindowsPath(member.filename)):
        if path.anchor or ".." in path.parts:
            return "would leave the folder"
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where the archive was made on Windows
    return "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "is a link or a device"
