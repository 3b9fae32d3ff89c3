// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/mem.h"
#include "store/requests.h"
#include "support/gateway_pg.h"

#define NOW INT64_C(1790000000000)
#define DAY INT64_C(86400000)

static struct requests_made made(const char *id)
{
    return (struct requests_made){.id = b(id),
                                  .user_id = b("17"),
                                  .kind = REQUESTS_PREDICT,
                                  .employee_id = b("1042"),
                                  .body_sha256 = b("body"),
                                  .created_at_ms = NOW};
}

static struct requests_reply reply(const char *id)
{
    return (struct requests_reply){.id = b(id),
                                   .kind = REQUESTS_PREDICT,
                                   .result_id = b("score-requests/3/17"),
                                   .missing_inputs = b("Age,JobLevel"),
                                   .created_at_ms = NOW + 5,
                                   .completed_at_ms = NOW + 90};
}

static void store(const struct requests_made *one)
{
    struct why why = {0};
    assert_ok(requests_store(pg, one, 1, &why), &why);
}

static size_t complete(const struct requests_reply *one)
{
    struct why why = {0};
    size_t completed = 99;
    assert_ok(requests_complete(pg, one, 1, &completed, &why), &why);
    return completed;
}

// By its maker, at NOW + 100.
static bool look(const char *id, const char *user, struct requests_row *ret, struct pg_rows **rows)
{
    struct why why = {0};
    bool is_found = false;
    pg_rows_free(TAKE(*rows));
    assert_ok(requests_read(pg, b(id), user == NULL ? (struct bytes){0} : b(user), NOW + 100,
                            &is_found, ret, rows, &why),
              &why);
    return is_found;
}

// The whole row as text.
static char *row_of(const char *id)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    assert_ok(
        pg_exec(pg, "SELECT (to_jsonb(r) - 'id')::text FROM http_request AS r WHERE id = $1::text",
                (struct pg_param[]){PG_STRING(id)}, 1, &rows, &why),
        &why);
    assert_int_equal(pg_count(rows), 1);
    struct bytes text = pg_get_text(rows, 0, 0);
    return mem_dup_bytes(text.data, text.len);
}

static void gateway_and_recorder_may_come_in_any_order(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    // Every order of the two, and each twice.
    const char *const orders[] = {"gr", "rg", "ggr", "rrg", "grg", "rgr", "grgr", "rggr"};
    CLEANUP(mem_free_p) char *first = NULL;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        const struct requests_made asked = made(orders[i]);
        const struct requests_reply answer = reply(orders[i]);
        for (const char *at = orders[i]; *at != '\0'; at++) {
            if (*at == 'g')
                store(&asked);
            else
                assert_int_equal(complete(&answer), strchr(orders[i], 'r') == at ? 1 : 0);
        }
        char *text = row_of(orders[i]);
        if (first == NULL)
            first = mem_dup(text);
        assert_string_equal(text, first);
        mem_free_p(&text);
    }
    assert_true(look("rg", "17", &row, &rows));
    assert_true(row.kind == REQUESTS_PREDICT && row.state == REQUESTS_DONE && row.is_sent);
    assert_true(is(row.id, "rg") && is(row.user_id, "17") && is(row.employee_id, "1042"));
    assert_true(is(row.body_sha256, "body") && is(row.result_id, "score-requests/3/17"));
    assert_true(row.created_at_ms == NOW && row.completed_at_ms == NOW + 90);
    assert_true(row.error_code.data == NULL && row.error_text.data == NULL);
    assert_true(row.has_missing_inputs && row.missing_count == 2);
    assert_true(is(row.missing_inputs[0], "Age") && is(row.missing_inputs[1], "JobLevel"));
}

static void a_request_is_seen_by_who_made_it(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    const struct requests_made asked = made("one");
    store(&asked);
    assert_true(look("one", "17", &row, &rows));
    assert_true(row.state == REQUESTS_ACCEPTED && row.completed_at_ms == 0);
    assert_true(!row.has_missing_inputs && row.missing_count == 0);
    assert_false(look("one", "18", &row, &rows));
    assert_false(look("one", "", &row, &rows));
    assert_true(look("one", NULL, &row, &rows));
    assert_false(look("two", NULL, &row, &rows));
    // What only the recorder knows is nobody's, unless the reply says whose.
    const struct requests_reply answer = reply("two");
    struct requests_reply named = reply("three");
    named.user_id = b("18");
    assert_true(complete(&answer) == 1 && complete(&named) == 1);
    assert_false(look("two", "17", &row, &rows));
    assert_true(look("two", NULL, &row, &rows) && row.user_id.data == NULL);
    assert_true(look("three", "18", &row, &rows) && row.created_at_ms == NOW + 5);
    // The gateway's word counts.
    const struct requests_made three = made("three");
    store(&three);
    assert_false(look("three", "18", &row, &rows));
    assert_true(look("three", "17", &row, &rows) && row.created_at_ms == NOW);
}

