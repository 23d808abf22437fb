# SPDX-License-Identifier: Apache-2.0
"""Load configuration files; each call gets its own ConfigOpts."""

from collections.abc import Sequence
from importlib import metadata

from oslo_config import cfg
from oslo_log import log

from amphv2_bootstrap.conf.options import conductor, default, octavia, task_flow
from amphv2_bootstrap.conf.options.secret_files import with_files
from amphv2_bootstrap.errors import InvalidInputError

PROJECT = "amphv2-bootstrap"
DEFAULT_CONFIG_FILE = "/etc/amphv2-bootstrap/amphv2-bootstrap.conf"

_MODULES = (default, task_flow, octavia, conductor)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options by group: the entry point of oslo-config-generator."""
    return [(module.GROUP, with_files(module.OPTS)) for module in _MODULES]


def load(
    argv: Sequence[str] | None = None,
    config_files: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    usage: str | None = None,
    description: str | None = None,
    epilog: str | None = None,
) -> cfg.ConfigOpts:
    """Read the configuration; ``build`` checks the values later.

    The environment is not read: Octavia's programs, which this program starts, would
    read the same ``OS_TASK_FLOW__`` variables.

    :param argv: arguments without the program's name: ``--config-file``,
        ``--config-dir``, and those of oslo.log. None means none.
    :param config_files: replace /etc/amphv2-bootstrap/amphv2-bootstrap.conf;
        ``--config-file`` in ``argv`` replaces both.
    :param prog: as ``usage``, ``description`` and ``epilog`` for ``--help``.
    :raises InvalidInputError: a file is missing, unreadable or malformed.
    :raises SystemExit: ``argv`` has an unknown argument (2), or asks for help (0).
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    for group, options in list_opts():
        conf.register_opts(options, group=None if group == "DEFAULT" else group)
    files = [DEFAULT_CONFIG_FILE] if config_files is None else list(config_files)
    try:
        conf(
            list(argv or ()),
            project=PROJECT,
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            version=_version(),
            default_config_files=files,
            default_config_dirs=[],
            use_env=False,
        )
    except (cfg.Error, UnicodeDecodeError) as exc:
        # "from None": the parser's own error quotes the line, secrets included.
        raise InvalidInputError([_problem(exc)]) from None
    except SystemExit as exc:
        # oslo.config exits with 1 if the file has a bad value for an option that is
        # also an argument, as oslo.log's are. argparse exits with 0 or 2.
        if exc.code != 1:
            raise
        raise InvalidInputError([_bad_argument(exc)]) from None
    return conf


def _version() -> str | None:
    try:
        return metadata.version(PROJECT)
    except metadata.PackageNotFoundError:
        return None


def _problem(exc: Exception) -> str:
    if isinstance(exc, cfg.ConfigFilesNotFoundError):
        return (
            f"The configuration file {', '.join(exc.config_files)} doesn't exist. "
            "Write it by 'amphv2-bootstrap init', or copy amphv2-bootstrap.conf.sample "
            "there and fill it in, or name another file with --config-file."
        )
    if isinstance(exc, cfg.ConfigFilesPermissionDeniedError):
        return (
            f"This user may not read the configuration file "
            f"{', '.join(exc.config_files)}. Run as root, or as the file's owner."
        )
    if isinstance(exc, cfg.ConfigFileParseError):
        return _malformed(exc)
    if isinstance(exc, UnicodeDecodeError):
        return "A configuration file isn't UTF-8 text. Save it as UTF-8."
    if isinstance(exc, cfg.ConfigDirNotFoundError):
        return f"The folder {exc.config_dir} of --config-dir doesn't exist. Correct it."
    return f"The arguments can't be used ({type(exc).__name__}). See --help."


def _bad_argument(exc: SystemExit) -> str:
    why = exc.__context__ or "wrong type"
    return (
        f"[DEFAULT] has an option of oslo.log that isn't valid: {why}. "
        "Correct the option named above."
    )


def _malformed(exc: cfg.ConfigFileParseError) -> str:
    cause = exc.__context__
    line = getattr(cause, "lineno", None)
    where = f", line {line}," if line else ""
    why = str(getattr(cause, "msg", None) or "it can't be parsed").lower()
    return (
        f"The configuration file {exc.config_file}{where} is malformed: {why}. "
        "Write [section] or option = value there."
    )
