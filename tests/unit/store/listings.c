// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/mem.h"
#include "store/employees.h"
#include "store/listings.h"
#include "support/gateway_pg.h"

#define NOW INT64_C(1790000000000)

static const struct listings_place from_the_beginning;
static const struct listings_history_place from_the_latest;

// ---- people

// Stores one state as the recorder does.
static void put_employee(const struct features *features, const char *id, enum change change,
                         const struct value *attributes)
{
    struct why why = {0};
    CLEANUP(employees_writer_free_p) struct employees_writer *writer = NULL;
    size_t changed = 0;
    const struct employees_record record = {.change = {.event_id = b("event-1"),
                                                       .employee_id = b(id),
                                                       .event_time_ms = NOW,
                                                       .change = change,
                                                       .source = b("http:17"),
                                                       .requested_by = b("17"),
                                                       .attributes = attributes},
                                            .key = {.event_time_ms = NOW, .generation = 1}};
    assert_ok(employees_writer_new(features, &writer, &why), &why);
    assert_ok(employees_prepare(writer, pg, &why), &why);
    assert_ok(pg_begin(pg, &why), &why);
    assert_ok(employees_store(writer, pg, &record, 1, &changed, &why), &why);
    assert_ok(pg_commit(pg, &why), &why);
    assert_int_equal(changed, 1);
}

static struct features *load(const char *path)
{
    struct why why = {0};
    struct features *features = NULL;
    assert_ok(features_load(path, &features, &why), &why);
    return features;
}

// Something of its type for each attribute, but for every fifth, which is null.
static void fill(const struct features *features, struct value *ret)
{
    for (size_t i = 0; i < features->count; i++) {
        const struct attribute *attribute = &features->attributes[i];
        ret[i] = (struct value){.kind = VALUE_NULL};
        if (i % 5 == 4)
            continue;
        switch (attribute->type) {
        case ATTRIBUTE_INTEGER:
            ret[i] = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)attribute->min};
            break;
        case ATTRIBUTE_REAL:
            ret[i] = (struct value){.kind = VALUE_REAL,
                                    .real = attribute->min + 0.1 + 0.2}; // needs all 17 digits
            break;
        case ATTRIBUTE_CATEGORY:
            ret[i] =
                (struct value){.kind = VALUE_TEXT, .text = b(attribute->categories[i % 2].name)};
            break;
        }
    }
}

static void check_state(const char *features_path)
{
    struct why why = {0};
    CLEANUP(features_free_p) struct features *features = load(features_path);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct value values[FEATURES_MAX];
    static struct listings_employee employee;
    size_t added = 0, reals = 0;
    bool is_found = false;
    assert_ok(employees_add_columns(features, pg, &added, &why), &why);
    fill(features, values);
    put_employee(features, "1042", CHANGE_UPDATED, values);
    assert_ok(listings_employee(pg, features, b("1042"), &is_found, &employee, &rows, &why), &why);
    assert_true(is_found && is(employee.employee_id, "1042") && is(employee.event_id, "event-1"));
    assert_true(employee.event_time_ms == NOW && employee.change == CHANGE_UPDATED);
    assert_true(is(employee.source, "http:17") && is(employee.requested_by, "17"));
    assert_true(!employee.has_left && employee.left_at_ms == 0);
    for (size_t i = 0; i < features->count; i++) {
        const struct value *got = &employee.attributes[i];
        assert_int_equal(got->kind, values[i].kind);
        if (got->kind == VALUE_INTEGER)
            assert_int_equal(got->integer, values[i].integer);
        if (got->kind == VALUE_REAL)
            assert_memory_equal(&got->real, &values[i].real, sizeof got->real);
        if (got->kind == VALUE_TEXT)
            assert_true(bytes_equal(got->text, values[i].text));
        reals += got->kind == VALUE_REAL;
    }
    print_message("%zu attributes, %zu of them real numbers\n", features->count, reals);
    assert_ok(employee_check_attributes(features, employee.attributes, &why), &why);
    pg_rows_free(TAKE(rows));
    assert_ok(listings_employee(pg, features, b("nobody"), &is_found, &employee, &rows, &why),
              &why);
    assert_false(is_found);
}

static void the_state_of_an_employee_comes_back_bit_for_bit(void **state)
{
    (void)state;
    check_state(SOURCE_DIR "/models/features.json");
}

static void also_that_of_another_company(void **state)
{
    (void)state;
    check_state(SOURCE_DIR "/tests/data/second/features.json");
}

