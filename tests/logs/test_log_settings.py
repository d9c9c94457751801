from __future__ import annotations

from pathlib import Path

import pytest
from kept_lines import lines_of

from callscope import logs
from callscope.config import LOG_VARIABLES
from callscope.errors import SettingError
from callscope.logs import level
from callscope.logs.settings import LogSettings, mistakes, resolve

EXAMPLE = Path(__file__).parents[2] / "examples" / "logs.toml"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (*LOG_VARIABLES.values(), "CALLSCOPE_LOGS", "PATTER_LOG_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "logs.toml"
    path.write_text(text)
    return path


def test_an_argument_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_file(tmp_path, 'level = "error"\nmax_mb = 3\nfiles_a_day = 7\n')
    monkeypatch.setenv("CALLSCOPE_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("CALLSCOPE_LOG_MAX_MB", "2.5")

    assert resolve({}, file=path) == LogSettings(level=level.DEBUG, max_mb=2.5, files_a_day=7)
    assert resolve({"level": "warning", "max_mb": None}, file=path).level == level.WARNING
    monkeypatch.setenv("CALLSCOPE_LOGS", str(path))
    assert resolve({}).files_a_day == 7


def test_the_file_in_the_usual_place_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "config" / "callscope"
    place.mkdir(parents=True)
    (place / "logs.toml").write_text('level = "warning"\n')

    assert resolve({}).level == level.WARNING


def test_levels_of_loggers_are_read_from_each_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_file(tmp_path, '[levels]\n"httpx" = "warning"\n')

    assert resolve({}, file=path).levels == {"httpx": level.WARNING}
    assert resolve({"levels": {"a": "debug"}}).levels == {"a": level.DEBUG}
    monkeypatch.setenv("CALLSCOPE_LOG_LEVELS", "httpx=WARNING, pipecat.services=debug")
    assert resolve({}).levels == {"httpx": level.WARNING, "pipecat.services": level.DEBUG}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("level", "verbose", "level is 'verbose': write one of trace, debug, info, warning, error, critical"),
        ("levels", {"httpx": "loud"}, "httpx=loud: write one of trace"),
        ("levels", 3, "write as in"),
        ("console", "printer", "write on, off, stderr or stdout"),
        ("directory", "~nobody-of-that-name/logs", "write a path without ~"),
        ("max_mb", 0, "write a number from 0.001"),
        ("files_a_day", 2.5, "write a whole number from 1"),
        ("buffer_lines", True, "write a whole number from 1"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_what_to_write(name: str, value: object, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        logs.configure(**{name: value})  # type: ignore[arg-type]

    assert said in str(caught.value)
    assert logs.current_logs() is None


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('level = "info"\nlevle = "debug"\n', 2, "there is no setting 'levle'"),
        ('\n\nlevel = "loud"\n', 3, "level is 'loud'"),
        ('level = "info"\n[levels]\nhttpx = "info"\n"pipe.cat" = "lowd"\n', 4, "pipe.cat=lowd"),
        ("max_mb = '10 MB'\n", 1, "max_mb"),
        ("[level]\nx = 1\n", 1, "level is"),
    ],
)
def test_a_wrong_line_of_the_file_is_an_error_that_names_it(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = a_file(tmp_path, text)

    with pytest.raises(SettingError) as caught:
        logs.configure(file=path)

    assert f"{path}:{line}: " in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_no_toml_or_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="line 1"):
        resolve({}, file=a_file(tmp_path, "level = info\n"))
    with pytest.raises(SettingError, match="is not there"):
        resolve({}, file=tmp_path / "none.toml")


def test_what_the_environment_says_wrongly_is_told_and_the_safe_value_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSCOPE_LOG_LEVEL", "everything")
    monkeypatch.setenv("CALLSCOPE_LOG_LEVELS", "httpx=WARNING,pipecat=all,=debug2")
    monkeypatch.setenv("CALLSCOPE_LOG_FILES_A_DAY", "many")
    made = logs.configure(directory=tmp_path / "logs", console=False)
    made.close()

    assert made.settings.level == level.INFO
    assert made.settings.levels == {"httpx": level.WARNING}
    assert made.settings.files_a_day == 5
    told = [line["event"] for line in lines_of(tmp_path / "logs")]
    assert len(told) == 3
    assert told[0].startswith("CALLSCOPE_LOG_LEVEL='everything' is not understood (write one of trace")
    assert made.health().problems == tuple(told)


def test_a_directory_that_is_not_understood_is_no_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCOPE_LOG_DIR", "~nobody-of-that-name/logs")

    assert resolve({}).directory is None
    assert "no files are written" in resolve({}).problems[0]


def test_off_means_no_files_also_where_calls_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATTER_LOG_DIR", str(tmp_path))
    assert resolve({}).directory == tmp_path / "logs"
    monkeypatch.setenv("CALLSCOPE_LOG_DIR", "off")
    assert resolve({}).directory is None


def test_the_example_is_what_the_defaults_are(tmp_path: Path) -> None:
    example = resolve({}, file=EXAMPLE)

    assert example == LogSettings(levels=example.levels)
    assert example.levels


def test_all_mistakes_can_be_asked_for_without_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mistakes() == ()

    monkeypatch.setenv("CALLSCOPE_LOGS", str(a_file(tmp_path, 'level = "info"\nlevle = 1\n')))
    monkeypatch.setenv("CALLSCOPE_LOG_LEVEL", "chatty")
    monkeypatch.setenv("CALLSCOPE_LOG_CONSOLE", "window")

    raised, level_, console = mistakes()
    assert f"raises this where a program calls it: {tmp_path}/logs.toml:2: there is no setting 'levle'" in raised
    assert level_.endswith("INFO is used")
    assert console.endswith("lines are shown")
