# SPDX-License-Identifier: Apache-2.0
"""Which of several octavia.conf get a canary."""

from amphv2_bootstrap.steps.canary import distinct
from tests.unit.steps.controller_host import Controller, several_files


def test_files_that_load_the_same_options_get_one_canary(
    controller: Controller,
) -> None:
    """Only what octavia.conf means for [task_flow] counts."""
    files = several_files(controller)
    files[1].write_text(files[1].read_text() + "\n[DEFAULT]\ndebug = True\n")
    (one,) = distinct(controller.context)
    assert one.host.config_files == (str(files[0]),)
    files[2].write_text("[task_flow]\njobboard_enabled = yes\n")
    found = [one.host.config_file for one in distinct(controller.context)]
    assert found == [str(files[0]), str(files[2])]


def test_the_only_file_is_not_loaded_for_that(controller: Controller) -> None:
    """The canary itself says what is wrong with it."""
    controller.conf.unlink()
    assert len(distinct(controller.context)) == 1