static void a_missing_column_is_no_missing_value(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(features_free_p) struct features *features = load(SOURCE_DIR "/models/features.json");
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct value values[FEATURES_MAX];
    static struct listings_employee employee;
    bool is_found = false;
    fill(features, values);
    put_employee(features, "1042", CHANGE_CREATED, values);
    pg_must(pg, "ALTER TABLE employee DROP COLUMN monthly_income");
    assert_err(listings_employee(pg, features, b("1042"), &is_found, &employee, &rows, &why),
               ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "retentionctl migrate"));
    pg_must(pg, "ALTER TABLE employee ADD COLUMN monthly_income text; "
                "UPDATE employee SET monthly_income = 'much'");
    assert_err(listings_employee(pg, features, b("1042"), &is_found, &employee, &rows, &why),
               ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "monthly_income"));
    assert_null(strstr(why.text, "much"));
}

static void whoever_has_left_is_known_to_have(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(features_free_p) struct features *features = load(SOURCE_DIR "/models/features.json");
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct value values[FEATURES_MAX];
    static struct listings_employee employee;
    bool is_known = true, has_left = true, is_found = false;
    fill(features, values);
    assert_ok(listings_has_left(pg, b("1042"), &is_known, &has_left, &why), &why);
    assert_true(!is_known && !has_left);
    put_employee(features, "1042", CHANGE_CREATED, values);
    put_employee(features, "1043", CHANGE_LEFT, values);
    assert_ok(listings_has_left(pg, b("1042"), &is_known, &has_left, &why), &why);
    assert_true(is_known && !has_left);
    assert_ok(listings_has_left(pg, b("1043"), &is_known, &has_left, &why), &why);
    assert_true(is_known && has_left);
    assert_ok(listings_employee(pg, features, b("1043"), &is_found, &employee, &rows, &why), &why);
    assert_true(is_found && employee.has_left && employee.left_at_ms == NOW);
    assert_int_equal(employee.change, CHANGE_LEFT);
}

// ---- predictions

static void a_prediction_comes_back_whole(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *more = NULL;
    struct prediction prediction = {0};
    bool is_found = true;
    assert_ok(listings_prediction(pg, b("c/0/1"), &is_found, &prediction, &rows, &why), &why);
    assert_false(is_found);
    pg_must(
        pg,
        "INSERT INTO predictions_history (id, timestamp, user_id, employee_id, probability, "
        "event_id, event_time, band, threshold, model_id, base_log_odds, reason_1, weight_1, "
        "reason_2, weight_2, department, job_role, trigger, source_topic, source_partition, "
        "source_offset) VALUES ('c/0/1', to_timestamp(1790000000), '17', '1042', 0.75, 'e', "
        "to_timestamp(1780000000), 'high', 0.5, 'm', -1.5, 'OverTime', 0.25, 'Age', -0.125, "
        "'Sales', 'Manager', 'request', 'score-requests', 3, 12345678901), "
        "('c/0/2', to_timestamp(1790000001), NULL, '1042', NULL, 'e', to_timestamp(1780000000), "
        "'unknown', 0.5, 'm', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'rescore', 'c', 0, 2)");
    assert_ok(listings_prediction(pg, b("c/0/1"), &is_found, &prediction, &rows, &why), &why);
    assert_true(is_found && is(prediction.prediction_id, "c/0/1") &&
                is(prediction.employee_id, "1042") && is(prediction.event_id, "e"));
    assert_true(prediction.scored_at_ms == NOW &&
                prediction.event_time_ms == INT64_C(1780000000000));
    assert_true(prediction.has_probability && prediction.churn_probability == 0.75 &&
                prediction.band == BAND_HIGH && prediction.threshold == 0.5);
    assert_true(is(prediction.model_id, "m") && prediction.base_log_odds == -1.5);
    assert_true(
        is(prediction.reasons[0].attribute, "OverTime") && prediction.reasons[0].weight == 0.25 &&
        is(prediction.reasons[1].attribute, "Age") && prediction.reasons[1].weight == -0.125 &&
        prediction.reasons[2].attribute.data == NULL);
    assert_true(is(prediction.department, "Sales") && is(prediction.job_role, "Manager"));
    assert_true(prediction.trigger == TRIGGER_REQUEST && is(prediction.requested_by, "17"));
    assert_true(is(prediction.source_topic, "score-requests") && prediction.source_partition == 3 &&
                prediction.source_offset == INT64_C(12345678901));
    assert_ok(listings_prediction(pg, b("c/0/2"), &is_found, &prediction, &more, &why), &why);
    assert_true(is_found && !prediction.has_probability && prediction.band == BAND_UNKNOWN);
    assert_true(prediction.requested_by.data == NULL && prediction.department.data == NULL &&
                prediction.trigger == TRIGGER_RESCORE);
}

