# SPDX-License-Identifier: Apache-2.0
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oslo_config import cfg

from amphv2_bootstrap.adapters.octavia.conf_file import (
    difference,
    get_options,
    render,
    set_options,
)
from amphv2_bootstrap.spec.masking import NOTHING_SECRET, Masker
from amphv2_bootstrap.spec.model import Value
from tests import DATA
from tests.patched import patched

OURS = ("jobboard_enabled", "jobboard_backend_driver", "persistence_connection")
TOKEN = "zz-ours-zz"


@dataclass
class Entry:
    """A comment, a blank line, or an option with its continuation lines."""

    lines: list[bytes]
    name: str = ""


_PLAIN = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=12)
_BYTES = st.one_of(_PLAIN.map(str.encode), _PLAIN.map(lambda t: t.encode("latin-1")))
_SPACES = st.sampled_from([b"", b" ", b"  ", b"\t"])
_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
_NAMES = st.sampled_from([*OURS, "max_workers", "jobboard_enabled_too"])


@st.composite
def _options(draw: st.DrawFn) -> Entry:
    name = draw(_NAMES)
    sign = draw(st.sampled_from([b"=", b":"]))
    first = name.encode() + draw(_SPACES) + sign + draw(_SPACES) + draw(_BYTES)
    more = draw(st.lists(_BYTES.map(lambda b: b"  x" + b), max_size=2))
    return Entry([first, *more], name)


_COMMENTED = st.builds(
    lambda mark, name, sign: Entry([mark + name.encode() + sign + b"a default"]),
    st.sampled_from([b"#", b"# ", b";", b"## "]),
    _NAMES,
    st.sampled_from([b"=", b" = ", b" : "]),
)
_OTHERS = st.one_of(
    st.builds(lambda text: Entry([b"# " + text]), _BYTES),
    st.builds(lambda text: Entry([b";" + text]), _BYTES),
    _SPACES.map(lambda spaces: Entry([spaces])),
)
_SECTIONS = st.sampled_from(
    [b"task_flow", b"Task_Flow", b"TASK_FLOW", b"DEFAULT", b" task_flow", b"task_flows"]
)


@dataclass
class File:
    """Lines with their ends; our options replace none of ``kept``."""

    lines: list[bytes]
    kept: list[bytes]
    sections: list[bytes]

    @property
    def text(self) -> bytes:
        return b"".join(self.lines)


@st.composite
def files(draw: st.DrawFn) -> File:
    """Files over oslo.config's whole grammar, with any mixture of line ends."""
    entries = [(b"", entry) for entry in draw(st.lists(_OTHERS, max_size=2))]
    sections = draw(st.lists(_SECTIONS, max_size=5))
    for section in sections:
        entries.append((section, Entry([b"[" + section + b"]"])))
        body = st.lists(st.one_of(_options(), _COMMENTED, _OTHERS), max_size=6)
        entries.extend((section, entry) for entry in draw(body))
    replaced = {
        entry.name: entry
        for section, entry in entries
        if section.lower() == b"task_flow" and entry.name in OURS
    }
    file = File([], [], [section.lower() for section in sections])
    for _, entry in entries:
        for line in entry.lines:
            end = draw(_ENDS)
            if file.lines and file.lines[-1].endswith(b"\r") and not line:
                end = b"\r\n"  # a CR and a lone LF would be one line end
            file.lines.append(line + end)
            if not any(entry is other for other in replaced.values()):
                file.kept.append(line + end)
    return file


