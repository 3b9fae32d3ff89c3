// SPDX-License-Identifier: MIT
// Shows /openapi.json with Swagger UI, and below it the codes of problems, whose places (#problem-<code>)
// are the `type` of every problem that the gateway answers with. Nothing is asked of any other server.
"use strict";

function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
}

function list(where, prefix, entries) {
    const target = document.getElementById(where);
    for (const entry of entries) {
        const term = document.createElement("dt");
        term.id = prefix + entry.code;
        term.append(element("code", entry.code), entry.title ? `${entry.status} ${entry.title}` : "");
        target.append(term, element("dd", entry.description));
    }
}

function say(text) {
    document.getElementById("swagger-ui").textContent = text;
}

// Scrolls to the place that the address names: it was not there yet when the browser looked for it, and
// Swagger UI puts a slash before names that it does not know.
function look() {
    const place = document.getElementById(location.hash.replace(/^#\/?/, ""));
    if (place?.matches("#codes dt")) {
        document.querySelector("#codes dt.wanted")?.classList.remove("wanted");
        place.classList.add("wanted");
        place.scrollIntoView();
    }
}

async function show() {
    const answer = await fetch("/openapi.json");
    const spec = await answer.json();
    list("problems", "problem-", spec["x-problems"]);
    list("fields", "field-", spec["x-field-codes"]);
    document.getElementById("codes").hidden = false;
    if (typeof SwaggerUIBundle === "undefined") {
        say("Swagger UI is not installed here (DOCS_DIR). The document itself is /openapi.json.");
        look();
        return;
    }
    SwaggerUIBundle({
        spec,
        dom_id: "#swagger-ui",
        validatorUrl: null, // or a server of others would be told of this one
        deepLinking: true,
        showExtensions: true, // x-roles, x-codes
        defaultModelsExpandDepth: 0,
        onComplete: look,
    });
}

addEventListener("hashchange", look);
show().catch((error) => say(`The document cannot be shown: ${error.message}`));
