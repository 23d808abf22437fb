# SPDX-License-Identifier: Apache-2.0
"""A wheel of this package, and a Python that links its libraries into environments.

So pip installs it as on a controller, but asks no index.
"""

import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import amphv2_bootstrap
from tests import REPOSITORY

_TAG = (
    "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
)
_UNIT = "amphv2-conductor.service"
# Makes a virtual environment, where the libraries of this one are linked; pip is one of
# them, so that it need not be installed, which takes long.
_PYTHON = """\
#!/bin/sh
set -eu
case "$*" in "-m venv "*) ;; *) exec {python} "$@" ;; esac
{python} -m venv --without-pip "$3"
echo {libraries} > "$3"/lib/{version}/site-packages/libraries.pth
printf '#!/bin/sh\\nexec %s/bin/python -m pip "$@"\\n' "$3" > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""


def write_wheel(folder: Path) -> str:
    """Write the wheel into ``folder``; return its version."""
    found = metadata.distribution("amphv2-bootstrap")
    name = f"amphv2_bootstrap-{found.version}"
    package = Path(amphv2_bootstrap.__file__).parent
    record = f"{name}.dist-info/RECORD"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        for file in package.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                wheel.write(file, file.relative_to(package.parent))
        for text in ("METADATA", "entry_points.txt"):
            wheel.writestr(f"{name}.dist-info/{text}", _text(found, text))
        wheel.writestr(f"{name}.dist-info/WHEEL", _TAG)
        share = f"{name}.data/data/share/amphv2-bootstrap"
        wheel.write(REPOSITORY / "etc/systemd" / _UNIT, f"{share}/{_UNIT}")
        lines = [f"{each},," for each in (*wheel.namelist(), record)]
        wheel.writestr(record, "\n".join(lines) + "\n")
    return found.version


def repack(name: str, where: Path, folder: Path) -> None:
    """Write a wheel of what is installed in ``where``, into ``folder``."""
    found = next(iter(metadata.distributions(name=name, path=[str(where)])))
    own = [each for each in found.files or () if each.suffix != ".pyc"]
    stem = f"{name.replace('-', '_')}-{found.version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for file in own:
            wheel.write(where / file, str(file))


def _text(found: metadata.Distribution, name: str) -> str:
    # An editable installation by setuptools has PKG-INFO.
    text = found.read_text(name) or found.read_text("PKG-INFO")
    assert text, name
    return text


def write_python(folder: Path) -> Path:
    """Write the program ``python``; all libraries of this one but our own are there."""
    libraries = folder / "libraries"
    libraries.mkdir()
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if "amphv2" not in each.name and each.suffix != ".pth":
            (libraries / each.name).symlink_to(each)
    program = folder / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    text = _PYTHON.format(python=sys.executable, libraries=libraries, version=version)
    program.write_text(text)
    program.chmod(0o755)
    return program
