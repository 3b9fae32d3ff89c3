// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "answer.h"
#include "base/err.h"
#include "domain/plan.h"
#include "http/exchange.h"
#include "problem.h"
#include "store/pg.h"
#include "store/requests.h"

// What a request came to, as its call would have heard it. Any thread; those with a connection on
// its thread.

// The result of a row that is done, as JSON. *ret_is_there false: its prediction or plan is not
// recorded (yet). A plan that was refused makes the row a failed one, with the reason: nothing is
// written then.
MUST_CHECK enum err results_write(struct pg *pg, const struct answer_words *words,
                                  struct requests_row *row, bool *ret_is_there, struct text *out,
                                  struct why *why);

// The problem of what a reply, a row or a plan gives as the reason.
enum problem results_problem(struct bytes code);
// What a refused plan means to who asked. Ends the exchange.
void results_answer_refusal(struct http_exchange *exchange, struct bytes refusal);
// Not needed is an answer, the other refusals are none.
bool results_is_answer(const struct plan *plan);