static void put_history(void)
{
    // Several in each millisecond, and another employee's between them.
    pg_must(pg, "INSERT INTO predictions_history (id, timestamp, employee_id, probability, "
                "event_id, event_time, band, threshold, model_id, trigger, source_topic, "
                "source_partition, source_offset) SELECT 'c/0/' || lpad(i::text, 3, '0'), "
                "to_timestamp(1790000000) + (i / 4) * interval '1 ms', (1042 + i % 2)::text, 0.5, "
                "'e', 'epoch', 'high', 0.5, 'm', 'change', 'c', 0, i FROM generate_series(0, 99) "
                "AS i");
}

static void a_history_is_read_page_by_page_the_latest_first(void **state)
{
    (void)state;
    enum { ALL = 50, PAGE = 7 };
    struct why why = {0};
    put_history();
    struct listings_history_place after = from_the_latest;
    char last[32] = "~", id[32];
    int64_t last_ms = INT64_MAX;
    size_t seen = 0, count = 0;
    do {
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        struct prediction page[PAGE];
        assert_ok(listings_history(pg, b("1042"), &after, page, PAGE, &count, &rows, &why), &why);
        for (size_t i = 0; i < count; i++) {
            assert_true(is(page[i].employee_id, "1042"));
            snprintf(id, sizeof id, "%.*s", (int)page[i].prediction_id.len,
                     (const char *)page[i].prediction_id.data);
            assert_true(page[i].scored_at_ms < last_ms ||
                        (page[i].scored_at_ms == last_ms && strcmp(id, last) < 0));
            memcpy(last, id, sizeof last);
            last_ms = page[i].scored_at_ms;
        }
        seen += count;
        after = (struct listings_history_place){.scored_at_ms = last_ms, .prediction_id = b(last)};
    } while (count == PAGE);
    assert_int_equal(seen, ALL);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    assert_ok(listings_history(pg, b("nobody"), &from_the_latest, NULL, PAGE, &count, &rows, &why),
              &why);
    assert_int_equal(count, 0);
}

static void a_place_that_was_made_up_is_a_place(void **state)
{
    (void)state;
    struct why why = {0};
    put_history();
    const int64_t times[] = {INT64_MIN, -1, 0, NOW, INT64_MAX - 1, INT64_MAX};
    const bool has_some[] = {false, false, false, true, true, true};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        struct prediction page[5];
        size_t count = 99;
        const struct listings_history_place after = {times[i], b("~")};
        assert_ok(listings_history(pg, b("1042"), &after, page, 5, &count, &rows, &why), &why);
        assert_int_equal(count > 0, has_some[i]);
    }
    const double probabilities[] = {NAN, -HUGE_VAL, HUGE_VAL, -0.0, 1e300, -1};
    for (size_t i = 0; i < ARRAY_LEN(probabilities); i++) {
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        const struct listings_filter everybody = {.band = NULL};
        const struct listings_place after = {probabilities[i], b("' OR true --")};
        struct prediction page[5];
        size_t count = 99;
        assert_ok(listings_predictions(pg, &everybody, &after, page, 5, &count, &rows, &why), &why);
        assert_int_equal(count, 0); // the table is empty
    }
}

static void the_latest_prediction_or_the_departure_of_an_employee(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *more = NULL;
    struct prediction prediction = {0};
    bool is_found = true, has_departed = true;
    assert_ok(listings_current(pg, b("1042"), &is_found, &has_departed, &prediction, &rows, &why),
              &why);
    assert_false(is_found);
    pg_must(pg,
            "INSERT INTO current_prediction (employee_id, event_time, scored_at, "
            "topic_partition, topic_offset, departed, prediction_id, event_id, probability, "
            "band, threshold, model_id, base_log_odds, reason_1, weight_1, department, trigger) "
            "VALUES ('1042', 'epoch', to_timestamp(1790000000), 0, 5, false, 'c/0/1', 'e', "
            "0.25, 'low', 0.5, 'm', -1, 'Age', 0.5, 'Sales', 'change'), ('1043', 'epoch', "
            "to_timestamp(1790000000), 0, 6, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
            "NULL, NULL, NULL, NULL)");
    assert_ok(listings_current(pg, b("1042"), &is_found, &has_departed, &prediction, &rows, &why),
              &why);
    assert_true(is_found && !has_departed && is(prediction.prediction_id, "c/0/1") &&
                prediction.churn_probability == 0.25 && prediction.band == BAND_LOW);
    assert_true(is(prediction.reasons[0].attribute, "Age") && prediction.scored_at_ms == NOW);
    assert_true(prediction.source_topic.data == NULL && prediction.requested_by.data == NULL);
    assert_ok(listings_current(pg, b("1043"), &is_found, &has_departed, &prediction, &more, &why),
              &why);
    assert_true(is_found && has_departed && is(prediction.employee_id, "1043") &&
                prediction.prediction_id.data == NULL && !prediction.has_probability);
}

