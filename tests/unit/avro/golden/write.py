# SPDX-License-Identifier: MIT
"""Writes the golden messages with fastavro; run from this folder: python3 write.py"""
import io
import json
import pathlib
import struct

import fastavro

SCHEMAS = pathlib.Path(__file__).parents[4] / "schemas"


def write(name, schema, schema_id, record):
    parsed = fastavro.parse_schema(json.loads((SCHEMAS / (schema + ".avsc")).read_text()))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, parsed, record)
    message = b"\0" + struct.pack(">I", schema_id) + body.getvalue()
    pathlib.Path(__file__).with_name(name + ".hex").write_text(message.hex() + "\n")


PREDICTION = {
    "prediction_id": "employee-changes/3/1842001", "employee_id": "1001", "event_id": "ibm:41:1",
    "event_time": 1772353800000, "scored_at": 1772353800123, "churn_probability": 0.7312058712345678,
    "band": "high", "threshold": 0.5, "model_id": "0123456789abcdef", "base_log_odds": -1.6487,
    "reason_1": "OverTime", "weight_1": 1.25, "reason_2": "JobLevel", "weight_2": -0.75,
    "department": "Research & Development", "trigger": "change",
    "source_topic": "employee-changes", "source_partition": 3, "source_offset": 1842001,
}

write("employee-changed", "employee-changed", 1, {
    "event_id": "ibm:41:1", "employee_id": "1001", "event_time": 1772353800000, "change": "updated",
    "source": "ibm", "Age": 41, "JobRole": "Sales Executive"})
write("prediction", "prediction", 2, PREDICTION)
write("prediction-unknown", "prediction", 2, PREDICTION | {
    "band": "unknown", "churn_probability": None, "base_log_odds": None, "trigger": "request",
    "requested_by": "hr"})
write("high-risk", "high-risk", 3, PREDICTION | {"facts": {"tenure": "2 to 5 years", "overtime": "yes"}})
write("hris-progress", "hris-progress", 66051, {
    "source": "people.csv", "content_hash": "9f86d081884c7d65", "bytes_done": 227977,
    "rows_done": 1470, "events_done": 1468, "rejected": 2, "event_time": 1772353800000,
    "finished": True, "updated_at": 1772353801000})
write("retention-plan", "retention-plan", 4, {
    "plan_id": "high-risk/3/17", "prediction_id": "employee-changes/3/1842001", "employee_id": "1001",
    "status": "written", "action_1": "Agree a limit on overtime for the next quarter.",
    "action_2": "Plan the next step of the career together.",
    "action_3": "Offer a day of work from home each week.", "language": "en", "generated_by": "gemini",
    "model_name": "gemini-3.8-flash", "prompt_sha256": "9f86d081884c7d65", "input_tokens": 512,
    "output_tokens": 90, "created_at": 1772353802000})
write("retention-plan-refused", "retention-plan", 4, {
    "plan_id": "plan-requests/0/4", "request_id": "r-1", "prediction_id": "employee-changes/3/1842001",
    "employee_id": "1001", "status": "refused", "language": "fr", "created_at": 1772353802000,
    "requested_by": "hr", "refusal": "not-needed"})
write("plan-requested", "plan-requested", 5, {
    "request_id": "r-1", "prediction_id": "employee-changes/3/1842001", "employee_id": "1001",
    "language": "fr", "requested_at": 1772353801000, "anew": True})
