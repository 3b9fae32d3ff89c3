# SPDX-License-Identifier: MIT
"""The page at /docs, in a real Chromium: it shows the document, asks nobody but the gateway, breaks no rule of
its own policy, and a call that is made through it works."""
import json

import pytest

from browser import Browser
from support import ATTRIBUTES
from test_openapi import call, log_in, register

PREDICT = "#operations-scores-predict"


@pytest.fixture
def browser(world):
    with open(world.directory / "chromium.log", "ab") as log, Browser(log) as browser:
        yield browser


@pytest.fixture
def gateway(world):
    world.scoring()
    gateway = world.gateway()
    register(gateway, "somebody")
    return gateway


def open_docs(browser, gateway, hash=""):
    browser.open(gateway.url + "/docs" + hash)
    browser.until("document.querySelectorAll('.opblock').length > 0 && document.querySelector('#problem-invalid') !== null")


def asked_elsewhere(browser, gateway):
    return [url for _, url in browser.requests if not url.startswith((gateway.url + "/", "data:"))]


def test_a_call_through_the_page_gives_a_score(world, gateway, browser):
    open_docs(browser, gateway)
    browser.click("button.authorize")
    browser.type(".modal-ux input", log_in(gateway, "somebody"))
    browser.click(".modal-ux button.authorize")
    browser.click(".modal-ux button.btn-done")
    browser.click(f"{PREDICT} .opblock-summary-control")
    browser.click(f"{PREDICT} button.try-out__btn")
    browser.type(f"{PREDICT} textarea.body-param__text", json.dumps({"employe_id": 1, "attributes": ATTRIBUTES[0]}))
    browser.click(f"{PREDICT} button.execute")
    status = browser.until(f"document.querySelector('{PREDICT} .live-responses-table .response .response-col_status')?.innerText"
                           ".match(/[0-9]+/)?.[0]", 60)
    body = json.loads(browser.run(f"document.querySelector('{PREDICT} .live-responses-table .highlight-code code, "
                                  f"{PREDICT} .live-responses-table pre').innerText"))
    assert status == "200" and body["employe_id"] == 1 and 0 <= body["churn_probability"] <= 1, body
    assert call(gateway, "GET", "/requests/" + body["request_id"], token=log_in(gateway, "somebody"))[0] == 200
    assert browser.problems == []
    assert asked_elsewhere(browser, gateway) == []


def test_the_page_shows_every_operation_and_the_place_of_every_problem(world, gateway, browser):
    open_docs(browser, gateway, "#problem-employee-left")
    status, document = call(gateway, "GET", "/openapi.json")
    assert status == 200
    count = sum(method in item for item in document["paths"].values() for method in ("get", "post"))
    assert browser.run("document.querySelectorAll('.opblock').length") == count
    for problem in document["x-problems"]:
        assert browser.run(f"document.getElementById('problem-{problem['code']}') !== null"), problem
    browser.until("(() => { const box = document.querySelector('#problem-employee-left').getBoundingClientRect();"
                  " return box.top >= 0 && box.bottom <= innerHeight; })()")
    assert browser.problems == []
    assert asked_elsewhere(browser, gateway) == []


def test_nothing_that_an_answer_holds_becomes_part_of_the_page(world, gateway, browser):
    """A department whose name is markup: it is shown as text."""
    token = log_in(gateway, "somebody")
    name = "<img src=x onerror=\"window.broken=1\"><script>window.broken=1</script>"
    assert call(gateway, "POST", "/predict", {"employe_id": 1, "attributes": {"Department": name}}, token)[0] == 200
    open_docs(browser, gateway)
    browser.click("button.authorize")
    browser.type(".modal-ux input", token)
    browser.click(".modal-ux button.authorize")
    browser.click(".modal-ux button.btn-done")
    place = "#operations-employees-getEmployee"
    browser.click(f"{place} .opblock-summary-control")
    browser.click(f"{place} button.try-out__btn")
    browser.type(f"{place} .parameters input[placeholder=employee_id]", "1")
    browser.click(f"{place} button.execute")
    browser.until(f"document.querySelector('{place} .live-responses-table')?.innerText.includes('onerror')", 60)
    assert browser.run("window.broken === undefined")
    assert browser.problems == []
