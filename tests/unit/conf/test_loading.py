# SPDX-License-Identifier: Apache-2.0
"""Reading configuration files."""

from pathlib import Path

import pytest

from amphv2_bootstrap.conf import list_opts, load, loading
from amphv2_bootstrap.conf.build import build
from amphv2_bootstrap.errors import InvalidInputError
from tests.unit.conf.configuration import BOARD, Configuration


def test_each_load_stands_alone(configuration: Configuration) -> None:
    """Two configurations in one process don't share a value."""
    configuration.write("[DEFAULT]\nhost = a\n")
    first = load([], [str(configuration.path)])
    configuration.write("[DEFAULT]\nhost = b\n")
    second = load([], [str(configuration.path)])
    assert (first.host, second.host) == ("a", "b")


def test_arguments(configuration: Configuration) -> None:
    """--config-file names another file, and oslo.log's options are accepted."""
    configuration.write("[DEFAULT]\nhost = a\n")
    conf = load(["--config-file", str(configuration.path), "--debug"])
    assert conf.host == "a"
    assert conf.debug is True


def test_environment_is_not_read(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Octavia's variables of the same names don't set our options."""
    monkeypatch.setenv("OS_TASK_FLOW__JOBBOARD_BACKEND_NAMESPACE", "octavia_jobboard")
    configuration.write("")
    conf = load([], [str(configuration.path)])
    assert conf.task_flow.jobboard_backend_namespace == "amphv2_bootstrap"


def test_missing_file() -> None:
    """The error names a missing file, and says what to do."""
    with pytest.raises(
        InvalidInputError, match=r"/nowhere/a\.conf doesn't exist\. Write it by"
    ):
        load([], ["/nowhere/a.conf"])


def test_missing_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments the default file must exist."""
    missing = str(tmp_path / "missing.conf")
    monkeypatch.setattr(loading, "DEFAULT_CONFIG_FILE", missing)
    with pytest.raises(InvalidInputError, match=r"missing\.conf doesn't exist"):
        load()


@pytest.mark.parametrize(
    "text",
    [
        f"[octavia]\n{BOARD}\n",
        f"[octavia]\n= {BOARD}\n",
        f"{BOARD} = 1\n",
        "[octavia\n",
    ],
)
def test_malformed_file(text: str, configuration: Configuration) -> None:
    """The error has the number of a malformed line, but not its text."""
    configuration.write(text)
    with pytest.raises(InvalidInputError, match=r"line \d+, is malformed") as caught:
        load([], [str(configuration.path)])
    assert BOARD not in str(caught.value)
    assert caught.value.__suppress_context__


def test_file_of_another_encoding(configuration: Configuration) -> None:
    """The error says that a file isn't UTF-8."""
    configuration.path.write_bytes(b"[DEFAULT]\nhost = \xff\xfe\n")
    with pytest.raises(InvalidInputError, match="UTF-8"):
        load([], [str(configuration.path)])


def test_unknown_argument() -> None:
    """An unknown argument ends the program with exit code 2."""
    with pytest.raises(SystemExit) as caught:
        load(["--nonsense"], [])
    assert caught.value.code == 2


def test_bad_value_of_an_argument(
    configuration: Configuration, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad value in the file of an option that is also an argument is an error."""
    configuration.write("[DEFAULT]\ndebug = perhaps\n")
    with pytest.raises(InvalidInputError, match="'perhaps'"):
        load([], [str(configuration.path)])
    assert "debug" in capsys.readouterr().err


def test_files_of_a_folder_are_checked(configuration: Configuration) -> None:
    """Misspelt options in files of --config-dir are found."""
    folder = configuration.folder / "conf.d"
    folder.mkdir()
    (folder / "a.conf").write_text("[octavia]\ngrant_host = %\n")
    configuration.write(configuration.text())
    conf = load(["--config-dir", str(folder)], [str(configuration.path)])
    with pytest.raises(InvalidInputError, match="did you mean grant_hosts"):
        build(conf, find_python=lambda _: None)


def test_file_that_went_away(configuration: Configuration) -> None:
    """A file that vanishes between reading and checking is a problem, no crash."""
    configuration.write(configuration.text())
    conf = load([], [str(configuration.path)])
    configuration.path.unlink()
    with pytest.raises(InvalidInputError, match="can't be read"):
        build(conf, find_python=lambda _: None)


def test_every_option_has_a_help_text() -> None:
    """Each help text ends as a sentence."""
    for _, options in list_opts():
        for option in options:
            assert option.help, option.name
            assert option.help.rstrip().endswith("."), option.name


def test_secret_options_are_marked() -> None:
    """oslo.config masks these when it logs values."""
    secret = {o.name for _, options in list_opts() for o in options if o.secret}
    assert secret == {
        "admin_connection",
        "persistence_connection",
        "jobboard_backend_password",
        "jobboard_redis_sentinel_password",
        "jobboard_zookeeper_ssl_options",
        "http_token",
    }
