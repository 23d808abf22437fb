# SPDX-License-Identifier: Apache-2.0
"""Write access to the engine's database only disturbs (promise P10)."""

import contextlib
import json
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import schema
from tests.functional.attacker import NAME, Attacker, Change, Row
from tests.functional.site import MakeSite, Site
from tests.servers.impostor import Impostor, listening
from tests.servers.mariadb import MariaDB

VICTIM = "victim"


def _persistence(**changes: Any) -> Change:
    def change(job: Row, _runs: list[Row]) -> None:
        job["spec"]["persistence"] |= changes

    return change


def _spec(**changes: Any) -> Change:
    def change(job: Row, _runs: list[Row]) -> None:
        job["spec"] |= changes

    return change


def _job(**changes: Any) -> Change:
    def change(job: Row, _runs: list[Row]) -> None:
        job |= changes

    return change


def _runs(**changes: Any) -> Change:
    def change(_job: Row, runs: list[Row]) -> None:
        for run in runs:
            run |= changes

    return change


def _other_ids(_job: Row, runs: list[Row]) -> None:
    for run in runs:
        run["uuid"] = str(uuid4())


_LONG_NAMES = json.dumps({"salt": "A" * 22 + "==", "x\n" * 40_000: "00"})


def _attacks(files: Impostor, passwords: Impostor) -> dict[str, Change]:
    infile = {"local_infile": "1"}
    return {
        "nothing changed": _job(),
        "read a file": _persistence(port=files.port, query=infile),
        "get the password": _persistence(port=passwords.port),
        "grant mysql": _persistence(database="mysql", username=NAME),
        "run a statement": _persistence(query={"init_command": "GRANT ALL ON *.* ..."}),
        "need no secret": _spec(secret_names=[]),
        "other controllers": _spec(controllers=["ctl1", "evil"]),
        "no seal": _job(seal=None),
        "no salt": _job(fingerprints="{}"),
        "fail by a revert": _job(on_failure="revert"),
        "revert at once": _runs(reverting=True),
        "nested too deep": _job(spec="[" * 100_000),
        "too long": _job(spec='{"a": "' + "a" * 2**21 + '"}'),
        "no JSON": _job(spec="\x00", fingerprints="nonsense"),
        "long names": _job(fingerprints=_LONG_NAMES),
        "another flow": _runs(flow="controller", host="ctl1"),
        "an unknown flow": _runs(flow="os:system"),
        "more at once": _runs(at_once=9),
        "a higher limit": _spec(controllers_at_once=9),
        "other ids": _other_ids,
        "no job": _job(missing=True),
    }


def _plant(attacker: Attacker) -> None:
    """Litter the board, and give a flow a state that nobody knows."""
    entries = schema.board_entries
    for number, body in enumerate(("[" * 100_000, '"' + "a" * 2**21 + '"', "{}")):
        uuid = f"litter-{number}"
        attacker.execute(
            entries.insert().values(
                board="amphv2_bootstrap",
                uuid=uuid,
                sequence=900 + number,
                body=body,
                modified_at=0,
            )
        )


def _refusals(site: Site, job: str) -> list[str]:
    events = [event for _, event in site.store.events(job)]
    return [str(event.message) for event in events if event.kind == "refused"]


def test_no_forged_job_is_carried_out(make_site: MakeSite, mariadb: MariaDB) -> None:
    """Each is refused with the reason, does nothing, and holds up no other job."""
    site = make_site(engine="mariadb", hosts=("ctl1",))
    pace = {"conductor": {"refusal_pause": "1"}}
    site.write_configuration("ctl1", pace)
    posted = site.cli("post-job")
    assert posted.returncode == 0, posted.stderr
    job = site.store.resolve(None).uuid
    attacker = Attacker(mariadb)
    with contextlib.ExitStack() as stack:
        stack.callback(attacker.database.close)
        files = stack.enter_context(listening(Impostor(file="/etc/shadow")))
        passwords = stack.enter_context(listening(Impostor("mysql_clear_password")))
        forged = {
            name: attacker.forge(job, change)
            for name, change in _attacks(files, passwords).items()
        }
        _plant(attacker)
        site.start_conductors()
        site.wait_until(
            lambda: site.store.job(job).finished_at is not None, "the real job ends"
        )
        site.wait_until(
            lambda: all(_refusals(site, uuid) for uuid in forged.values()),
            "each forged job is refused",
        )
        assert files.received == passwords.received == []
    assert {run.state.value for run in site.store.flow_runs_of(job)} == {"done"}
    assert site.begun("db-manage") == 1
    assert site.begun("restart-ctl1") == 1
    for name, uuid in forged.items():
        states = {run.state.value for run in site.store.flow_runs_of(uuid)}
        assert states <= {"ready"}, (name, states)
    mine = mariadb.execute(f"SHOW GRANTS FOR {NAME}@'%'")
    assert len(mine) == 2, mine
    shown = site.cli("job", "show", forged["read a file"], "-f", "json")
    assert "its seal doesn't fit" in shown.stdout, shown.stderr


def test_a_revert_drops_nothing_that_is_forged(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """With a forged note of what it made, a job that fails parks and undoes nothing."""
    mariadb.execute(f"CREATE DATABASE {VICTIM}")
    mariadb.execute("CREATE USER octavia@'%' IDENTIFIED BY 'another'")
    site = make_site(engine="mariadb", hosts=("ctl1",))
    assert site.cli("post-job", "--on-failure", "revert").returncode == 0
    job = site.store.resolve(None).uuid
    run = site.store.flow_runs_of(job)[0]
    attacker = Attacker(mariadb)
    attacker.execute(
        schema.events.insert().values(
            job_uuid=job,
            flow_run_uuid=run.uuid,
            at=0,
            owner="ctl1:1:m:0",
            kind="intends",
            atom="ensure-database",
            message=f"database:{VICTIM}",
        )
    )
    site.start_conductors()
    report = site.wait_for_state("parked")
    assert "can't be proven that this job made it" in report["flows"][0]["reason"]
    assert VICTIM in {name for (name,) in mariadb.execute("SHOW DATABASES")}
    assert not [text for text in mariadb.statements() if text.startswith("DROP DATA")]
    attacker.execute(
        schema.jobs.update().where(schema.jobs.c.uuid == job).values(on_failure="park")
    )
    again = site.cli("job", "resume")
    assert again.returncode == 1
    assert "on_failure" in again.stderr
    attacker.database.close()


def test_a_seal_is_not_given_to_what_another_host_would_post(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """A resume after the job was changed is refused, whatever was changed."""
    site = make_site(engine="mariadb", hosts=("ctl1",))
    assert site.cli("post-job").returncode == 0
    job = site.store.resolve(None).uuid
    attacker = Attacker(mariadb)
    replaced = sa.func.replace(schema.jobs.c.spec, "octavia_persistence", "mysql")
    attacker.execute(schema.jobs.update().values(spec=replaced))
    again = site.cli("job", "resume")
    assert again.returncode == 1
    assert "persistence differ" in again.stderr
    assert site.store.job(job).seal is not None
    assert site.cli("run").returncode == 1
    assert site.begun("db-manage") == 0
    attacker.database.close()
