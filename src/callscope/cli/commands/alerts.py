"""``callscope alerts``: the rules of alerts: where they stand, what they would have told, whether notices arrive."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from callscope import config
from callscope.alerts import rehearsal, starter, store
from callscope.alerts.incidents import Notice
from callscope.alerts.reading import Past, troubles
from callscope.alerts.rule import Rule, Rules
from callscope.alerts.rule_source import read_rules
from callscope.archive.listing import require_root
from callscope.cli import alert_table, options, screen
from callscope.cli.call_index import call_index
from callscope.clock import now_ms
from callscope.errors import CallscopeError, NotFoundError, SettingError
from callscope.query import moments, quantities
from callscope.query.fields import nearest
from callscope.report.safe_text import clean

_EVERY: Final = "5m"
_MOST_LOOKS: Final = 200_000
_rules_option = click.option(
    "--rules", "file", metavar="FILE", help="The rules [default: CALLSCOPE_ALERTS, or the usual place]."
)


@click.group("alerts")
def command() -> None:
    """Rules of alerts: `callscope watch` and `callscope serve` look at them and tell people."""


@command.command("init")
@click.option("--file", metavar="FILE", help="Where to [default: CALLSCOPE_ALERTS, or the usual place].")
def init(*, file: str | None) -> None:
    """Write rules to begin with. A file that is there already is left as it is."""
    path = _path(file)
    starter.write(path)
    click.echo(f"{clean(path)} has rules to begin with: read and change them. What they would have told:")
    given = f" --rules {clean(path)}" if file is not None else ""
    click.echo(f"  callscope alerts check --since 7d{given}")


@command.command("list")
@options.root
@_rules_option
@options.as_json
def listed(*, root: str | None, file: str | None, as_json: bool) -> None:
    """List the rules: whether they fire, their last value, when they last told."""
    path = _path(file)
    rules = read_rules(path)
    archive = options.archive(root)
    require_root(archive)
    state = store.load(archive).of(path)
    if as_json:
        screen.print_json(alert_table.listing(rules, state))
        return
    alert_table.print_rules(screen.console(), rules, state, now_ms=now_ms())


@command.command("check")
@click.argument("names", metavar="[RULE]...", nargs=-1)
@options.root
@_rules_option
@click.option("--at", metavar="TIME", help="One moment [default: now]: 2h, 2026-11-20T09:30, yesterday. UTC.")
@click.option("--since", metavar="TIME", help="Look again and again from then on: 7d, 2026-11-01.")
@click.option("--until", metavar="TIME", help="Up to then [default: now].")
@click.option("--every", metavar="TIME", default=_EVERY, show_default=True, help="Between two looks.")
@options.as_json
def check(
    *,
    names: tuple[str, ...],
    root: str | None,
    file: str | None,
    at: str | None,
    since: str | None,
    until: str | None,
    every: str,
    as_json: bool,
) -> None:
    """Say what rules say at a moment, or what they would have told over a time. Nobody is told, nothing is kept.

    All rules, or those that are named. The past is as the index knows it now: calls that were going on then count as
    they ended. The room on the disk is known of this moment alone.
    """
    rules = read_rules(_path(file))
    wanted, problems = _sound(_named(rules, names))
    archive = options.archive(root)
    now = now_ms()
    if since is None:
        if until is not None:
            raise SettingError("--until goes with --since: write --at for one moment")
        _check_moment(archive, wanted, at, now, problems, as_json=as_json)
        return
    if at is not None:
        raise SettingError("--at is one moment, --since the first of many: write one of them")
    since_ms = moments.parse(since, option="--since", now_ms=now)
    until_ms = now if until is None else moments.parse(until, option="--until", now_ms=now)
    every_ms = round(quantities.number(every, field="--every", unit="ms"))
    if since_ms >= until_ms:
        raise SettingError("the range of time is empty: its end is not after its beginning")
    if every_ms <= 0 or (until_ms - since_ms) // every_ms > _MOST_LOOKS:
        raise SettingError(f"--every {every} makes more than {_MOST_LOOKS:,} looks: write a longer time")
    looks = rehearsal.moments(since_ms, until_ms, every_ms)
    with call_index(archive, now_ms=now) as index, Past(index, now_ms=until_ms, since_ms=since_ms) as past:
        found = rehearsal.rehearse(past, wanted, looks)
    if as_json:
        span = {"since_ms": since_ms, "until_ms": until_ms, "every_ms": every_ms}
        screen.print_json(alert_table.rehearsed(found, **span, problems=problems))
    else:
        alert_table.print_notices(screen.console(), found, wanted, since_ms=since_ms, until_ms=until_ms)
    _end(problems)


@command.command("test")
@click.argument("name", metavar="RULE")
@options.root
@_rules_option
@options.as_json
def test(*, name: str, root: str | None, file: str | None, as_json: bool) -> None:
    """Send a notice that is marked as a test to the targets of a rule, and say whether it arrived."""
    from callscope.alerts import deliver  # noqa: PLC0415 -- ways to tell people, which the other commands do not need

    rules = read_rules(_path(file))
    (rule,) = _named(rules, (name,))
    archive = options.archive(root)
    require_root(archive)
    notice = _test_notice(rule, now_ms())
    outcomes: list[dict[str, Any]] = []
    for target in rules.targets_of(rule):
        error = _tried(lambda target=target: deliver.send_now(target, notice, root=archive))  # type: ignore[misc]
        outcomes.append({"target": target.name, "kind": target.kind, "sent": error is None, "error": error})
    if as_json:
        screen.print_json({"rule": rule.name, "notice": notice.id, "targets": outcomes})
    else:
        for outcome in outcomes:
            how = "sent" if outcome["sent"] else f"not sent: {clean(outcome['error'])}"
            click.echo(f"{clean(outcome['target'])} ({outcome['kind']}): {how}")
    if not outcomes:
        raise SettingError(f"{rule.place}: no target of the file takes notices of {rule.severity!r} of this rule")
    if not all(outcome["sent"] for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _sound(rules: tuple[Rule, ...]) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The rules that can be looked at, and what is wrong with the others; raises `SettingError` where that is all."""
    wrong = troubles(rules)
    if rules and len(wrong) == len(rules):
        raise SettingError("\n".join(wrong.values()))
    return tuple(rule for rule in rules if rule.name not in wrong), tuple(wrong.values())


