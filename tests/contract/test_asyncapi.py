# SPDX-License-Identifier: MIT
"""schemas/asyncapi.json holds what it promises: it is AsyncAPI 3.0 by its makers' own schema, its channels are
the topics of lib/bus/topics.def with their settings and groups, and its values those of schemas/*.avsc."""
import json
import pathlib
import re

import fastavro
import jsonschema
import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((REPO / "schemas/asyncapi.json").read_text())
FEATURES = json.loads((REPO / "models/features.json").read_text())
COMPONENTS = DOCUMENT["components"]
AVRO = "application/vnd.apache.avro+json;version=1.9.0"
WRITTEN = {path.stem: json.loads(path.read_text()) for path in (REPO / "schemas").glob("*.avsc")}


def topics():
    """{name: (group or None, settings)} of lib/bus/topics.def"""
    text = (REPO / "lib/bus/topics.def").read_text()
    text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    for name, value in re.findall(r'^#define (\w+)\s+(".*")$', text, flags=re.MULTILINE):
        text = re.sub(rf"\b{name}\b", value, text)
    found = {}
    for name, group, settings in re.findall(r'TOPIC\(\w+, "([^"]+)", (NULL|"[^"]+"), SETTINGS\(([^)]*)\)', text):
        values = re.findall(r'"([^"]*)"', settings)
        found[name] = (None if group == "NULL" else group.strip('"'), dict(zip(values[::2], values[1::2])))
    assert len(found) == len(re.findall(r"^TOPIC\(", text, flags=re.MULTILINE)) > 10
    return found


TOPICS = topics()


def schemas_of_topics():
    """{topic: name of the file in schemas/} of lib/avro/topics.c"""
    text = (REPO / "lib/avro/topics.c").read_text()
    return {topic: name.replace("_", "-") for topic, name in re.findall(r'\{"([^"]+)", avro_text_(\w+),', text)}


def follow(node):
    while isinstance(node, dict) and "$ref" in node:
        found = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def channels():
    """{topic: channel}"""
    return {channel["address"]: channel for channel in DOCUMENT["channels"].values()}


def test_it_is_asyncapi_3_0():
    schema = json.loads(next((REPO / "build").glob("asyncapi-specs-*/schemas/3.0.0.json")).read_text())
    jsonschema.Draft7Validator(schema).validate(DOCUMENT)
    # The schema sees what is wrong inside of what we say.
    for place, wrong in ((("operations", "giveUp", "action"), "shout"), (("channels", "predictions", "bindings", "kafka", "partitions"), 0)):
        broken = json.loads(json.dumps(DOCUMENT))
        node = broken
        for part in place[:-1]:
            node = node[part]
        node[place[-1]] = wrong
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft7Validator(schema).validate(broken)


def test_every_reference_leads_somewhere_and_everything_shared_is_used():
    used = set()

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                assert isinstance(follow(node), dict), node
                used.add("/".join(node["$ref"].split("/")[:4]))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(DOCUMENT)
    for kind, entries in COMPONENTS.items():
        assert {f"#/components/{kind}/{name}" for name in entries} - used == set()


def test_channels_are_the_topics_with_their_settings():
    found = channels()
    assert set(found) == set(TOPICS)
    for topic, (_, settings) in TOPICS.items():
        wanted = {"cleanup.policy": "delete", **settings}
        said = found[topic]["bindings"]["kafka"]["topicConfiguration"]
        said = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in said.items()}
        assert said == wanted, topic


def test_groups_are_those_that_keep_their_place_in_a_topic():
    said = {}
    for operation in DOCUMENT["operations"].values():
        group = operation.get("bindings", {}).get("kafka", {}).get("groupId")
        if operation["action"] == "receive":
            said[follow(operation["channel"])["address"]] = group["const"]
        else:
            assert group is None
    assert said == {topic: group for topic, (group, _) in TOPICS.items() if group is not None}


def test_every_topic_is_taken_told_or_answered():
    told = {follow(operation["channel"])["address"] for operation in DOCUMENT["operations"].values()}
    told |= {follow(operation["reply"]["channel"])["address"]
             for operation in DOCUMENT["operations"].values() if "reply" in operation}
    assert told == set(TOPICS)


def test_requests_are_answered_on_the_topic_that_their_header_names():
    answered = {}
    for operation in DOCUMENT["operations"].values():
        if "reply" not in operation:
            continue
        channel, reply = follow(operation["channel"]), follow(operation["reply"]["channel"])
        for message in channel["messages"].values():
            headers = follow(follow(message)["headers"])["properties"]
            assert headers["kafka_replyTopic"]["const"] == reply["address"]
            assert {"kafka_replyPartition", "kafka_correlationId", "traceparent"} <= set(headers)
        messages = [follow(message) for message in operation["reply"]["messages"]]
        assert messages == [follow(message) for message in reply["messages"].values()]
        for message in messages + [follow(message) for message in channel["messages"].values()]:
            assert message["correlationId"]["location"] == "$message.header#/kafka_correlationId"
        answered[channel["address"]] = reply["address"]
    assert answered == {"score-requests": "prediction-replies", "plan-requests": "plan-replies"}


def test_values_are_the_schemas_that_programs_register():
    said = {name: part["schema"] for name, part in COMPONENTS["schemas"].items() if part.get("schemaFormat") == AVRO}
    assert {schema["name"]: schema for schema in WRITTEN.values()} == said
    for name, schema in said.items():
        assert fastavro.parse_schema(json.loads(json.dumps(schema)))["name"] == f"ai.retention.{name}"
    registered = schemas_of_topics()
    assert set(registered) == set(TOPICS) - {"dead-letters"}
    for topic, channel in channels().items():
        payloads = [follow(follow(message)["payload"]) for message in channel["messages"].values()]
        values = [payload["schema"] for payload in payloads if "schema" in payload]
        assert values == ([WRITTEN[registered[topic]]] if topic in registered else []), topic


def test_what_is_said_of_an_employee_is_what_the_features_file_makes():
    fields = {field["name"]: field for field in COMPONENTS["schemas"]["EmployeeChanged"]["schema"]["fields"]}
    kinds = {"integer": "int", "real": "double", "category": "string"}
    for attribute in FEATURES["attributes"]:
        wanted = {"name": attribute["name"], "type": ["null", kinds[attribute["type"]]], "default": None}
        assert fields.pop(attribute["name"]) == wanted
    assert list(fields) == ["event_id", "employee_id", "event_time", "change", "source", "requested_by"]


def test_values_with_a_schema_are_framed_as_confluent_does():
    for name, message in COMPONENTS["messages"].items():
        binding = message["bindings"]["kafka"]
        framed = {key: binding.get(key) for key in ("schemaIdLocation", "schemaIdPayloadEncoding", "schemaLookupStrategy")}
        has_schema = "schema" in follow(message["payload"])
        assert framed == ({"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent",
                           "schemaLookupStrategy": "TopicNameStrategy"} if has_schema else dict.fromkeys(framed)), name
        assert "key" in binding, name
