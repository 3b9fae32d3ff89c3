// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/high_risk.h"
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

static struct bytes b(const char *text)
{
    return bytes_from_string(text);
}

static struct high_risk_record high(const char *id)
{
    return (struct high_risk_record){
        .prediction = {.prediction_id = b(id),
                       .employee_id = b("17"),
                       .event_id = b("e"),
                       .event_time_ms = 1,
                       .scored_at_ms = 1700000000123,
                       .has_probability = true,
                       .churn_probability = 0.1 + 0.7,
                       .band = BAND_HIGH,
                       .threshold = 0.5,
                       .model_id = b("m"),
                       .reasons = {{b("OverTime"), 0.75}, {b("JobLevel"), -0.25}},
                       .source_topic = b("employee-changes")},
    };
}

static enum err try_store(const struct high_risk_record *records, size_t count, bool is_careful,
                          struct append_result *result, struct why *why)
{
    CLEANUP(copy_done) struct copy copy;
    copy_init(&copy, 1 << 20);
    assert_ok(pg_begin(pg, why), why);
    enum err err = high_risk_store(pg, records, count, &copy, is_careful, result, why);
    if (err == ERR_OK)
        return pg_commit(pg, why);
    pg_rollback(pg);
    return err;
}

static void a_row_holds_what_a_prompt_needs(void **state)
{
    (void)state;
    const struct bytes facts[][2] = {{b("tenure"), b("2 to 5 years")}, {b("overtime"), b("")}};
    struct high_risk_record records[] = {high("a/0/1"), high("a/0/2")};
    records[0].facts = facts;
    records[0].fact_count = 2;
    struct append_result result = {0};
    struct why why = {0};
    assert_ok(try_store(records, 2, false, &result, &why), &why);
    assert_int_equal(result.stored, 2);
    assert_int_equal(
        pg_value(pg, "SELECT count(*) FROM high_risk_facts WHERE prediction_id = 'a/0/1' "
                     "AND employee_id = '17' AND band = 'high' "
                     "AND probability = 0.1::float8 + 0.7::float8 "
                     "AND scored_at = 'epoch'::timestamptz + 1700000000123 * interval '1 ms' "
                     "AND reason_1 = 'OverTime' AND weight_1 = 0.75 AND reason_2 = 'JobLevel' "
                     "AND weight_2 = -0.25 AND reason_3 IS NULL AND weight_3 IS NULL "
                     "AND jsonb_object(fact_names, fact_values) = "
                     "'{\"tenure\": \"2 to 5 years\", \"overtime\": \"\"}'"),
        1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM high_risk_facts WHERE "
                                  "prediction_id = 'a/0/2' AND fact_names = '{}' "
                                  "AND fact_values = '{}'"),
                     1);
}

static void equal_facts_are_skipped_and_differing_ones_kept_aside(void **state)
{
    (void)state;
    const struct bytes yes[][2] = {{b("overtime"), b("yes")}}, no[][2] = {{b("overtime"), b("no")}};
    struct high_risk_record records[] = {high("a/0/1"), high("a/0/2"), high("a/0/3")};
    for (size_t i = 0; i < 3; i++) {
        records[i].facts = yes;
        records[i].fact_count = 1;
    }
    struct append_result result = {0};
    struct why why = {0};
    assert_ok(try_store(records, 2, false, &result, &why), &why);
    records[1].facts = no;
    assert_err(try_store(records, 3, false, &result, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "23505");
    assert_ok(try_store(records, 3, true, &result, &why), &why);
    assert_int_equal(result.stored, 1);
    assert_int_equal(result.duplicates, 1);
    assert_int_equal(result.conflicts, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM recorder_conflict WHERE "
                                  "table_name = 'high_risk_facts' AND prediction_id = 'a/0/2' "
                                  "AND incoming->'fact_values' = '[\"no\"]' "
                                  "AND stored->'fact_values' = '[\"yes\"]'"),
                     1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM high_risk_facts"), 3);
}

static void what_cannot_be_a_row_is_refused_with_its_code(void **state)
{
    (void)state;
    struct why why = {0};
    struct bytes facts[PLAN_FACTS_MAX + 1][2];
    for (size_t i = 0; i < PLAN_FACTS_MAX + 1; i++) {
        facts[i][0] = b("name");
        facts[i][1] = b("value");
    }
    struct high_risk_record record = high("a/0/1");
    record.facts = (const struct bytes(*)[2])facts;
    record.fact_count = PLAN_FACTS_MAX;
    assert_ok(high_risk_check(&record, &why), &why);
    record.fact_count = PLAN_FACTS_MAX + 1;
    assert_err(high_risk_check(&record, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-fact");
    record.fact_count = 1;
    facts[0][1] = bytes_of("a\0b", 3);
    assert_err(high_risk_check(&record, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-fact");
    record = high("a/0/1");
    record.prediction.employee_id = b("");
    assert_err(high_risk_check(&record, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-employee-id");
}

#define IN_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_database, close_database)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(a_row_holds_what_a_prompt_needs),
        IN_DATABASE(equal_facts_are_skipped_and_differing_ones_kept_aside),
        cmocka_unit_test(what_cannot_be_a_row_is_refused_with_its_code),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
