// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <pthread.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "store/plans.h"
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
    struct why why = {0};
    assert_ok(pg_exec(pg, sql_retention_session, NULL, 0, NULL, &why), &why);
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

static struct plans_claim claim(const char *plan, int32_t attempt)
{
    return (struct plans_claim){.plan_id = b(plan),
                                .attempt = attempt,
                                .provider = b("gemini"),
                                .model_name = b("asked-for"),
                                .prompt_sha256 = b("hash"),
                                .language = b("en"),
                                .claimed_at_ms = 1700000000000};
}

static struct plans_result accepted(const char *plan, int32_t attempt)
{
    return (struct plans_result){.plan_id = b(plan),
                                 .attempt = attempt,
                                 .finished_at_ms = 1700000001000,
                                 .outcome = b(PLANS_ACCEPTED),
                                 .model_name = b("answered"),
                                 .actions = {b("One."), b("Two."), b("Three.")},
                                 .input_tokens = 512,
                                 .output_tokens = PLAN_NO_TOKENS,
                                 .cost_microusd = 77};
}

static bool claim_one(const char *owner, const struct plans_claim *one)
{
    struct why why = {0};
    bool is_claimed = false;
    assert_ok(plans_claim(pg, owner, one, 1, &is_claimed, &why), &why);
    return is_claimed;
}

static struct plans_stored store_one(const char *owner, const struct plans_result *one,
                                     struct pg_rows **rows)
{
    struct why why = {0};
    struct plans_stored stored = {0};
    assert_ok(plans_store(pg, owner, one, 1, &stored, rows, &why), &why);
    return stored;
}

static bool is(struct bytes text, const char *expected)
{
    return text.data != NULL && bytes_equal_string(text, expected);
}

static void an_attempt_is_claimed_by_one(void **state)
{
    (void)state;
    struct why why = {0};
    const struct plans_claim claims[] = {claim("p/0/1", 1), claim("p/0/2", 1), claim("p/0/3", 2)};
    bool is_claimed[3] = {false, false, false};
    assert_ok(plans_claim(pg, "me", claims, 2, is_claimed, &why), &why);
    assert_true(is_claimed[0] && is_claimed[1]);
    // The same again by the same process, whose connection may have been lost.
    assert_ok(plans_claim(pg, "me", claims, 3, is_claimed, &why), &why);
    assert_true(is_claimed[0] && is_claimed[1] && is_claimed[2]);
    assert_ok(plans_claim(pg, "other", claims, 3, is_claimed, &why), &why);
    assert_false(is_claimed[0] || is_claimed[1] || is_claimed[2]);
    const struct plans_claim next = claim("p/0/1", 2);
    assert_true(claim_one("other", &next));
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call WHERE claimed_by = 'me' "
                                  "AND provider = 'gemini' AND model_name = 'asked-for' "
                                  "AND prompt_sha256 = 'hash' AND language = 'en' "
                                  "AND copied_from IS NULL AND outcome IS NULL AND claimed_at = "
                                  "'epoch'::timestamptz + 1700000000000 * interval '1 ms'"),
                     3);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call"), 4);
}

static void a_plan_with_an_answer_is_not_claimed_again(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    const struct plans_claim first = claim("p/0/1", 1), second = claim("p/0/1", 2);
    const struct plans_result result = accepted("p/0/1", 1);
    assert_true(claim_one("me", &first));
    assert_true(store_one("me", &result, &rows).is_stored);
    assert_false(claim_one("me", &second));
    assert_false(claim_one("me", &first));
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call"), 1);
}

static void the_first_answer_stays_and_the_second_is_kept_as_superseded(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *first = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *second = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *again = NULL;
    const struct plans_claim claims[] = {claim("p/0/1", 1), claim("p/0/1", 2)};
    assert_true(claim_one("dead", &claims[0]) && claim_one("me", &claims[1]));
    const struct plans_result results[] = {accepted("p/0/1", 1), accepted("p/0/1", 2)};
    const struct plans_stored mine = store_one("me", &results[1], &first);
    assert_true(mine.is_stored);
    assert_null(mine.answer.plan_id.data);
    // The process that was taken for dead comes with its answer, too.
    struct plans_result late = results[0];
    late.actions[0] = b("Another.");
    const struct plans_stored theirs = store_one("dead", &late, &second);
    assert_false(theirs.is_stored);
    assert_true(is(theirs.answer.actions[0], "One.") && is(theirs.answer.model_name, "answered"));
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call WHERE attempt = 1 "
                                  "AND outcome = 'superseded' AND cost_microusd = 77"),
                     1);
    // The same result sent twice, after a lost connection: what stands is its own.
    const struct plans_stored repeated = store_one("me", &results[1], &again);
    assert_false(repeated.is_stored);
    const struct plans_answer *answer = &repeated.answer;
    assert_true(is(answer->plan_id, "p/0/1") && is(answer->provider, "gemini") &&
                is(answer->prompt_sha256, "hash") && is(answer->language, "en") &&
                is(answer->actions[0], "One.") && is(answer->actions[1], "Two.") &&
                is(answer->actions[2], "Three."));
    assert_null(answer->copied_from.data);
    assert_int_equal(answer->input_tokens, 512);
    assert_int_equal(answer->output_tokens, PLAN_NO_TOKENS);
    assert_int_equal(answer->finished_at_ms, 1700000001000);
}