def _end(problems: tuple[str, ...]) -> None:
    """Say what could not be looked at, to stderr: what reads the output in a pipe wants verdicts only."""
    for words in problems:
        click.echo(f"trouble: {clean(words)}", err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _check_moment(
    archive: Path, rules: tuple[Rule, ...], at: str | None, now: int, problems: tuple[str, ...], *, as_json: bool
) -> None:
    at_ms = now if at is None else moments.parse(at, option="--at", now_ms=now)
    since_ms = None if at is None else at_ms
    with call_index(archive, now_ms=now) as index, Past(index, now_ms=at_ms, since_ms=since_ms) as past:
        said = alert_table.said(past, rules, at_ms)
    if as_json:
        screen.print_json({"at": alert_table.moment(at_ms), "rules": said, "problems": problems})
    else:
        alert_table.print_said(screen.console(), said, at_ms=at_ms)
    _end(problems)


def _tried(send: Callable[[], None]) -> str | None:
    try:
        send()
    except CallscopeError as error:
        return str(error)
    return None


def _test_notice(rule: Rule, at_ms: int) -> Notice:
    number = secrets.token_hex(12)
    return Notice(
        id=number,
        incident=number,
        rule=rule.name,
        kind=rule.kind,
        key="",
        state="fired",
        severity=rule.severity,
        at_ms=at_ms,
        since_ms=at_ms,
        value=None,
        unit=rule.unit,
        threshold=rule.threshold,
        words="This is a test: nothing happened.",
        where="",
        link="/alerts",
        test=True,
    )


def _named(rules: Rules, names: tuple[str, ...]) -> tuple[Rule, ...]:
    by_name = {rule.name: rule for rule in rules.rules}
    for name in names:
        if name not in by_name:
            near = nearest(name, list(by_name))
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(map(repr, by_name)) or 'none'}"
            raise NotFoundError(f"there is no rule {name!r} in {rules.file}: {hint}")
    return tuple(by_name[name] for name in dict.fromkeys(names)) or rules.rules


def _path(file: str | None) -> Path:
    return config.alerts_file() if file is None else Path(file).expanduser()