static void the_first_reply_of_a_request_stays(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    struct requests_reply first = reply("one"), second = reply("one");
    first.result_id = (struct bytes){0};
    first.missing_inputs = (struct bytes){0};
    first.error_code = b("employee-left");
    first.error_text = b("the employee has left");
    first.employee_id = b("1042");
    assert_int_equal(complete(&first), 1);
    assert_int_equal(complete(&second), 0);
    assert_true(look("one", NULL, &row, &rows));
    assert_true(row.state == REQUESTS_FAILED && is(row.error_code, "employee-left") &&
                is(row.error_text, "the employee has left") && row.result_id.data == NULL);
    assert_true(!row.has_missing_inputs && is(row.employee_id, "1042"));
    // Also within one batch.
    struct why why = {0};
    size_t completed = 0;
    struct requests_reply both[] = {reply("two"), reply("two"), reply("three")};
    both[1].result_id = b("other");
    both[2].missing_inputs = b("");
    assert_ok(requests_complete(pg, both, 3, &completed, &why), &why);
    assert_int_equal(completed, 2);
    assert_true(look("two", NULL, &row, &rows) && is(row.result_id, "score-requests/3/17"));
    assert_true(look("three", NULL, &row, &rows));
    assert_true(row.has_missing_inputs && row.missing_count == 0);
}

static void what_is_open_for_a_day_reads_as_expired_until_its_reply_comes(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    struct why why = {0};
    size_t changed = 0;
    struct requests_made asked = made("old");
    asked.created_at_ms = NOW + 100 - DAY - 1;
    store(&asked);
    struct requests_made young = made("young");
    young.created_at_ms = NOW + 100 - DAY;
    store(&young);
    assert_true(look("old", "17", &row, &rows) && row.state == REQUESTS_EXPIRED);
    assert_true(look("young", "17", &row, &rows) && row.state == REQUESTS_ACCEPTED);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM http_request WHERE state = 'accepted'"), 2);
    assert_ok(requests_expire(pg, NOW + 100, 10, &changed, &why), &why);
    assert_int_equal(changed, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM http_request WHERE state = 'expired'"), 1);
    store(&asked); // changes no state
    assert_true(look("old", "17", &row, &rows) && row.state == REQUESTS_EXPIRED);
    const struct requests_reply answer = reply("old");
    assert_int_equal(complete(&answer), 1);
    assert_true(look("old", "17", &row, &rows) && row.state == REQUESTS_DONE);
    assert_ok(requests_expire(pg, NOW + 100, 10, &changed, &why), &why);
    assert_int_equal(changed, 0);
}

static void old_requests_are_deleted_a_few_at_a_time(void **state)
{
    (void)state;
    struct why why = {0};
    size_t deleted = 0, all = 0;
    pg_must(pg,
            "INSERT INTO http_request (id, kind, created_at) SELECT i, 'plan', "
            "to_timestamp(1790000000) - i * interval '1 day' FROM generate_series(1, 100) AS i");
    do {
        assert_ok(requests_clean(pg, NOW - 30 * DAY, 7, &deleted, &why), &why);
        assert_true(deleted <= 7);
        all += deleted;
    } while (deleted > 0);
    assert_int_equal(all, 70);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM http_request"), 30);
}

// ---- many, from both sides

enum { MANY = 400 };
static char many_ids[MANY][16];

// Two gateways (0, 2) and two recorders (1, 3).
static void write_many(struct rival *rival)
{
    static struct requests_made asked[RIVALS][MANY];
    static struct requests_reply answers[RIVALS][MANY];
    size_t completed = 0, side = rival->number;
    for (size_t i = 0; i < MANY; i++) {
        // Each its own order.
        const char *id = many_ids[(i * 7 + rival->number * 31) % MANY];
        asked[side][i] = made(id);
        answers[side][i] = reply(id);
    }
    for (int i = 0; i < 20 && rival->err == ERR_OK; i++)
        rival->err =
            rival->number % 2 == 0
                ? requests_store(rival->pg, asked[side], MANY, &rival->why)
                : requests_complete(rival->pg, answers[side], MANY, &completed, &rival->why);
}

static void both_sides_write_the_same_rows_without_a_deadlock(void **state)
{
    (void)state;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    for (size_t i = 0; i < MANY; i++)
        snprintf(many_ids[i], sizeof many_ids[i], "id-%zu", i);
    rivals_meet(rivals, 4, write_many, NULL);
    rivals_close(rivals);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM http_request WHERE user_id = '17' AND "
                                  "state = 'done' AND is_sent"),
                     MANY);
}