static void only_the_owner_finishes_a_claim(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *none = NULL;
    const struct plans_claim first = claim("p/0/1", 1);
    assert_true(claim_one("me", &first));
    struct plans_result result = accepted("p/0/1", 1);
    assert_false(store_one("other", &result, &rows).is_stored);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call WHERE outcome IS NULL"), 1);
    result.outcome = b("wrong-language");
    result.model_name = (struct bytes){0};
    assert_true(store_one("me", &result, &none).is_stored);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call WHERE outcome = 'wrong-language' "
                                  "AND model_name = 'asked-for' AND finished_at IS NOT NULL"),
                     1);
}

static void claims_and_results_are_written_together(void **state)
{
    (void)state;
    struct why why = {0};
    const struct plans_claim first = claim("w/0/1", 1), mine = claim("w/0/2", 1);
    const struct plans_claim next[] = {claim("w/0/3", 1), claim("w/0/4", 1)};
    const struct plans_result results[] = {accepted("w/0/1", 1), accepted("w/0/2", 1)};
    struct plans_stored stored[2] = {0};
    struct pg_rows *rows = NULL;
    bool is_claimed[2] = {false, false};
    assert_true(claim_one("me", &first) && claim_one("other", &mine) && claim_one("you", &next[0]));
    assert_ok(plans_write(pg, "me", &(struct plans_claims){next, 2, is_claimed},
                          &(struct plans_results){results, 2, stored}, &rows, &why),
              &why);
    assert_false(is_claimed[0]);
    assert_true(is_claimed[1]);
    assert_true(stored[0].is_stored);
    assert_false(stored[1].is_stored); // the claim is another's
    pg_rows_free(TAKE(rows));
    // One of them alone, and neither.
    const struct plans_claim last = claim("w/0/5", 1);
    const struct plans_result ended = accepted("w/0/4", 1);
    assert_ok(plans_write(pg, "me", &(struct plans_claims){&last, 1, is_claimed},
                          &(struct plans_results){NULL, 0, NULL}, &rows, &why),
              &why);
    assert_true(is_claimed[0]);
    assert_null(rows);
    assert_ok(plans_write(pg, "me", &(struct plans_claims){NULL, 0, NULL},
                          &(struct plans_results){&ended, 1, stored}, &rows, &why),
              &why);
    assert_true(stored[0].is_stored);
    pg_rows_free(TAKE(rows));
    assert_ok(plans_write(pg, "me", &(struct plans_claims){NULL, 0, NULL},
                          &(struct plans_results){NULL, 0, NULL}, &rows, &why),
              &why);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call WHERE outcome = 'accepted'"), 2);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM llm_call WHERE finished_at IS NULL"), 3);
}

static void results_come_back_in_the_order_in_which_they_went(void **state)
{
    (void)state;
    enum { MANY = 300 };
    static struct plans_claim claims[MANY];
    static struct plans_result results[MANY];
    static struct plans_stored stored[MANY];
    static char names[MANY][16];
    bool is_claimed[MANY];
    struct why why = {0};
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "p/0/%zu", (i * 7919) % MANY);
        claims[i] = claim(names[i], 1);
        results[i] = accepted(names[i], 1);
        if (i % 3 == 0)
            results[i].outcome = b("banned-word");
    }
    assert_ok(plans_claim(pg, "me", claims, MANY, is_claimed, &why), &why);
    for (size_t i = 0; i < MANY; i += 2) { // half of them are stored already
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        assert_true(store_one("me", &results[i], &rows).is_stored);
    }
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    assert_ok(plans_store(pg, "me", results, MANY, stored, &rows, &why), &why);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(stored[i].is_stored, i % 2 == 1);
        bool has_answer = i % 2 == 0 && i % 3 != 0;
        assert_int_equal(stored[i].answer.plan_id.data != NULL, has_answer);
        assert_true(!has_answer || is(stored[i].answer.plan_id, names[i]));
    }
}