def _split(text: bytes) -> list[bytes]:
    return re.findall(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", text)


@given(file=files())
def test_every_other_byte_stays(file: File) -> None:
    """Without our lines, the result is the file without the replaced lines."""
    options = {name: TOKEN + name for name in OURS}
    result = set_options(file.text, "task_flow", options)
    if b"task_flow" in file.sections:
        rest = [line for line in _split(result) if TOKEN.encode() not in line]
        assert rest == file.kept
    else:
        assert result.startswith(file.text)
        added = result.removeprefix(file.text).split()
        assert added[0] == b"[task_flow]"
        assert added[1::3] == [name.encode() for name in OURS]
    assert result.count(TOKEN.encode()) == len(OURS)


@given(file=files(), options=st.dictionaries(st.sampled_from(OURS), _PLAIN.map(render)))
def test_setting_twice_changes_nothing(file: File, options: dict[str, str]) -> None:
    """A second run changes nothing, for any values."""
    result = set_options(file.text, "task_flow", options)
    assert set_options(result, "Task_Flow", options) == result


@given(file=files())
def test_a_file_without_last_line_end_stays_so(file: File) -> None:
    """Only the last line gets an end, if our line follows it."""
    text = file.text.rstrip(b"\r\n")
    result = set_options(text, "task_flow", {"new": TOKEN})
    rest = [line for line in _split(result) if TOKEN.encode() not in line]
    if b"task_flow" in file.sections:
        before = [line.rstrip(b"\r\n") for line in _split(text)]
        assert [line.rstrip(b"\r\n") for line in rest] == before
    assert result.startswith(text) or b"task_flow" in file.sections
    assert result.endswith((b"\r", b"\n")) == (text == b"")


_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"))
_ITEMS = _VALUES.filter(lambda t: t and t == t.strip() and not set(t) & set(",:"))


def _read_back(text: bytes, option: cfg.Opt) -> object:
    """The value that oslo.config reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "octavia.conf"
        path.write_bytes(text)
        conf = cfg.ConfigOpts()
        conf.register_opt(option, group="task_flow")
        conf(["--config-file", str(path)], default_config_dirs=[], use_env=False)
        return conf.task_flow[option.dest]


@given(value=_VALUES)
@example("p@ss:w/o#r%d$$x${y}\\$z\\\\$$\\")
@example(" # ; , : = ")
@example('"quoted"')
@example("'")
@example("\u00a0spaces\u2003")
def test_oslo_config_reads_back_the_same_text(value: str) -> None:
    """Octavia reads any text back unchanged."""
    text = set_options(b"", "task_flow", {"engine": render(value)})
    assert _read_back(text, cfg.StrOpt("engine")) == value


@given(value=st.lists(_ITEMS).map(tuple))
def test_oslo_config_reads_back_the_same_list(value: tuple[str, ...]) -> None:
    """Octavia reads back a list with any characters that it can hold."""
    text = set_options(b"", "task_flow", {"hosts": render(value)})
    assert _read_back(text, cfg.ListOpt("hosts")) == list(value)


@given(value=st.dictionaries(_ITEMS, _ITEMS))
@example({"keyfile": '"', "keyfile_password": "a:b$c\\$"})
def test_oslo_config_reads_back_the_same_dict(value: dict[str, str]) -> None:
    """Octavia reads back a dict with any characters that it can hold."""
    text = set_options(b"", "task_flow", {"tls": render(value)})
    assert _read_back(text, cfg.DictOpt("tls")) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "True"),
        (False, "False"),
        (6379, "6379"),
        ("octavia_jobboard", "octavia_jobboard"),
        ("a$b", "a$$b"),
        (("h1", "h2"), "h1,h2"),
        ({"ssl": "True", "ssl_ca_certs": "/ca"}, "ssl:True,ssl_ca_certs:/ca"),
        ("", ""),
    ],
)
def test_plain_values_are_written_plainly(value: Value, text: str) -> None:
    """Only values that need quotes or escapes get them."""
    assert render(value) == text


@pytest.mark.parametrize(
    "value",
    [
        "t0p\ns3cret",
        "t0p\rs3cret",
        ("a", "t0p,s3cret"),
        ("",),
        {"k": " s3cret"},
        {"a:b": "c"},
    ],
)
def test_what_oslo_config_cannot_hold_is_refused(value: Value) -> None:
    """Such a value is an error that doesn't quote it."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        render(value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"[task_flow]\ns3cret\n", "line 2"),
        (b"[task_flow\n", "line 1"),
        (b"[]\n", "line 1"),
        (b"[a]\n= s3cret\n", "line 2"),
        (b"[a]\n# x\n  s3cret\n", "line 3"),
        (b"s3cret = 1\n", "section"),
    ],
)
def test_a_file_that_octavia_cannot_load_is_refused(text: bytes, line: str) -> None:
    """The error names the line but doesn't quote it."""
    with pytest.raises(ValueError, match=line) as caught:
        set_options(text, "task_flow", {"engine": "serial"})
    assert "s3cret" not in str(caught.value)


def test_names_that_would_break_the_file_are_refused() -> None:
    """Neither a name nor a value can add a line."""
    for name, value in (("a b", "1"), ("[x]", "1"), ("", "1"), ("a", "1\nb = 2")):
        with pytest.raises(ValueError, match=r"not a name|line break"):
            set_options(b"", "task_flow", {name: value})


