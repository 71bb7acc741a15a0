"""Incidents as pages: a person reads them, and reports a new one."""

from __future__ import annotations

from html import escape

from connectors.sandbox.servicenow.tables import Record, Tables

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d1c1d}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd}"
    "pre{white-space:pre-wrap;font:inherit;border-left:3px solid #ccc;padding-left:.8rem}"
    "form{display:grid;gap:.5rem;max-width:30rem}input,textarea{font:inherit;padding:.3rem}"
)
SHOWN = ("category", "impact", "urgency", "priority", "state")


def incidents_page(tables: Tables) -> str:
    rows = "".join(_row(tables, record) for record in reversed(tables.rows["incident"].values()))
    heads = "".join(f"<th scope=col>{name}" for name in ("number", "short description", *SHOWN, "group"))
    table = f"<table><thead><tr>{heads}<tbody>{rows}</table>"
    form = (
        "<h2>Report an incident</h2><form method=post action=/servicenow/report>"
        "<label>What is wrong <input name=short_description required maxlength=160></label>"
        "<label>Details <textarea name=description rows=4></textarea></label><button>Report</button></form>"
    )
    return _page("ServiceNow stand-in", f"<p>This is a stand-in server, not ServiceNow.</p>{table}{form}")


def incident_page(tables: Tables, record: Record) -> str:
    lines = "".join(
        f"<tr><th scope=row>{name}<td>{_label(tables, record, name)}" for name in (*SHOWN, "assignment_group")
    )
    notes = "".join(
        f"<p>{entry['sys_created_on']} {escape(entry['sys_created_by'])}<pre>{escape(entry['value'])}</pre>"
        for entry in tables.journal(record["sys_id"], "work_notes")
    )
    about = f"<p>{escape(record['short_description'])}<pre>{escape(record['description'])}</pre>"
    body = f"{about}<table><tbody>{lines}</table><h2>Work notes</h2>{notes or '<p>None.'}"
    return _page(record["number"], f"{body}<p><a href=/servicenow/>All incidents</a>")


def _row(tables: Tables, record: Record) -> str:
    link = f"<a href=/servicenow/incident/{record['sys_id']}>{record['number']}</a>"
    cells = "".join(f"<td>{_label(tables, record, name)}" for name in (*SHOWN, "assignment_group"))
    return f"<tr><td>{link}<td>{escape(record['short_description'])}{cells}"


def _label(tables: Tables, record: Record, name: str) -> str:
    if name != "assignment_group":
        return escape(tables.label(name, record[name]))
    group = tables.find("sys_user_group", record[name])
    return escape(group["name"] if group else "–")


def _page(title: str, body: str) -> str:
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
    return f"{head}<h1>{escape(title)}</h1>{body}</html>"