// Two processes store an answer of one plan at the same moment, over and over.
struct rival {
    struct pg *pg;
    const char *owner;
    int32_t attempt;
    int won;
};

enum { ROUNDS = 100 };
static pthread_barrier_t barrier;

// In half of the rounds together with the claim of a plan of one's own, which must not suffer.
static enum err race_write(const struct rival *rival, int round, const struct plans_result *result,
                           struct plans_stored *ret, struct pg_rows **ret_rows)
{
    if (round % 2 == 0)
        return plans_store(rival->pg, rival->owner, result, 1, ret, ret_rows, NULL);
    char plan[40];
    snprintf(plan, sizeof plan, "%s/0/%d", rival->owner, round);
    const struct plans_claim own = claim(plan, 1);
    bool is_claimed = false;
    enum err err =
        plans_write(rival->pg, rival->owner, &(struct plans_claims){&own, 1, &is_claimed},
                    &(struct plans_results){result, 1, ret}, ret_rows, NULL);
    return err == ERR_OK && !is_claimed ? ERR_FATAL : err;
}

static void *race(void *context)
{
    struct rival *rival = context;
    for (int i = 0; i < ROUNDS; i++) {
        char plan[24];
        snprintf(plan, sizeof plan, "race/0/%d", i);
        const struct plans_claim one = claim(plan, rival->attempt);
        const struct plans_result result = accepted(plan, rival->attempt);
        struct plans_stored stored = {0};
        struct pg_rows *rows = NULL;
        bool is_claimed = false;
        enum err err = plans_claim(rival->pg, rival->owner, &one, 1, &is_claimed, NULL);
        pthread_barrier_wait(&barrier);
        if (err == ERR_OK && is_claimed)
            err = race_write(rival, i, &result, &stored, &rows);
        pthread_barrier_wait(&barrier);
        bool has_one = stored.is_stored != (stored.answer.plan_id.data != NULL);
        rival->won = err == ERR_OK && is_claimed && has_one ? rival->won + stored.is_stored : -1000;
        pg_rows_free(rows);
    }
    return NULL;
}