static void nothing_is_also_a_batch(void **state)
{
    (void)state;
    struct why why = {0};
    size_t completed = 9;
    assert_ok(requests_store(pg, NULL, 0, &why), &why);
    assert_ok(requests_complete(pg, NULL, 0, &completed, &why), &why);
    assert_int_equal(completed, 0);
    struct requests_made bad = made("");
    assert_err(requests_store(pg, &bad, 1, &why), ERR_REJECT, &why);
}

// ---- idempotency keys

static struct requests_claim claim_of(const char *id, const char *key, const char *body)
{
    struct requests_claim claim = {
        .request = made(id), .key = b(key), .abandoned_before_ms = NOW - 60000};
    claim.request.body_sha256 = b(body);
    return claim;
}

static bool claim(const struct requests_claim *one, struct requests_row *ret, struct pg_rows **rows)
{
    struct why why = {0};
    bool is_new = false;
    pg_rows_free(TAKE(*rows));
    assert_ok(requests_claim(pg, one, &is_new, ret, rows, &why), &why);
    return is_new;
}

static void a_key_belongs_to_the_first_request_that_brings_it(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    const struct requests_claim first = claim_of("one", "k", "body-1");
    struct requests_claim second = claim_of("two", "k", "body-2");
    assert_true(claim(&first, &row, &rows));
    assert_true(row.state == REQUESTS_ACCEPTED && !row.is_sent);
    assert_true(claim(&first, &row, &rows)); // sent again
    assert_false(claim(&second, &row, &rows));
    assert_true(is(row.id, "one") && is(row.body_sha256, "body-1") && !row.is_sent);
    // Of another user, of another kind, another key: no business of this one.
    second.request.user_id = b("18");
    assert_true(claim(&second, &row, &rows));
    second = claim_of("three", "k", "body-2");
    second.request.kind = REQUESTS_PLAN;
    assert_true(claim(&second, &row, &rows));
    second = claim_of("four", "K", "body-2");
    assert_true(claim(&second, &row, &rows));
    // Stored, answered, asked again.
    store(&first.request);
    const struct requests_reply answer = reply("one");
    assert_int_equal(complete(&answer), 1);
    second = claim_of("five", "k", "body-1");
    assert_false(claim(&second, &row, &rows));
    assert_true(row.state == REQUESTS_DONE && row.is_sent && row.missing_count == 2 &&
                is(row.result_id, "score-requests/3/17"));
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM http_request"), 4);
}

static void a_key_is_free_again_when_its_request_came_to_nothing_or_its_life_is_over(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    struct why why = {0};
    size_t changed = 0;
    struct requests_claim one = claim_of("one", "k", "body-1"), two = claim_of("two", "k", "other");
    assert_true(claim(&one, &row, &rows));
    assert_ok(requests_release(pg, b("one"), &why), &why);
    assert_true(claim(&two, &row, &rows));
    store(&two.request);
    const struct requests_reply answer = reply("two");
    assert_int_equal(complete(&answer), 1);
    assert_ok(requests_release(pg, b("two"), &why), &why); // completed: it stays
    assert_false(claim(&one, &row, &rows));
    // A day later. What the old request came to can still be read.
    one.request.created_at_ms = NOW + DAY;
    assert_false(claim(&one, &row, &rows));
    one.request.created_at_ms = NOW + DAY + 1;
    assert_true(claim(&one, &row, &rows));
    assert_true(is(row.body_sha256, "body-1"));
    assert_true(look("two", "17", &row, &rows) && row.state == REQUESTS_DONE);
    // Tidied up by the way: the key of "one" is then free for somebody new.
    store(&one.request);
    assert_ok(requests_expire(pg, NOW + 2 * DAY + 2, 10, &changed, &why), &why);
    assert_int_equal(changed, 1);
    assert_int_equal(
        pg_value(pg, "SELECT count(*) FROM http_request WHERE idempotency_key IS NOT NULL"), 0);
}

static void a_claim_that_its_gateway_died_with_is_taken_over(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    const struct requests_claim dead = claim_of("dead", "k", "body-1");
    struct requests_claim next = claim_of("next", "k", "body-2");
    assert_true(claim(&dead, &row, &rows));
    next.abandoned_before_ms = NOW;
    assert_false(claim(&next, &row, &rows));
    next.abandoned_before_ms = NOW + 1;
    next.request.created_at_ms = NOW + 60000;
    assert_true(claim(&next, &row, &rows));
    assert_true(is(row.id, "next") && is(row.body_sha256, "body-2") &&
                row.created_at_ms == NOW + 60000);
    assert_false(look("dead", NULL, &row, &rows));
    // One that was sent is waited for, however old.
    store(&next.request);
    struct requests_claim third = claim_of("third", "k", "body-3");
    third.abandoned_before_ms = NOW + DAY / 2;
    assert_false(claim(&third, &row, &rows));
    assert_true(is(row.id, "next"));
}

