# SPDX-License-Identifier: Apache-2.0
"""The Ansible role and the options of the configuration."""

import re

from oslo_config import cfg

from amphv2_bootstrap.conf.loading import list_opts
from tests import REPOSITORY

_VARS = REPOSITORY / "ansible/roles/amphv2_bootstrap/vars/main.yml"


def test_the_role_repeats_the_options_that_are_repeated() -> None:
    """A list of any other option is written with commas, in one line."""
    options = [option for _group, options in list_opts() for option in options]
    repeated = {each.name for each in options if isinstance(each, cfg.MultiOpt)}
    (known,) = re.findall(r"amphv2_bootstrap_repeated: \[(.*)\]", _VARS.read_text())
    assert set(known.split(", ")) == repeated
