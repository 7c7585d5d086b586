"""What is shown while certificates are issued."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from rich.console import Console

from certwright.api.certmanager import (
    Certificate,
    CertificateCondition,
    CertificateSpec,
    CertificateStatus,
    IssuerRef,
)
from certwright.api.meta import ObjectMeta
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.wire import MASTERS, UserInfo
from certwright.app.inprocess import InProcess
from certwright.app.progress import Lines, Row, row_of
from certwright.app.table import Table
from certwright.controllers.manager import ControllerConfig, Controllers
from certwright.kube.client import Client
from certwright.kube.events import EventRecorder

UNTIL = datetime(2027, 2, 19, 6, 26, 2, tzinfo=UTC)


def certificate(name: str, version: int = 1, generation: int = 1, **conditions: str) -> Certificate:
    """A Certificate whose conditions have these statuses, and their types in lower case as messages."""
    return Certificate(
        metadata=ObjectMeta(
            name=name, namespace="shop", uid=name, resource_version=str(version), generation=generation
        ),
        spec=CertificateSpec(secret_name=name, issuer_ref=IssuerRef(name="ca")),
        status=CertificateStatus(
            conditions=[
                CertificateCondition(type=type_, status=status, message=type_.lower(), observed_generation=1)
                for type_, status in conditions.items()
            ],
            not_after=UNTIL,
        ),
    )


@asynccontextmanager
async def idle_controllers() -> AsyncIterator[Controllers]:
    """Controllers that do not run: their stores are filled by hand."""
    server = await ApiServer.open(None)
    client = Client(InProcess(server, UserInfo("tester", (MASTERS,))))
    yield Controllers(client, lambda: UNTIL, ControllerConfig(), EventRecorder(client))
    await server.close()


def test_a_row_tells_the_state_in_a_few_words() -> None:
    title = "Certificate shop/web"
    assert row_of("Certificate", certificate("web")) == Row(title, False, "")
    assert row_of("Certificate", certificate("web", Ready="False", Issuing="True")) == Row(
        title, False, "issuing"
    )
    assert row_of("Certificate", certificate("web", Ready="True")) == Row(
        title, True, "until 2027-02-19 06:26"
    )
    assert row_of("Certificate", certificate("web", Ready="True", Issuing="True")).detail.endswith(
        ", renewing"
    )


def test_ready_for_an_older_spec_is_not_ready() -> None:
    assert not row_of("Certificate", certificate("web", generation=2, Ready="True")).ready


async def test_each_change_is_one_line() -> None:
    written: list[str] = []
    async with idle_controllers() as controllers:
        task = asyncio.create_task(Lines(written.append).run(controllers))
        await asyncio.sleep(0)
        for version, conditions in enumerate(
            ({}, {"Ready": "False"}, {"Ready": "False"}, {"Ready": "True"}), 1
        ):
            controllers.certificates.put(certificate("web", version, **conditions))
            await asyncio.sleep(0)
        controllers.certificates.remove(certificate("web", 9))
        await asyncio.sleep(0)
        task.cancel()
    assert written == [
        "Certificate shop/web: not Ready",
        "Certificate shop/web: not Ready, ready",
        "Certificate shop/web: Ready, until 2027-02-19 06:26",
        "Certificate shop/web: deleted",
    ]


async def test_a_long_table_shows_first_what_is_not_ready() -> None:
    screen = io.StringIO()
    table = Table(Console(file=screen, force_terminal=True, width=100, height=14))
    async with idle_controllers() as controllers:
        for number in range(40):
            status = "False" if number == 33 else "True"
            controllers.certificates.put(certificate(f"c{number:02}", Ready=status))
        task = asyncio.create_task(table.run(controllers))
        await asyncio.sleep(0)
        table.settled(["the last words"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    last = screen.getvalue().rpartition("OBJECT")[2]
    assert "shop/c33" in last
    assert "39 of 40 ready" in last
    assert "the last words" in last
    assert last.count("\n") < 14
