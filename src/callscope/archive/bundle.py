"""One call with everything in its directory as one file, to be moved to another archive.

A ZIP file: ``bundle.json`` first, which names every file with its length and SHA-256, then the files under ``call/``.
The same call gives the same bytes: names are in order, and times and owners are not kept. Logs are the archive's, not
the call's, and do not come along.

A bundle may come from anybody. Nothing of it is believed: names are those of plain files below the call's directory, a
file is what its digest says or the bundle is refused, no more is read than was announced, and what was announced has a
limit. What is taken out is made beside its place and put there in one step, where no other call is.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

import msgspec

from callscope.archive import exchange, listing, paths, sources
from callscope.archive.reader import read_envelope, read_metadata
from callscope.archive.replace import FILE_MODE, make_dir, touch_day, write_all
from callscope.errors import SettingError, UnreadableError
from callscope.ids import new_writer_id
from callscope.model.call import IN_PROGRESS

VERSION: Final = 1
SUFFIX: Final = ".callscope.zip"
MAX_BYTES: Final = 4 << 30
"""Of all files of a bundle together, unpacked."""
_MAX_FILES: Final = 10_000
_MAX_MANIFEST: Final = 8 << 20
_MANIFEST: Final = "bundle.json"
_FOLDER: Final = "call/"
_BLOCK: Final = 1 << 20
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_ENCRYPTED: Final = 1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_PART: Final = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9._~ -]{0,119}", re.ASCII)
_DAY: Final = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})", re.ASCII)
_MAX_DEPTH: Final = 3
_BROKEN: Final = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a bundle."""

    name: str
    """Its path in the call's directory, with ``/``."""
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a bundle holds."""

    bundle: int
    """Version of the form."""
    call_id: str
    day: str
    """As ``2026/11/21``."""
    name: str
    """Of the call's directory."""
    files: tuple[Entry, ...]


class Packed(msgspec.Struct, frozen=True):
    """A bundle that was written."""

    manifest: Manifest
    left_out: tuple[str, ...]
    """What in the call's directory is no plain file with a plain name."""


class Unpacked(msgspec.Struct, frozen=True):
    """A call that was taken out."""

    path: Path
    is_new: bool
    """False when the very same call is there already."""


def pack(call: Path, output: IO[bytes], *, now_ms: int) -> Packed:
    """Write a call's bundle.

    Args:
        call: its directory.
        output: a file that can be sought in.
        now_ms: Unix milliseconds.

    Raises:
        SettingError: the call goes on.
        UnreadableError: a file cannot be read, or changed meanwhile.
    """
    about = read_envelope(call, now_ms=now_ms)
    if about.status == IN_PROGRESS:
        raise SettingError(f"{about.call_id} goes on: pack it when it has ended")
    names, left_out = _names(call)
    try:
        files = tuple(_entry(call, name) for name in names)
        manifest = Manifest(
            bundle=VERSION, call_id=about.call_id, day="/".join(call.parts[-4:-1]), name=call.name, files=files
        )
        with zipfile.ZipFile(output, "w") as bundle:
            document = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
            with bundle.open(_info(_MANIFEST), "w") as to:
                to.write(document)
            for entry in files:
                _copy_in(bundle, call, entry)
    except OSError as error:
        raise UnreadableError(f"{call} cannot be packed ({error.strerror or error})") from error
    return Packed(manifest, tuple(left_out))


def unpack(bundle: Path, root: Path, *, max_bytes: int = MAX_BYTES) -> Unpacked:
    """Take the call of a bundle into an archive. Where another call is, it gets ``~2``; nothing is ever overwritten.

    Args:
        bundle: the file.
        root: the archive, made if it is not there.
        max_bytes: what the call may take.

    Raises:
        UnreadableError: it is no bundle, is damaged, or is too large; nothing is left of it.
        OSError: the archive cannot be written.
    """
    try:
        with zipfile.ZipFile(bundle) as packed:
            manifest = _manifest(packed, bundle, max_bytes)
            day = root / paths.CALLS / manifest.day
            planned = day / manifest.name
            there = next((each for each in _twins(planned) if _is_same(each, manifest)), None)
            if there is not None:
                return Unpacked(there, is_new=False)
            made = exchange.make_beside(day, new_writer_id())
            try:
                for entry in manifest.files:
                    _copy_out(packed, bundle, entry, made)
                path = exchange.place(made, planned)
            finally:
                exchange.discard(made)
    except _BROKEN as error:
        raise UnreadableError(f"{bundle} is no bundle, or is damaged ({error})") from error
    except FileNotFoundError as error:
        raise UnreadableError(f"{error.filename} is not there") from error
    key = sources.source_of(read_metadata(str(path))).get("key")
    if isinstance(key, str) and _PART.fullmatch(key):
        sources.remember(path, key)
    touch_day(path)
    return Unpacked(path, is_new=True)