static void of_two_answers_at_once_one_is_accepted(void **state)
{
    (void)state;
    CLEANUP(mem_free_p) char *url = pg_server_new_database(server);
    struct pg *const first = pg_server_connect(url, NULL);
    struct pg *const second = pg_server_connect(url, NULL);
    const struct sql_migration *migrations = NULL;
    size_t count = sql_migrations(&migrations);
    for (size_t i = 0; i < count; i++)
        pg_must(first, migrations[i].text);
    struct rival rivals[] = {{first, "one", 1, 0}, {second, "two", 2, 0}};
    pthread_t threads[2];
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &rivals[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    assert_int_equal(rivals[0].won + rivals[1].won, ROUNDS);
    assert_int_equal(pg_value(first, "SELECT count(*) FROM llm_call WHERE outcome = 'accepted'"),
                     ROUNDS);
    assert_int_equal(pg_value(first, "SELECT count(*) FROM llm_call WHERE outcome = 'superseded'"),
                     ROUNDS);
    pg_close(first);
    pg_close(second);
}

#define PREDICTION(id, employee, band, probability)                                                \
    "INSERT INTO predictions_history (id, timestamp, employee_id, probability, event_id, "         \
    "event_time, band, threshold, model_id, reason_1, weight_1, trigger, source_topic, "           \
    "source_partition, source_offset) VALUES ('" id "', 'epoch', '" employee "', " probability     \
    ", 'e', 'epoch', '" band "', 0.5, 'm', 'OverTime', 0.75, 'change', 't', 0, 0);"

static void a_look_tells_all_that_decides_about_a_plan(void **state)
{
    (void)state;
    pg_must(pg, PREDICTION("c/0/1", "17", "high", "0.75") PREDICTION("c/0/2", "18", "low", "0.1")
                    PREDICTION("c/0/3", "19", "unknown", "NULL"));
    pg_must(pg, "INSERT INTO risk_episode (employee_id, opened_by, opened_at, closed_at, "
                "closed_reason) VALUES ('17', 'c/0/1', 'epoch', NULL, NULL), "
                "('18', 'c/0/2', 'epoch', 'epoch', 'left'), ('20', 'c/0/4', 'epoch', 'epoch', "
                "'fell')");
    pg_must(pg, "INSERT INTO current_prediction (employee_id, event_time, scored_at, "
                "topic_partition, topic_offset, departed) VALUES ('18', 'epoch', 'epoch', 0, 5, "
                "true)");
    pg_must(pg, "INSERT INTO high_risk_facts (prediction_id, employee_id, scored_at, band, "
                "probability, fact_names, fact_values) VALUES ('c/0/1', '17', 'epoch', 'high', "
                "0.75, '{tenure,overtime}', '{\"2 to 5 years\",yes}'), "
                "('c/0/2', '18', 'epoch', 'high', 0.1, '{}', '{}')");
    const struct plans_claim claims[] = {claim("high-risk/0/1", 1), claim("high-risk/0/1", 2)};
    CLEANUP(pg_rows_free_p) struct pg_rows *stored = NULL;
    const struct plans_result result = accepted("high-risk/0/1", 2);
    assert_true(claim_one("dead", &claims[0]) && claim_one("me", &claims[1]));
    store_one("me", &result, &stored);

    const struct bytes plans[] = {b("high-risk/0/1"), b("high-risk/0/2"), b("x/0/3"), b("x/0/4")};
    const struct bytes predictions[] = {b("c/0/1"), b("c/0/2"), b("c/0/3"), b("c/0/4")};
    static struct plans_seen seen[4];
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct why why = {0};
    assert_ok(plans_look(pg, plans, predictions, 4, seen, &rows, &why), &why);

    assert_true(seen[0].is_recorded && is(seen[0].employee_id, "17"));
    assert_int_equal(seen[0].band, BAND_HIGH);
    assert_true(seen[0].probability == 0.75 && seen[0].scored_at_ms == 0);
    assert_true(is(seen[0].reasons[0].attribute, "OverTime") && seen[0].reasons[0].weight == 0.75);
    assert_null(seen[0].reasons[1].attribute.data);
    assert_false(seen[0].has_left);
    assert_int_equal(seen[0].episode, PLANS_EPISODE_OPEN);
    assert_int_equal(seen[0].attempts, 2);
    assert_int_equal(seen[0].unfinished, 1);
    assert_true(seen[0].has_facts);
    assert_int_equal(seen[0].fact_count, 2);
    assert_true(is(seen[0].facts[0][0], "tenure") && is(seen[0].facts[0][1], "2 to 5 years"));
    assert_true(is(seen[0].facts[1][0], "overtime") && is(seen[0].facts[1][1], "yes"));
    assert_true(is(seen[0].answer.plan_id, "high-risk/0/1") &&
                is(seen[0].answer.actions[2], "Three."));

    assert_true(seen[1].is_recorded && seen[1].has_left && seen[1].has_facts);
    assert_int_equal(seen[1].band, BAND_LOW);
    assert_int_equal(seen[1].episode, PLANS_EPISODE_LEFT);
    assert_int_equal(seen[1].attempts + seen[1].unfinished + (int64_t)seen[1].fact_count, 0);
    assert_null(seen[1].answer.plan_id.data);

    assert_true(seen[2].is_recorded && !seen[2].has_facts);
    assert_int_equal(seen[2].band, BAND_UNKNOWN);
    assert_int_equal(seen[2].episode, PLANS_EPISODE_NONE);

    assert_false(seen[3].is_recorded);
    assert_null(seen[3].employee_id.data);
    assert_int_equal(seen[3].episode, PLANS_EPISODE_FELL);
}

#define PLAN(id, employee, status, language, created, reused)                                      \
    "('" id "', 'p', '" employee "', '" status "', 'One.', 'Two.', 'Three.', '" language           \
    "', '" created "', NULL, " reused ")"

static void a_fresh_plan_is_the_latest_of_its_own_in_the_language(void **state)
{
    (void)state;
    pg_must(pg,
            "INSERT INTO retention_plan (plan_id, prediction_id, employee_id, status, "
            "action_1, action_2, action_3, language, created_at, refusal, reused_from) "
            "VALUES " PLAN("h/0/1", "17", "written", "en", "2026-01-01", "NULL") "," PLAN(
                "h/0/2", "17", "fallback", "en", "2026-01-02",
                "NULL") "," PLAN("h/0/3", "17", "written", "en", "2026-01-03",
                                 "'h/0/1'") "," PLAN("h/0/4", "17", "written", "fr", "2026-01-04",
                                                     "NULL") "," PLAN("h/0/5", "18", "written",
                                                                      "en", "2026-01-01",
                                                                      "NULL") ","
                                                                              "('h/0/6', 'p', "
                                                                              "'17', 'refused', "
                                                                              "NULL, NULL, NULL, "
                                                                              "'en', '2026-01-05', "
                                                                              "'left', NULL)");
    const struct bytes employees[] = {b("19"), b("17"), b("17"), b("18")};
    const struct bytes languages[] = {b("en"), b("en"), b("fr"), b("en")};
    struct plan plans[4];
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *later = NULL;
    struct why why = {0};
    const int64_t day_1 = 1767225600000; // 2026-01-01
    assert_ok(plans_fresh(pg, employees, languages, 4, day_1, plans, &rows, &why), &why);
    assert_null(plans[0].plan_id.data);
    assert_true(is(plans[1].plan_id, "h/0/2") && is(plans[1].actions[1], "Two."));
    assert_int_equal(plans[1].status, PLAN_FALLBACK);
    assert_int_equal(plans[1].created_at_ms, day_1 + 86400000);
    assert_int_equal(plans[1].input_tokens, PLAN_NO_TOKENS);
    assert_true(is(plans[2].plan_id, "h/0/4") && is(plans[3].plan_id, "h/0/5"));
    assert_ok(plans_fresh(pg, employees, languages, 4, day_1 + 1, plans, &later, &why), &why);
    assert_true(is(plans[1].plan_id, "h/0/2"));
    assert_null(plans[3].plan_id.data);
}

static void finish(const char *plan, const char *hash, const char *provider, const char *copied,
                   int64_t finished_at_ms, const char *outcome)
{
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct plans_claim one = claim(plan, 1);
    one.prompt_sha256 = b(hash);
    one.provider = b(provider);
    one.copied_from = copied == NULL ? (struct bytes){0} : b(copied);
    struct plans_result result = accepted(plan, 1);
    result.finished_at_ms = finished_at_ms;
    result.outcome = b(outcome);
    assert_true(claim_one("me", &one) && store_one("me", &result, &rows).is_stored);
}

static void an_equal_prompt_finds_the_latest_answer_that_a_model_gave(void **state)
{
    (void)state;
    finish("h/0/1", "one", "gemini", NULL, 1000, PLANS_ACCEPTED);
    finish("h/0/2", "one", "gemini", NULL, 2000, PLANS_ACCEPTED);
    finish("h/0/3", "one", "gemini", "h/0/2", 3000, PLANS_ACCEPTED); // a copy
    finish("h/0/4", "one", "rules", NULL, 4000, PLANS_ACCEPTED);
    finish("h/0/5", "one", "gemini", NULL, 5000, "wrong-language");
    finish("h/0/6", "two", "openai-compatible", NULL, 1000, PLANS_ACCEPTED);
    const struct bytes hashes[] = {b("two"), b("none"), b("one")};
    struct plans_answer answers[3];
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *later = NULL;
    struct why why = {0};
    assert_ok(plans_cached(pg, hashes, 3, 1000, answers, &rows, &why), &why);
    assert_true(is(answers[0].plan_id, "h/0/6") && is(answers[0].provider, "openai-compatible"));
    assert_null(answers[1].plan_id.data);
    assert_true(is(answers[2].plan_id, "h/0/2") && answers[2].finished_at_ms == 2000);
    assert_ok(plans_cached(pg, hashes, 3, 2001, answers, &later, &why), &why);
    for (size_t i = 0; i < 3; i++)
        assert_null(answers[i].plan_id.data);
}

static void a_claim_is_on_disk_when_it_is_made(void **state)
{
    (void)state;
    struct why why = {0};
    pg_must(pg, "SET synchronous_commit = off"); // as a database's default may be
    assert_ok(pg_exec(pg, sql_retention_session, NULL, 0, NULL, &why), &why);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM pg_settings WHERE "
                                  "name = 'synchronous_commit' AND setting = 'on'"),
                     1);
}

#define IN_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_database, close_database)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(an_attempt_is_claimed_by_one),
        IN_DATABASE(a_plan_with_an_answer_is_not_claimed_again),
        IN_DATABASE(the_first_answer_stays_and_the_second_is_kept_as_superseded),
        IN_DATABASE(only_the_owner_finishes_a_claim),
        IN_DATABASE(claims_and_results_are_written_together),
        IN_DATABASE(results_come_back_in_the_order_in_which_they_went),
        cmocka_unit_test(of_two_answers_at_once_one_is_accepted),
        IN_DATABASE(a_look_tells_all_that_decides_about_a_plan),
        IN_DATABASE(a_fresh_plan_is_the_latest_of_its_own_in_the_language),
        IN_DATABASE(an_equal_prompt_finds_the_latest_answer_that_a_model_gave),
        IN_DATABASE(a_claim_is_on_disk_when_it_is_made),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
