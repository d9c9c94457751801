"""A whole call as the recorder would have written it: the same redaction, prices and fold, row by row."""

from __future__ import annotations

import wave
from collections import deque
from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from callscope.archive import paths
from callscope.archive.sources import key_of
from callscope.errors import UnreadableError
from callscope.model import wire
from callscope.model.call import SCHEMA_VERSION
from callscope.model.event import ERROR, SILENCE, Event
from callscope.model.turn import Turn
from callscope.model.whole import WholeCall, WholeTurn
from callscope.recorder import records
from callscope.recorder.buffer import NOTHING
from callscope.recorder.call_file import CallFile
from callscope.recorder.money import Money
from callscope.recorder.originals import AS_IT_CAME, REDACTED, Originals
from callscope.recorder.snapshot import restore, take
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy
from callscope.timeline.outcome import Facts
from callscope.timeline.silence import EARLY_MS, SilenceWatch, event_of
from callscope.timeline.silence_words import Silence

_END: Final = ("status", "error", "reason", "duration_ms", "turns", "cost", "latency", "recording_path")
_COST_KEYS: Final = ("cost_status", "unpriced", "cost_lines", "cost_catalogue", "cost_problem")
_PARTIES: Final = ("caller", "callee")
_SAMPLE_BYTES: Final = 2
_CHANNELS: Final = (1, 2)
_FRAMES: Final = 1 << 16
_GIVE: Final = "give a WAV file of 16-bit PCM with one or two channels"