// 20,000 people, a tenth of whom have left: few different probabilities, as a calibrated model
// gives, and some unknown.
static void put_many(void)
{
    pg_must(pg,
            "INSERT INTO current_prediction (employee_id, event_time, scored_at, "
            "topic_partition, topic_offset, departed, prediction_id, probability, band, "
            "department) SELECT i::text, 'epoch', 'epoch', 0, i, i % 10 = 9, CASE WHEN i % 10 "
            "<> 9 THEN 'c/0/' || i END, CASE WHEN i % 10 < 8 THEN p END, CASE WHEN i % 10 = 9 "
            "THEN NULL WHEN i % 10 = 8 THEN 'unknown' WHEN p >= 0.5 THEN 'high' WHEN p >= 0.3 "
            "THEN 'elevated' ELSE 'low' END, CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN 'Sales' "
            "WHEN 2 THEN 'Legal' ELSE 'Research & Development' END FROM generate_series(1, "
            "20000) AS i, LATERAL (SELECT ((i * 7919) % 40) / 40.0::double precision AS p) AS q");
    pg_must(pg, "ANALYZE current_prediction");
}

#define ORDERED(filter)                                                                            \
    "SELECT employee_id FROM current_prediction WHERE NOT departed AND " filter                    \
    " ORDER BY probability DESC NULLS LAST, employee_id"

// Pages of this size give what one plain statement gives.
static size_t page_through(const struct listings_filter *filter, const char *sql, size_t size)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *all = NULL;
    CLEANUP(mem_free_p) struct prediction *page = mem_array(size, sizeof *page);
    assert_ok(pg_exec(pg, sql, NULL, 0, &all, &why), &why);
    struct listings_place after = from_the_beginning;
    char last[32];
    size_t seen = 0, count = 0;
    do {
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        assert_ok(listings_predictions(pg, filter, &after, page, size, &count, &rows, &why), &why);
        for (size_t i = 0; i < count; i++) {
            assert_true(seen < pg_count(all));
            assert_true(bytes_equal(page[i].employee_id, pg_get_text(all, seen++, 0)));
        }
        if (count == 0)
            break;
        after = listings_place_of(&page[count - 1]);
        snprintf(last, sizeof last, "%.*s", (int)after.employee_id.len,
                 (const char *)after.employee_id.data);
        after.employee_id = b(last); // the rows go
    } while (count == size);
    assert_int_equal(seen, pg_count(all));
    return seen;
}

static void current_predictions_are_listed_by_falling_probability(void **state)
{
    (void)state;
    const enum band high = BAND_HIGH, low = BAND_LOW, unknown = BAND_UNKNOWN;
    put_many();
    const struct listings_filter everybody = {.band = NULL}, of_high = {.band = &high},
                                 of_low = {.band = &low, .department = b("Sales")},
                                 of_unknown = {.band = &unknown},
                                 of_legal = {.department = b("Legal")},
                                 of_none = {.department = b("Sales' OR true")};
    assert_int_equal(page_through(&everybody, ORDERED("true"), 997), 18000);
    assert_true(page_through(&of_high, ORDERED("band = 'high'"), 100) > 0);
    assert_true(page_through(&of_low, ORDERED("band = 'low' AND department = 'Sales'"), 33) > 0);
    assert_int_equal(page_through(&of_unknown, ORDERED("band = 'unknown'"), 500), 2000);
    assert_true(page_through(&of_legal, ORDERED("department = 'Legal'"), 250) > 0);
    assert_int_equal(page_through(&of_none, ORDERED("false"), 10), 0);
}

