// SPDX-License-Identifier: MIT
#pragma once

#include "http/exchange.h"

// The handlers that routes.def names; each runs on a thread of the server, does not wait, and ends
// the exchange or hands it on.

struct gateway;
typedef void gateway_handler(struct http_exchange *exchange, struct gateway *gateway);

// accounts.c
gateway_handler accounts_register, accounts_login, accounts_refresh, accounts_logout,
    accounts_password;
// predict.c, plans.c, employees.c
gateway_handler predict_post, plans_post, employees_post_rows, employees_post_one;
// reads.c, requests.c
gateway_handler reads_employee, reads_history, reads_predictions, reads_prediction, reads_plan,
    requests_get;
// documents.c
gateway_handler documents_model, documents_docs, documents_asset, documents_openapi,
    documents_asyncapi, documents_jwks, documents_livez, documents_readyz;