class Story:
    """What a whole call comes to on disk.

    Args:
        call: as its source tells it.
        policy: what may be written.
        writer: the writer's identity, for metadata.
        money: the prices.
        planned: where the call goes unless another call is there.
        redacted: names of originals that come from the archive, where the policy had changed them.
    """

    def __init__(
        self,
        call: WholeCall,
        *,
        policy: Policy,
        writer: dict[str, Any],
        money: Money,
        planned: Path,
        redacted: Collection[str] = (),
    ) -> None:
        self.call = call
        self.key = key_of(str(call.source.get("format", "")), str(call.source.get("id", "")))
        self.transcript: list[bytes] = []
        self.events: list[bytes] = []
        self.originals: dict[str, bytes] = {}
        self._policy = policy
        self._redacted = redacted
        self._told: list[Any] = []
        self._file = CallFile(
            call.call_id, call.started_at_ms, planned=planned, policy=policy, writer=writer, money=money
        )
        self._file.about.update(wire.plain(call.fields))
        self._last_ms = call.started_at_ms
        # Nobody listened while it went on: what was not heard is found now, as its readers find it, for the outcome.
        is_told = any(isinstance(row, Event) and row.type == SILENCE for row in call.rows)
        reports_sound = self._file.about.reports_sound
        started_at_ms = call.started_at_ms
        self._watch = None if is_told else SilenceWatch(started_at_ms=started_at_ms, reports_sound=reports_sound)
        self._said: deque[Turn] = deque()  # that the watch waits for, as a reader does
        for row in call.rows:
            if isinstance(row, WholeTurn):
                self._turn(row)
            else:
                self._event(row)
        self._source = self._read_source()
        self.digest = self._read_digest()

    def write_sound(self, path: Path) -> None:
        """Copy the sound; raises `UnreadableError` when it is no WAV file of the kind that is kept, and `OSError`."""
        if self.call.sound is None:
            return
        begun_ms = self.call.sound_started_at_ms
        begun_ms = self.call.started_at_ms if begun_ms is None else begun_ms
        try:
            with wave.open(str(self.call.sound), "rb") as sound:
                rate, channels = sound.getframerate(), sound.getnchannels()
                is_fit = sound.getsampwidth() == _SAMPLE_BYTES and channels in _CHANNELS
                while is_fit and (pcm := sound.readframes(_FRAMES)):
                    self._file.sound.add(path, begun_ms, pcm, sample_rate=rate, channels=channels)
        except (wave.Error, EOFError) as error:
            raise UnreadableError(f"{self.call.sound} cannot be read ({error}): {_GIVE}") from error
        finally:
            self._file.sound.close()
        if not is_fit:
            raise UnreadableError(f"{self.call.sound} has another form of sound than is kept: {_GIVE}")

    def document(self, *, at_ms: int, former: dict[str, Any]) -> dict[str, Any]:
        """metadata.json; once, and after `write_sound`.

        Args:
            at_ms: Unix milliseconds, now.
            former: the metadata of the call that this one replaces; what a person added to it stays.
        """
        if self.call.ended_at_ms is not None:
            given = dict.fromkeys(_END) | {name: self.call.end.get(name) for name in _END}
            self._watch_turns(None)
            self._count_silences(self._watch.finish(self.call.ended_at_ms) if self._watch is not None else ())
            self._file.finish(wire.plain(given), self.call.ended_at_ms, shared_at_ms=None)
        document = self._file.document(NOTHING, 0)
        ours = document["callscope"]
        if self.call.end.get("cost"):  # the source's own sum, which ours has nothing to do with
            for name in _COST_KEYS:
                ours.pop(name, None)
        ours["source"] = {**self._source, "key": self.key, "digest": self.digest, "at": wire.format_ts(at_ms)}
        before = former.get("callscope")
        before = before if isinstance(before, dict) else {}
        if isinstance(before.get("labels"), dict):
            ours["labels"] = {**before["labels"], **ours["labels"]}
        if before.get("notes"):
            ours["notes"] = before["notes"]
        if self.call.sound is None and isinstance(before.get("recording"), dict):
            ours["recording"] = before["recording"]
            document.setdefault("recording_path", paths.RECORDING)
        return document

    def _turn(self, turn: WholeTurn) -> None:
        """As `Writer` does with a row of `CallLog.turn`."""
        file = self._file
        role = wire.name(turn.role)
        ts_ms = self._moment(turn.at_ms)
        index = file.next_turn if turn.turn_index is None else turn.turn_index
        said: dict[str, Any] = {
            "role": role,
            "text": turn.text if turn.text is None else wire.name(turn.text),
            "latency": None if turn.latency is None else _copy(turn.latency),
            "cost": None if turn.cost is None else _copy(turn.cost),
        }
        if turn.duration_ms is not None:
            said["duration_ms"] = turn.duration_ms
        if turn.interrupted:
            said["interrupted"] = True
        if turn.interrupted or turn.heard is not None:
            said["heard"] = turn.heard
        said |= {name: value for name, value in _copy(turn.extra).items() if name not in said}
        row = {"schema_version": SCHEMA_VERSION, "ts": wire.format_ts(ts_ms), "turn_index": index}
        row |= redaction.turn_row(said, self._policy)
        self._told.append(wire.encode(row))
        if role == "assistant":  # what is worked out is not told by the source, and is no reason to write it anew
            row["latency"] = row["latency"] if turn.latency is not None else file.current_latency()
            row["cost"] = row["cost"] if turn.cost is not None else file.turn_cost()
        self.transcript.append(wire.encode(row))
        file.next_turn = index + 1
        file.turns += 1
        file.written += 1
        latency: Any = row["latency"]
        counted = Turn(
            ts_ms=ts_ms,
            turn_index=index,
            role=role,
            text=None,
            text_length=len(said["text"].strip()) if said["text"] else None,
            latency=latency,
            interrupted=turn.interrupted,
        )
        file.count_turn(counted)
        self._said.append(counted)

    def _event(self, event: Event) -> None:
        """As `Writer` does with an event."""
        kind = wire.name(event.type)
        data = _copy(event.data)
        if kind == ERROR:
            data = records.categorised(data)
        data = redaction.event_data(kind, data, self._policy)
        kept = redaction.fields({"type": kind}, self._policy)["type"]
        kind = kept if isinstance(kept, str) and kept else "event"
        ts_ms = self._moment(event.ts_ms)
        row = {"schema_version": SCHEMA_VERSION, "ts": wire.format_ts(ts_ms), "type": kind, "data": data}
        self.events.append(wire.encode(row))
        self._told.append(self.events[-1])
        self._file.written += 1
        counted = Event(ts_ms=ts_ms, type=kind, data=data)
        self._watch_turns(ts_ms)
        self._count_silences(self._watch.event(counted) if self._watch is not None else ())
        self._file.count_event(counted)

    def _watch_turns(self, before_ms: int | None) -> None:
        """Have the watch take the turns before a moment; None: all."""
        while self._said and (before_ms is None or (self._said[0].ts_ms or 0) + EARLY_MS < before_ms):
            turn = self._said.popleft()
            if self._watch is not None:
                self._watch.turn(turn)

    def _count_silences(self, silences: Iterable[Silence]) -> None:
        """They get no rows: whoever reads a call that nobody watched finds them again."""
        for each in silences:
            self._file.count_event(event_of(each))

    def _moment(self, at_ms: int | None) -> int:
        """A row's moment; that of the row before it when nobody knows."""
        if at_ms is not None and 0 <= at_ms <= wire.LAST_MS:
            self._last_ms = int(at_ms)
        return self._last_ms

    def _read_source(self) -> dict[str, Any]:
        parties = [wire.name(self.call.fields[name]) for name in _PARTIES if self.call.fields.get(name)]
        originals = Originals(self._policy, parties)
        told = {}
        for name, content in self.call.originals.items():
            kept, how = originals.kept(content)
            safe = paths.safe_name(name)
            told[safe] = REDACTED if how == AS_IT_CAME and safe in self._redacted else how
            if kept is not None:
                self.originals[safe] = kept
        source = redaction.fields(wire.plain(self.call.source), self._policy)
        return {**source, **({"originals": told} if told else {})}

    def _read_digest(self) -> str:
        """Whether two tellings of one source are the same: of what may be written, never of what may not."""
        about = self._file.about.document(turns=0, latency=None, cost=None, facts=Facts(), added={})
        about["callscope"] = {**about["callscope"], "writer": None, "version": None}
        end = redaction.fields(wire.plain(self.call.end), self._policy)
        head = [about, self.call.ended_at_ms, end, self._source, self.call.sound_started_at_ms]
        digest = sha256(wire.encode(head))
        for row in self._told:
            digest.update(row + b"\n")
        for name, content in sorted(self.originals.items()):
            digest.update(sha256(name.encode() + b"\0" + content).digest())
        if self.call.sound is not None:
            with self.call.sound.open("rb") as sound:
                while block := sound.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


def _copy(data: dict[str, Any]) -> dict[str, Any]:
    """As the recorder takes what it is given."""
    return restore(take(data)[0])