// The plan of a page that stands in the midst of equal probabilities, far behind the beginning.
static char *plan_of_a_page(const char *department)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(mem_free_p)
    char *sql = mem_printf("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) %s",
                           sql_listing_predictions);
    const struct bytes bands[] = {b("low"), b("elevated"), b("high"), b("unknown")};
    const struct pg_param params[] = {PG_TEXTS(bands, 4),
                                      department == NULL ? PG_NULL : PG_STRING(department),
                                      PG_FLOAT8(-0.2), PG_STRING("5000"), PG_INT8(20)};
    assert_ok(pg_exec(pg, sql, params, ARRAY_LEN(params), &rows, &why), &why);
    CLEANUP(text_done) struct text text = TEXT_INIT(65536);
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct bytes line = pg_get_text(rows, i, 0);
        assert_ok(text_append(&text, line.data, line.len), &why);
        assert_ok(text_append_string(&text, "\n"), &why);
    }
    return text_take(&text);
}

static void a_page_costs_the_same_wherever_it_stands(void **state)
{
    (void)state;
    put_many();
    const char *const departments[] = {NULL, "Legal"};
    for (size_t i = 0; i < ARRAY_LEN(departments); i++) {
        char *plan = plan_of_a_page(departments[i]);
        bool is_good = strstr(plan, "Index Scan using current_prediction_listing") != NULL &&
                       strstr(plan, "Rows Removed") == NULL && strstr(plan, "Seq Scan") == NULL;
        if (!is_good)
            fail_msg("%s", plan);
        free(plan);
    }
}

// ---- plans

static void plans_are_found_by_id_by_request_and_by_prediction(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct plan plan = {0}, plans[2];
    bool is_found = true;
    size_t count = 0;
    assert_ok(listings_plan(pg, b("p/0/1"), &is_found, &plan, &rows, &why), &why);
    assert_false(is_found);
    assert_ok(listings_plan_of_request(pg, b("r-1"), &is_found, &plan, &rows, &why), &why);
    assert_false(is_found);
    pg_must(pg, "INSERT INTO retention_plan (plan_id, request_id, prediction_id, employee_id, "
                "status, action_1, action_2, action_3, language, generated_by, created_at) SELECT "
                "'p/0/' || i, CASE WHEN i > 1 THEN 'r-' || i END, 'c/0/1', '1042', 'fallback', "
                "'One.', 'Two.', 'Three.', 'en', 'rules', to_timestamp(1790000000 + i) FROM "
                "generate_series(1, 4) AS i");
    pg_must(pg, "INSERT INTO retention_plan (plan_id, request_id, prediction_id, employee_id, "
                "status, language, created_at, refusal) VALUES ('p/0/9', 'r-9', 'c/0/2', '1042', "
                "'refused', 'fr', to_timestamp(1790000000), 'not-needed')");
    assert_ok(listings_plan(pg, b("p/0/1"), &is_found, &plan, &rows, &why), &why);
    assert_true(is_found && is(plan.plan_id, "p/0/1") && plan.request_id.data == NULL &&
                is(plan.prediction_id, "c/0/1") && plan.status == PLAN_FALLBACK);
    assert_true(is(plan.actions[0], "One.") && is(plan.actions[2], "Three.") &&
                plan.created_at_ms == NOW + 1000);
    pg_rows_free(TAKE(rows));
    assert_ok(listings_plan_of_request(pg, b("r-9"), &is_found, &plan, &rows, &why), &why);
    assert_true(is_found && plan.status == PLAN_REFUSED && is(plan.refusal, "not-needed"));
    pg_rows_free(TAKE(rows));
    assert_ok(listings_plans(pg, b("c/0/1"), plans, 2, &count, &rows, &why), &why);
    assert_true(count == 2 && is(plans[0].plan_id, "p/0/4") && is(plans[1].plan_id, "p/0/3"));
    pg_rows_free(TAKE(rows));
    assert_ok(listings_plans(pg, b("c/0/7"), plans, 2, &count, &rows, &why), &why);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(the_state_of_an_employee_comes_back_bit_for_bit),
        IN_DATABASE(also_that_of_another_company),
        IN_DATABASE(a_missing_column_is_no_missing_value),
        IN_DATABASE(whoever_has_left_is_known_to_have),
        IN_DATABASE(a_prediction_comes_back_whole),
        IN_DATABASE(a_history_is_read_page_by_page_the_latest_first),
        IN_DATABASE(a_place_that_was_made_up_is_a_place),
        IN_DATABASE(the_latest_prediction_or_the_departure_of_an_employee),
        IN_DATABASE(current_predictions_are_listed_by_falling_probability),
        IN_DATABASE(a_page_costs_the_same_wherever_it_stands),
        IN_DATABASE(plans_are_found_by_id_by_request_and_by_prediction),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
