"""Puts on a Prefect server what the deployments need; run again it changes nothing: ``python -m flows.setup_server``.

The work pool `wushu`, the concurrency limit `gpu`, and the automation that ends runs whose machine is gone: Prefect
by itself leaves a run whose worker and process are both lost ``Running`` for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from rich.console import Console

from flows.infrastructure import require_server
from robots.exceptions import WushuError

WORK_POOL = "wushu"
"""Deployments of prefect.yaml run here, as processes of a worker."""

TAG = "wushu"
"""Runs that carry it are watched; prefect.yaml gives it to every deployment."""

GPU_LIMIT = "gpu"
"""Global concurrency limit that stages hold while they use the GPU."""

MACHINE_GONE = "wushu: machine gone"
"""Name of the automation."""

SILENCE_S = 90
"""A run that gives no heartbeat for this long is taken for dead; three times PREFECT_FLOWS_HEARTBEAT_FREQUENCY [s]."""

GONE_MESSAGE = (
    f"The machine of this run is gone: no heartbeat for {SILENCE_S} s. What is finished is in the dataset; "
    "run it again to go on."
)
"""What the run's page then says."""

_HEARTBEAT = "prefect.flow-run.heartbeat"
_SIGNS_OF_LIFE_OR_END = (
    _HEARTBEAT,
    "prefect.flow-run.Completed",
    "prefect.flow-run.Failed",
    "prefect.flow-run.TimedOut",
    "prefect.flow-run.Crashed",
    "prefect.flow-run.Cancelled",
    "prefect.flow-run.Suspended",
    "prefect.flow-run.AwaitingRetry",
)
"""Not the start of the run: that comes after its first heartbeat, and would count for a second one."""


def set_up(client: Any) -> Iterator[str]:
    """Create or update everything; say of each thing what was done.

    Args:
        client: Prefect's synchronous client (``prefect.client.orchestration.get_client(sync_client=True)``).
    """
    yield _work_pool(client)
    yield _gpu_limit(client)
    yield _automation(client)


def _work_pool(client: Any) -> str:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        pool = client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type=ProcessWorker.type, base_job_template=template))
        return f"work pool `{WORK_POOL}`: created"
    paused = ", paused as it was" if pool.is_paused else ""
    return f"work pool `{WORK_POOL}`: is there{paused}"


def _gpu_limit(client: Any) -> str:
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectNotFound

    try:
        limit = client.read_global_concurrency_limit_by_name(GPU_LIMIT)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=GPU_LIMIT, limit=1))
        return f"concurrency limit `{GPU_LIMIT}`: created, 1 at a time"
    return f"concurrency limit `{GPU_LIMIT}`: is there, {limit.limit} at a time"


def _automation(client: Any) -> str:
    wanted = machine_gone()
    found = client.read_automations_by_name(MACHINE_GONE)
    for double in found[1:]:
        client.delete_automation(double.id)
    if not found:
        client.create_automation(wanted)
        return f"automation `{MACHINE_GONE}`: created, after {SILENCE_S} s of silence"
    enabled = found[0].enabled
    client.update_automation(found[0].id, wanted.model_copy(update={"enabled": enabled}))
    return f"automation `{MACHINE_GONE}`: replaced{'' if enabled else ', switched off as it was'}"


def machine_gone(silence_s: float = SILENCE_S) -> Any:
    """Return the automation that ends runs without heartbeats as Crashed.

    Args:
        silence_s: How long a run may be silent [s].
    """
    from prefect.client.schemas.objects import StateType
    from prefect.events import AutomationCore, EventTrigger, Posture, ResourceSpecification
    from prefect.events.actions import ChangeFlowRunState

    end_it = ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=GONE_MESSAGE, force=False)
    trigger = EventTrigger(
        posture=Posture.Proactive,
        match=ResourceSpecification(root={"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=ResourceSpecification(
            root={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
        ),
        for_each={"prefect.resource.id"},
        after={_HEARTBEAT},
        expect=set(_SIGNS_OF_LIFE_OR_END),
        threshold=1,
        within=timedelta(seconds=silence_s),
    )
    return AutomationCore(
        name=MACHINE_GONE,
        description="Ends runs whose worker and process are both lost, which Prefect would call Running for ever.",
        enabled=True,
        tags=[TAG],
        trigger=trigger,
        actions=[end_it],
        actions_on_trigger=[],
        actions_on_resolve=[],
    )


def main() -> int:
    """Set up the server at PREFECT_API_URL; return the exit code."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    try:
        require_server(PREFECT_API_URL.value() or "http://127.0.0.1:4200/api")
        with get_client(sync_client=True) as client:
            for sentence in set_up(client):
                Console().print(sentence, highlight=False, soft_wrap=True, markup=False)
    except WushuError as error:
        Console(stderr=True).print(f"error: {error}", highlight=False, soft_wrap=True, markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
