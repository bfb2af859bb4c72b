"""Telling: alerts into the outbox, as the selections of ``alerts.yml`` say.

What lives here: the one way by which sensors and jobs tell. What does not: what there is to tell (``check_failures``,
``run_failures``, ``automation.lateness_check``), and sending (``delivery``).
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.alerting.channels import channels
from kenpo_pipelines.automation.alerting.selections import Selection, load_selections
from kenpo_pipelines.serving import outbox
from kenpo_pipelines.serving.outbox import Alert, Channel
from kenpo_pipelines.settings import Settings


@dataclass(frozen=True)
class Teller:
    """Tells alerts of one installation: its channels and selections."""

    channels: tuple[Channel, ...]
    selections: tuple[Selection, ...]
    environment: str

    def tell(self, engine: Engine, alerts: Sequence[Alert], states: Mapping[str, str]) -> int:
        """Queue what was not told before and remember the states, in one transaction; return how many alerts are new.

        Raises PassingFault or PermanentFault.
        """
        return outbox.tell(engine, self.selected(alerts, fiscal.today()), channels=self.channels, states=states)

    def selected(self, alerts: Iterable[Alert], today: dt.date) -> list[Alert]:
        """Return the alerts with the routes and the mute that the selections give them; the first mute that fits counts."""
        found = []
        for alert in alerts:
            fitting = [one for one in self.selections if one.fits(alert, self.environment, today)]
            routes = dict.fromkeys([*alert.routes, *(tag for one in fitting for tag in one.route)])
            muted_by = alert.muted_by or next((one.id for one in fitting if one.mute), "")
            found.append(replace(alert, routes=tuple(routes), muted_by=muted_by))
        return found


def teller(settings: Settings) -> Teller:
    """Return the teller of the installation; raise ChannelError or SelectionError for what does not fit."""
    return Teller(channels(settings.alert_urls), load_selections(settings.alerts_file), settings.env)
