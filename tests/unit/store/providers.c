// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/compiler.h"
#include "store/providers.h"
#include "store/sql.h"
#include "support/pg.h"

static struct pg_server *server;
static struct pg *pg;

static int start(void **state)
{
    (void)state;
    server = pg_server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_server_stop(server);
    return 0;
}

static int open_database(void **state)
{
    (void)state;
    pg = pg_server_migrated(server);
    return 0;
}

static int close_database(void **state)
{
    (void)state;
    pg_close(TAKE(pg));
    return 0;
}

// Resumes as the operator's tool does: how many were stopped.
static size_t resume(const char *provider)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    const struct pg_param params[] = {provider == NULL ? PG_NULL : PG_STRING(provider)};
    assert_ok(pg_exec(pg, sql_provider_resume, params, 1, &rows, &why), &why);
    return pg_count(rows);
}

static struct providers_state state_of(const char *provider, char *reason, size_t size)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct providers_state states[2];
    const struct bytes names[] = {bytes_from_string("nobody"), bytes_from_string(provider)};
    assert_ok(providers_states(pg, names, 2, states, &rows, &why), &why);
    assert_false(states[0].is_stopped);
    assert_true(states[0].until_ms == PROVIDERS_NO_END && states[0].reason.data == NULL);
    assert_true(states[1].reason.len < size);
    if (states[1].reason.len > 0)
        memcpy(reason, states[1].reason.data, states[1].reason.len);
    reason[states[1].reason.len] = '\0';
    return states[1];
}

static void a_stop_holds_until_somebody_resumes_it(void **state)
{
    (void)state;
    struct why why = {0};
    char reason[40];
    assert_false(state_of("gemini", reason, sizeof reason).is_stopped);
    assert_ok(providers_stop(pg, "gemini", "key-refused", PROVIDERS_NO_END, &why), &why);
    struct providers_state seen = state_of("gemini", reason, sizeof reason);
    assert_true(seen.is_stopped && seen.until_ms == PROVIDERS_NO_END);
    assert_string_equal(reason, "key-refused");
    assert_int_equal(resume("openai-compatible"), 0);
    assert_true(state_of("gemini", reason, sizeof reason).is_stopped);
    assert_int_equal(resume("gemini"), 1);
    assert_false(state_of("gemini", reason, sizeof reason).is_stopped);
    assert_int_equal(resume(NULL), 0); // nothing is stopped any more
    // A new stop counts again, with its end.
    assert_ok(providers_stop(pg, "gemini", "daily-quota", 1700000000123, &why), &why);
    seen = state_of("gemini", reason, sizeof reason);
    assert_true(seen.is_stopped && seen.until_ms == 1700000000123);
    assert_string_equal(reason, "daily-quota");
    assert_ok(providers_stop(pg, "openai-compatible", "credits", PROVIDERS_NO_END, &why), &why);
    assert_int_equal(resume(NULL), 2);
}

static void usage_counts_calls_of_a_provider_since_a_time(void **state)
{
    (void)state;
    struct why why = {0};
    struct providers_usage usage;
    assert_ok(providers_usage_since(pg, "gemini", 0, &usage, &why), &why);
    assert_int_equal(usage.calls + usage.input_tokens + usage.output_tokens + usage.cost_microusd,
                     0);
    pg_must(pg, "INSERT INTO llm_call (plan_id, attempt, provider, prompt_sha256, language, "
                "claimed_at, claimed_by, copied_from, finished_at, outcome, input_tokens, "
                "output_tokens, cost_microusd) VALUES "
                "('a', 1, 'gemini', 'h', 'en', 'epoch', 'me', NULL, 'epoch', 'bad', 10, 20, 30),"
                "('a', 2, 'gemini', 'h', 'en', '2026-01-02', 'me', NULL, now(), 'bad', 1, 2, 3),"
                "('a', 3, 'gemini', 'h', 'en', '2026-01-03', 'me', NULL, NULL, NULL, NULL, NULL, "
                "NULL),"
                "('b', 1, 'rules', 'h', 'en', '2026-01-03', 'me', NULL, now(), 'bad', 7, 7, 7),"
                "('c', 1, 'gemini', 'h', 'en', '2026-01-03', 'me', 'a', now(), 'bad', 7, 7, 7)");
    assert_ok(providers_usage_since(pg, "gemini", 1000, &usage, &why), &why);
    assert_int_equal(usage.calls, 2);
    assert_int_equal(usage.input_tokens, 1);
    assert_int_equal(usage.output_tokens, 2);
    assert_int_equal(usage.cost_microusd, 3);
    assert_ok(providers_usage_since(pg, "gemini", 0, &usage, &why), &why);
    assert_int_equal(usage.calls, 3);
    assert_int_equal(usage.cost_microusd, 33);
}

static void plans_are_on_until_they_are_switched_off(void **state)
{
    (void)state;
    struct why why = {0};
    bool is_on = false;
    assert_ok(providers_switch(pg, &is_on, &why), &why);
    assert_true(is_on);
    size_t changed = 9;
    assert_ok(pg_change(pg, sql_switch_set, (struct pg_param[]){PG_BOOL(false)}, 1, &changed, &why),
              &why);
    assert_int_equal(changed, 1);
    assert_ok(providers_switch(pg, &is_on, &why), &why);
    assert_false(is_on);
    assert_ok(pg_change(pg, sql_switch_set, (struct pg_param[]){PG_BOOL(false)}, 1, &changed, &why),
              &why);
    assert_int_equal(changed, 0);
    pg_must(pg, "DELETE FROM plan_switch");
    assert_err(providers_switch(pg, &is_on, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "INSERT INTO plan_switch"));
}

#define IN_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_database, close_database)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(a_stop_holds_until_somebody_resumes_it),
        IN_DATABASE(usage_counts_calls_of_a_provider_since_a_time),
        IN_DATABASE(plans_are_on_until_they_are_switched_off),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
