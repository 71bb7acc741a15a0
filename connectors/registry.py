"""The closed table of drivers. A name that is not here does not exist."""

from collections.abc import Mapping

from connectors.errors import UnknownDriver, UnknownTool
from connectors.interlock.driver import InterlockDriver
from connectors.llm.driver import LlmDriver
from connectors.servicenow.driver import ServiceNowDriver
from connectors.slack.driver import SlackDriver
from connectors.types import Driver, JsonObject, ReadVerbs, WriteVerbs

DRIVERS: Mapping[str, Driver] = {
    driver.name: driver for driver in (ServiceNowDriver(), SlackDriver(), LlmDriver(), InterlockDriver())
}


def driver(name: str) -> Driver:
    """Raises UnknownDriver."""
    if name not in DRIVERS:
        raise UnknownDriver(f"no driver {name}; there are {', '.join(sorted(DRIVERS))}")
    return DRIVERS[name]


def verbs(driver_name: str, tool: str) -> ReadVerbs | WriteVerbs:
    """The verbs of a tool of a driver; raises UnknownDriver or UnknownTool."""
    offered = driver(driver_name).verbs
    if tool not in offered:
        raise UnknownTool(f"{driver_name} has no tool {tool}")
    return offered[tool]


def record_of(driver_name: str, tool: str, args: JsonObject) -> str:
    """The record that a call is about, such as `servicenow/incident/<sys_id>`, whichever instance leads to it; empty
    when it is about none. Raises UnknownDriver."""
    about = driver(driver_name).records.get(tool)
    return f"{driver_name}/{about.named(args)}" if about else ""


def record_of_event(driver_name: str, event: str, data: JsonObject) -> str:
    """The record that an event tells about, as `record_of` names it; empty when that is not known."""
    about = driver(driver_name).events.get(event)
    return f"{driver_name}/{about.named(data)}" if about and about.names(data) else ""