def test_the_last_of_repeated_keys_is_replaced() -> None:
    """The last value counts, across repeated sections in any case."""
    text = b"[task_flow]\na = 1\na = 2\n[x]\na = 3\n[Task_Flow]\na = 4\n  5\nb = 6\n"
    assert set_options(text, "task_flow", {"a": "new"}) == (
        b"[task_flow]\na = 1\na = 2\n[x]\na = 3\n[Task_Flow]\na = new\nb = 6\n"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""])
def test_a_replaced_line_keeps_its_line_end(end: bytes) -> None:
    """The line end stays, also with mixed line ends or without a last one."""
    text = b"[task_flow]\n[x]\r\n[task_flow]\ra = 1\n 2" + end
    result = set_options(text, "task_flow", {"a": "new"})
    assert result == b"[task_flow]\n[x]\r\n[task_flow]\ra = new" + end


def test_an_equal_value_keeps_its_spelling() -> None:
    """The operator's quotes and spaces stay if the value is right."""
    text = b"[task_flow]\na:'redis'  \r\nb   =  x\r\n"
    assert set_options(text, "task_flow", {"a": "redis", "b": "x"}) == text


def test_a_new_option_goes_below_its_commented_default() -> None:
    """Without a commented default, it goes before the section's last blank lines."""
    text = b"[task_flow]\r\n#engine = parallel\r\n# b=1\r\n\r\n[x]\r\n# c = 1\r\n"
    result = set_options(text, "task_flow", {"b": "2", "c": "3", "engine": "serial"})
    assert result == (
        b"[task_flow]\r\n#engine = parallel\r\nengine = serial\r\n# b=1\r\nb = 2\r\n"
        b"c = 3\r\n\r\n[x]\r\n# c = 1\r\n"
    )


def test_a_realistic_file_changes_in_our_lines_only() -> None:
    """A distribution's file gets new lines only, below the commented defaults."""
    text = (DATA / "octavia.conf").read_bytes()
    options = {
        "persistence_connection": render("mysql+pymysql://o:p%40%24$@db/p"),
        "jobboard_enabled": "True",
        "jobboard_backend_hosts": "10.0.0.1,10.0.0.2",
        "jobboard_etcd_timeout": "5",
        "max_workers": "5",
    }
    result = set_options(text, "task_flow", options)
    added = [line for line in result.splitlines() if line not in text.splitlines()]
    assert added == [
        b"persistence_connection = mysql+pymysql://o:p%40%24$$@db/p",
        b"jobboard_enabled = True",
        b"jobboard_backend_hosts = 10.0.0.1,10.0.0.2",
        b"jobboard_etcd_timeout = 5",
    ]
    assert b"# jobboard_enabled = False\njobboard_enabled = True\n" in result
    assert len(result.splitlines()) == len(text.splitlines()) + len(added)
    assert get_options(result, "api_settings") == (get_options(text, "api_settings"))


_FOREIGN = b"""\
[DEFAULT]
transport_url = rabbit://u:first@h1:5672,u:second@h2:5672/
# password = third
[task_flow]
jobboard_backend_password = fourth
   fifth
jobboard_backend_port = 1
jobboard_redis_backend_ssl_options = ssl:True,keyfile_password:sixth,x:y
[keystone_authtoken]
password: seventh
"""
_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")


def test_a_difference_shows_no_secret() -> None:
    """Neither ours, nor what the file has of other services, nor the former one."""
    wanted = {"jobboard_backend_password": "eighth", "jobboard_backend_port": "2"}
    after = set_options(_FOREIGN, "task_flow", wanted)
    text = difference(_FOREIGN, after, "octavia.conf", Masker(["eighth"]))
    assert not [word for word in (*_WORDS, "eighth") if word in text], text
    assert "-jobboard_backend_password = ***\n-    ***\n" in text
    assert "+jobboard_backend_password = ***\n" in text
    assert "+jobboard_backend_port = 2\n" in text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[a]\nb = 1",
        b"[a]\r\nb = 1\r\n[task_flow]\r\n",
        b"[task_flow]\nx = 1\n" * 9,
    ],
)
def test_a_difference_says_all_that_is_changed(text: bytes) -> None:
    """Applied to the file, it gives the new one, byte by byte."""
    after = set_options(text, "task_flow", {"x": "2", "y": "3"})
    diff = difference(text, after, "octavia.conf", NOTHING_SECRET)
    assert patched(text.decode(), diff) == after.decode()