def _names(call: Path) -> tuple[list[str], list[str]]:
    """Names of a call's files in order, and of what is none that a bundle takes."""
    names: list[str] = []
    left_out: list[str] = []
    for directory, folders, files in os.walk(call):
        inside = Path(directory).relative_to(call)
        links = [name for name in folders if (Path(directory) / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(links))
        for name in sorted([*files, *links]):
            relative = (inside / name).as_posix()
            path = call / relative
            fit = _is_name(relative) and path.is_file() and not path.is_symlink()
            (names if fit else left_out).append(relative)
    return sorted(names), sorted(left_out)


def _is_name(name: str) -> bool:
    """Whether a name is that of a plain file below a call's directory, on every system."""
    parts = name.split("/")
    return len(parts) <= _MAX_DEPTH and all(_PART.fullmatch(part) and not part.endswith((".", " ")) for part in parts)


def _entry(call: Path, name: str) -> Entry:
    digest, size = sha256(), 0
    for block in _blocks(call / name):
        digest.update(block)
        size += len(block)
    return Entry(name, size, digest.hexdigest())


def _blocks(path: Path) -> Iterator[bytes]:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(fd, "rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _info(name: str) -> zipfile.ZipInfo:
    """A name in the bundle, the same on every system and at every time."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = _UNIX
    info.external_attr = FILE_MODE << 16
    return info


def _copy_in(bundle: zipfile.ZipFile, call: Path, entry: Entry) -> None:
    digest = sha256()
    with bundle.open(_info(f"{_FOLDER}{entry.name}"), "w", force_zip64=entry.bytes >= zipfile.ZIP64_LIMIT) as to:
        for block in _blocks(call / entry.name):
            digest.update(block)
            to.write(block)
    if digest.hexdigest() != entry.sha256:
        raise UnreadableError(f"{call / entry.name} changed while it was packed: try again")


def _manifest(packed: zipfile.ZipFile, bundle: Path, max_bytes: int) -> Manifest:
    """What the bundle says it holds, when it holds that and nothing else; raises `UnreadableError`."""
    infos = packed.infolist()
    if not infos or infos[0].filename != _MANIFEST or infos[0].file_size > _MAX_MANIFEST:
        raise UnreadableError(f"{bundle} is no bundle of a call: it does not begin with {_MANIFEST}")
    try:
        with packed.open(infos[0]) as file:
            manifest = msgspec.json.decode(file.read(_MAX_MANIFEST + 1), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"{bundle}: {_MANIFEST} is not understood ({error})") from error
    if manifest.bundle != VERSION:
        raise UnreadableError(f"{bundle} has form {manifest.bundle}, this callscope knows {VERSION}: use a newer one")
    announced = [f"{_FOLDER}{entry.name}" for entry in manifest.files]
    if [info.filename for info in infos[1:]] != announced or len(set(announced)) != len(announced):
        raise UnreadableError(f"{bundle}: its files are not those that {_MANIFEST} names")
    for info in infos:
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
            raise UnreadableError(f"{bundle}: {info.filename} is packed in a way that bundles are not")
    _check_names(manifest, bundle)
    total = sum(max(0, entry.bytes) for entry in manifest.files)
    if total > max_bytes or len(manifest.files) > _MAX_FILES:
        raise UnreadableError(
            f"{bundle} announces {len(manifest.files)} files of {total} bytes: at most {_MAX_FILES} of {max_bytes}"
        )
    return manifest


def _check_names(manifest: Manifest, bundle: Path) -> None:
    for entry in manifest.files:
        if entry.bytes < 0:
            raise UnreadableError(f"{bundle}: {entry.name[:100]!r} cannot have {entry.bytes} bytes")
        if not _is_name(entry.name):
            raise UnreadableError(f"{bundle}: {entry.name[:100]!r} is no name of a file in a call's directory")
    day = _DAY.fullmatch(manifest.day)
    try:
        known = day is not None and dt.date(*map(int, day.groups())) is not None
    except ValueError:
        known = False
    if not known or "/" in manifest.name or not _is_name(manifest.name) or len(manifest.name) > paths.MAX_NAME * 2:
        raise UnreadableError(f"{bundle}: {manifest.day[:20]!r} and {manifest.name[:100]!r} are no place of a call")


def _copy_out(packed: zipfile.ZipFile, bundle: Path, entry: Entry, made: Path) -> None:
    """Write one file, and not a byte more than was announced."""
    path = made / entry.name
    make_dir(path.parent)
    digest, left = sha256(), entry.bytes
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with packed.open(f"{_FOLDER}{entry.name}") as file:
            while block := file.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                digest.update(block)
                write_all(fd, block)
    finally:
        os.close(fd)
    if left or digest.hexdigest() != entry.sha256:
        raise UnreadableError(f"{bundle}: {entry.name} is not what {_MANIFEST} says of it: the bundle is damaged")


def _twins(planned: Path) -> Iterator[Path]:
    """The calls that have the name."""
    if not planned.parent.is_dir():
        return
    for name in sorted(listing.names_of(planned.parent)):
        if name == planned.name or name.startswith(f"{planned.name}~"):
            yield planned.parent / name


def _is_same(there: Path, manifest: Manifest) -> bool:
    """Whether a call's directory holds just the files of a bundle."""
    names, _ = _names(there)
    if names != [entry.name for entry in manifest.files]:
        return False
    try:
        return all((there / e.name).stat().st_size == e.bytes and _entry(there, e.name) == e for e in manifest.files)
    except OSError:
        return False