static void what_the_gateway_did_itself_is_answered_again(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    static struct requests_row row;
    struct why why = {0};
    struct requests_claim one = claim_of("one", "k", "body-1");
    one.request.kind = REQUESTS_CHANGE;
    assert_true(claim(&one, &row, &rows));
    assert_ok(requests_finish(pg, b("one"), b("{\"rows\":3}"), (struct bytes){0}, (struct bytes){0},
                              NOW + 7, &why),
              &why);
    assert_ok(requests_finish(pg, b("one"), b("{}"), b("x"), b("y"), NOW + 8, &why), &why);
    struct requests_claim two = claim_of("two", "k", "body-1");
    two.request.kind = REQUESTS_CHANGE;
    assert_false(claim(&two, &row, &rows));
    assert_true(row.kind == REQUESTS_CHANGE && row.state == REQUESTS_DONE && row.is_sent);
    assert_true(is(row.answer, "{\"rows\":3}") && row.completed_at_ms == NOW + 7);
    struct requests_claim three = claim_of("three", "other", "body-1");
    three.request.kind = REQUESTS_CHANGE;
    assert_true(claim(&three, &row, &rows));
    assert_ok(
        requests_finish(pg, b("three"), (struct bytes){0}, b("bad-row"), b("row 1"), NOW, &why),
        &why);
    assert_true(look("three", "17", &row, &rows) && row.state == REQUESTS_FAILED &&
                is(row.error_code, "bad-row") && row.answer.data == NULL);
    assert_string_equal(requests_kind_name(REQUESTS_CHANGE), "change");
    assert_string_equal(requests_state_name(REQUESTS_EXPIRED), "expired");
}

struct keys {
    int round;
    int64_t at_ms;
    bool is_new[RIVALS];
    char ids[RIVALS][40];
};

static void claim_at_once(struct rival *rival)
{
    struct keys *keys = rival->context;
    static struct requests_row rows_of[RIVALS];
    struct pg_rows *rows = NULL;
    char id[40], key[16];
    snprintf(id, sizeof id, "r-%d-%zu-%lld", keys->round, rival->number, (long long)keys->at_ms);
    snprintf(key, sizeof key, "k-%d", keys->round);
    struct requests_claim one = claim_of(id, key, "body");
    one.request.created_at_ms = keys->at_ms;
    rival->err = requests_claim(rival->pg, &one, &keys->is_new[rival->number],
                                &rows_of[rival->number], &rows, &rival->why);
    if (rival->err == ERR_OK)
        snprintf(keys->ids[rival->number], 40, "%.*s", (int)rows_of[rival->number].id.len,
                 (const char *)rows_of[rival->number].id.data);
    pg_rows_free(rows);
}

static void of_many_who_bring_a_key_at_once_one_has_it_and_all_know_whose_it_is(void **state)
{
    (void)state;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    for (int i = 0; i < 40; i++) {
        // A new key, then the same one after its life.
        for (int64_t at_ms = NOW; at_ms <= NOW + DAY + 1; at_ms += DAY + 1) {
            struct keys keys = {.round = i, .at_ms = at_ms};
            rivals_meet(rivals, RIVALS, claim_at_once, &keys);
            size_t winners = 0;
            for (size_t k = 0; k < RIVALS; k++) {
                winners += keys.is_new[k];
                assert_string_equal(keys.ids[k], keys.ids[0]);
            }
            assert_int_equal(winners, 1);
            // Sent, so that its age alone frees the key.
            pg_must(pg, "UPDATE http_request SET is_sent = true");
        }
    }
    rivals_close(rivals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(gateway_and_recorder_may_come_in_any_order),
        IN_DATABASE(a_request_is_seen_by_who_made_it),
        IN_DATABASE(the_first_reply_of_a_request_stays),
        IN_DATABASE(what_is_open_for_a_day_reads_as_expired_until_its_reply_comes),
        IN_DATABASE(old_requests_are_deleted_a_few_at_a_time),
        IN_DATABASE(both_sides_write_the_same_rows_without_a_deadlock),
        IN_DATABASE(nothing_is_also_a_batch),
        IN_DATABASE(a_key_belongs_to_the_first_request_that_brings_it),
        IN_DATABASE(a_key_is_free_again_when_its_request_came_to_nothing_or_its_life_is_over),
        IN_DATABASE(a_claim_that_its_gateway_died_with_is_taken_over),
        IN_DATABASE(what_the_gateway_did_itself_is_answered_again),
        IN_DATABASE(of_many_who_bring_a_key_at_once_one_has_it_and_all_know_whose_it_is),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
