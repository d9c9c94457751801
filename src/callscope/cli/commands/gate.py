"""``callscope gate``: fail a build when calls got slower, dearer or worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from callscope.cli import gate_baseline, gate_condition, gate_report, gate_verdict, options, question, screen
from callscope.cli.call_index import call_index
from callscope.cli.gate_condition import Condition
from callscope.cli.gate_measures import MEASURES, Sample, measure
from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.exporters.tables.selection import reading
from callscope.index.index import Index
from callscope.report import figures
from callscope.report.safe_text import clean


@click.command("gate")
@click.option("--baseline", metavar="SPEC", help="What to hold against: a query, or a FILE.json of --save.")
@click.option("--candidate", metavar="SPEC", help="What is looked at: the same [default: all calls].")
@click.option("--fail-on", "texts", metavar="CONDITION", multiple=True, help="As in 'p95>+10%'; may be given again.")
@click.option("--min-calls", type=click.IntRange(min=1), default=20, show_default=True, help="Fewer say nothing.")
@click.option("--strict", is_flag=True, help="Fail also on what may be chance.")
@click.option("--save", metavar="FILE", help="Keep the figures of the candidate as a baseline.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@options.root
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    baseline: str | None,
    candidate: str | None,
    texts: tuple[str, ...],
    min_calls: int,
    strict: bool,
    save: str | None,
    as_markdown: bool,
    root: str | None,
    as_json: bool,
) -> None:
    """Hold calls against others, and fail when they got worse.

    CONDITION is a measure (p50, p95, p99, stage.llm.p95, error_rate, completion, interruption_rate, unanswered,
    silence, cost_per_call, cost_per_minute), a sign (> >= < <=) and a limit: +10% or +200ms over the baseline, or a
    level as 1500ms, 2%, $0.05. Write it in single quotes. Ends with 0: passed; 1: failed; 2: not enough data, or a
    wrong option. The guide: docs/gate.md.
    """
    conditions = [gate_condition.parse(text) for text in texts]
    _check(conditions, baseline=baseline, candidate=candidate, save=save, two_forms=as_json and as_markdown)
    now = now_ms()
    names = set(MEASURES) if save else {each.measure for each in conditions}
    with call_index(options.archive(root), now_ms=now, whole=True) as index:
        sample = _sample(index, candidate or "", names, now=now)
        held = None if baseline is None else _sample(index, baseline, {each.measure for each in conditions}, now=now)
    if save is not None:
        gate_baseline.save(Path(save), sample, query=candidate or "", now_ms=now)
        click.echo(f"{clean(save)}  {figures.count(sample.calls, 'call')}", err=bool(conditions))
    if not conditions:
        return
    verdict = gate_verdict.judge(conditions, held, sample, strict=strict, fewest=min_calls)
    sides = [("candidate", candidate or "", sample)]
    if held is not None:
        sides.insert(0, ("baseline", baseline or "", held))
    if as_json:
        screen.print_json(gate_report.document(verdict, sides))
    elif as_markdown:
        click.echo(gate_report.markdown(verdict, sides), nl=False)
    else:
        gate_report.render(screen.console(), verdict, sides)
    context.exit(verdict.exit_code)


def _check(
    conditions: Sequence[Condition], *, baseline: str | None, candidate: str | None, save: str | None, two_forms: bool
) -> None:
    if two_forms:
        raise SettingError("--json and --markdown are two ways to print the same: choose one")
    if not conditions and save is None:
        raise SettingError("fail on what? give --fail-on 'p95>+10%', or --save FILE to make a baseline")
    relative = next((each for each in conditions if each.kind != "level"), None)
    if relative is not None and baseline is None:
        raise SettingError(f"--fail-on {relative.text!r} is about a difference: give --baseline")
    if baseline is not None and relative is None:
        raise SettingError("--baseline means nothing here: no condition is about a difference, as p95>+10% is")
    if baseline is not None and candidate is None and not _is_file(baseline):
        raise SettingError("which calls are held against the baseline? give --candidate, too")
    if save is not None and candidate is not None and _is_file(candidate):
        raise SettingError("--save keeps the figures of calls: --candidate is a file already")


def _is_file(spec: str) -> bool:
    return spec.endswith(gate_baseline.SUFFIX)


def _sample(index: Index, spec: str, names: set[str], *, now: int) -> Sample:
    """The calls of a query, measured; or what a file says of some."""
    if _is_file(spec):
        baseline = gate_baseline.load(Path(spec))
        return Sample(calls=baseline.calls, measures=baseline.measures)
    query = question.parse((spec,), now_ms=now, idle=question.COUNTS)
    with reading(index) as db:
        return measure(db, query, names)
