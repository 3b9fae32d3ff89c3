// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/sessions.h"
#include "store/users.h"
#include "support/gateway_pg.h"

#define HASH_1 "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaDE"
#define HASH_2 "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaDI"
#define NOW    INT64_C(1790000000000)
#define LATER  (NOW + INT64_C(30) * 86400000)

static int64_t create(const char *name)
{
    struct why why = {0};
    bool is_created = false;
    int64_t id = 0;
    assert_ok(users_create(pg, b(name), b(HASH_1), "hr", &is_created, &id, &why), &why);
    // Long ago, so that it differs from every other time here.
    pg_must(pg, "UPDATE users SET password_changed_at = to_timestamp(1000)");
    return id;
}
enum { CHANGED_MS = 1000000 };

static void issue(int64_t id, const char *family, unsigned token)
{
    struct why why = {0};
    char hash[65];
    bool is_issued = false;
    int64_t iat_ms = -1;
    assert_ok(sessions_issue(pg, id, CHANGED_MS, hash_of(token, hash), b(family), NOW, LATER,
                             &is_issued, &iat_ms, &why),
              &why);
    assert_true(is_issued);
}

static enum sessions_spending spend(unsigned token, unsigned successor, int64_t now_ms)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    char hash[65], next[65];
    struct sessions_spent spent = {.outcome = SESSIONS_UNKNOWN};
    assert_ok(sessions_spend(pg, hash_of(token, hash), hash_of(successor, next), now_ms, LATER,
                             &spent, &rows, &why),
              &why);
    return spent.outcome;
}

static void a_refresh_token_is_spent_once_and_replaced(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    char hash[65], next[65];
    int64_t anna = create("anna");
    issue(anna, "family", 1);
    issue(anna, "family", 1); // sent again
    struct sessions_spent spent = {0};
    assert_ok(
        sessions_spend(pg, hash_of(1, hash), hash_of(2, next), NOW + 5, LATER, &spent, &rows, &why),
        &why);
    assert_int_equal(spent.outcome, SESSIONS_SPENT);
    assert_true(spent.user_id == anna && is(spent.username, "anna") && is(spent.role, "hr"));
    assert_true(is(spent.family, "family") && spent.iat_from_ms == 0);
    // The role is what it is now, not what it was at the login.
    pg_must(pg, "UPDATE users SET role = 'viewer'");
    pg_rows_free(TAKE(rows));
    assert_ok(
        sessions_spend(pg, hash_of(2, hash), hash_of(3, next), NOW + 6, LATER, &spent, &rows, &why),
        &why);
    assert_true(spent.outcome == SESSIONS_SPENT && is(spent.role, "viewer"));
    assert_int_equal(spend(99, 100, NOW), SESSIONS_UNKNOWN);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_token"), 3);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_family"), 1);
}

static void a_spent_token_that_comes_again_ends_all_that_followed_from_its_login(void **state)
{
    (void)state;
    int64_t anna = create("anna");
    issue(anna, "family", 1);
    issue(anna, "other", 10);
    assert_int_equal(spend(1, 2, NOW + 1), SESSIONS_SPENT);
    assert_int_equal(spend(2, 3, NOW + 2), SESSIONS_SPENT);
    assert_int_equal(spend(1, 4, NOW + 3), SESSIONS_REPEATED);
    assert_int_equal(spend(3, 5, NOW + 4), SESSIONS_REVOKED);
    assert_int_equal(spend(1, 6, NOW + 5), SESSIONS_REVOKED);
    assert_int_equal(spend(10, 11, NOW + 6), SESSIONS_SPENT); // another login of the same user
    assert_int_equal(pg_value(pg, "SELECT extract(epoch FROM issued_before) * 1000 FROM "
                                  "revoked_token WHERE kind = 'user'"),
                     NOW + 3);
    assert_int_equal(pg_value(pg, "SELECT id FROM revoked_token"), anna);
    assert_int_equal(
        pg_value(pg, "SELECT extract(epoch FROM expires_at) * 1000 FROM revoked_token"),
        NOW + 3 + SESSIONS_ACCESS_MAX_MS);
}

static void the_same_refresh_sent_again_has_the_same_answer(void **state)
{
    (void)state;
    issue(create("anna"), "family", 1);
    assert_int_equal(spend(1, 2, NOW + 1), SESSIONS_SPENT);
    assert_int_equal(spend(1, 2, NOW + 2), SESSIONS_SPENT);
    assert_int_equal(spend(2, 3, NOW + 3), SESSIONS_SPENT);
    assert_int_equal(spend(1, 2, NOW + 4), SESSIONS_SPENT);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_token"), 3);
}

static void a_token_ends_with_its_time_and_with_its_account(void **state)
{
    (void)state;
    struct why why = {0};
    int64_t anna = create("anna");
    bool is_found = false;
    issue(anna, "one", 1);
    issue(anna, "two", 2);
    assert_int_equal(spend(1, 3, LATER), SESSIONS_EXPIRED);
    assert_int_equal(spend(1, 3, LATER - 1), SESSIONS_SPENT);
    pg_must(pg, "UPDATE users SET is_disabled = true"); // by hand: no session was revoked
    assert_int_equal(spend(2, 4, NOW), SESSIONS_REVOKED);
    pg_must(pg, "DELETE FROM users");
    assert_int_equal(spend(2, 4, NOW), SESSIONS_REVOKED);
    assert_ok(users_enable(pg, anna, &is_found, &why), &why);
    assert_false(is_found);
}

static void a_logout_ends_one_login_of_ones_own(void **state)
{
    (void)state;
    struct why why = {0};
    char hash[65];
    bool is_found = false;
    int64_t anna = create("anna"), bert = create("bert");
    issue(anna, "one", 1);
    issue(anna, "two", 2);
    assert_int_equal(spend(1, 3, NOW), SESSIONS_SPENT);
    assert_ok(sessions_revoke_family(pg, bert, hash_of(3, hash), NOW, &is_found, &why), &why);
    assert_false(is_found);
    assert_ok(sessions_revoke_family(pg, anna, hash_of(9, hash), NOW, &is_found, &why), &why);
    assert_false(is_found);
    assert_ok(sessions_revoke_family(pg, anna, hash_of(3, hash), NOW, &is_found, &why), &why);
    assert_true(is_found);
    assert_int_equal(spend(3, 4, NOW), SESSIONS_REVOKED);
    assert_int_equal(spend(2, 5, NOW), SESSIONS_SPENT);
    // All of them, on every device.
    assert_ok(sessions_revoke_user(pg, anna, NOW + 9, &why), &why);
    assert_int_equal(spend(5, 6, NOW + 10), SESSIONS_REVOKED);
    issue(anna, "three", 20);
    assert_int_equal(spend(20, 21, NOW + 11), SESSIONS_SPENT);
}

static void a_login_is_told_from_when_on_its_tokens_are_good(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    char hash[65], next[65];
    int64_t anna = create("anna"), iat_ms = -1;
    bool is_issued = false;
    struct sessions_spent spent = {0};
    assert_ok(sessions_issue(pg, anna, CHANGED_MS, hash_of(1, hash), b("one"), NOW, LATER,
                             &is_issued, &iat_ms, &why),
              &why);
    assert_true(is_issued && iat_ms == 0);
    assert_ok(sessions_revoke_user(pg, anna, NOW + 777, &why), &why);
    assert_ok(sessions_revoke_user(pg, anna, NOW + 700, &why), &why); // a clock that is behind
    assert_ok(sessions_issue(pg, anna, CHANGED_MS, hash_of(2, hash), b("two"), NOW + 800, LATER,
                             &is_issued, &iat_ms, &why),
              &why);
    assert_true(is_issued && iat_ms == NOW + 1001);
    assert_ok(sessions_spend(pg, hash_of(2, hash), hash_of(3, next), NOW + 900, LATER, &spent,
                             &rows, &why),
              &why);
    assert_true(spent.outcome == SESSIONS_SPENT && spent.iat_from_ms == NOW + 1001);
    // The password that was checked is not the one of now.
    assert_ok(sessions_issue(pg, anna, CHANGED_MS + 1, hash_of(9, hash), b("nine"), NOW, LATER,
                             &is_issued, &iat_ms, &why),
              &why);
    assert_false(is_issued);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_token WHERE family = 'nine'"), 0);
}

// ---- at the same moment

struct race {
    unsigned token;
    unsigned successors[RIVALS];
    enum sessions_spending outcomes[RIVALS];
    int64_t user_id;
    bool is_issued;
};

static void spend_at_once(struct rival *rival)
{
    struct race *race = rival->context;
    struct pg_rows *rows = NULL;
    char hash[65], next[65];
    struct sessions_spent spent = {.outcome = SESSIONS_UNKNOWN};
    rival->err = sessions_spend(rival->pg, hash_of(race->token, hash),
                                hash_of(race->successors[rival->number], next), NOW, LATER, &spent,
                                &rows, &rival->why);
    race->outcomes[rival->number] = spent.outcome;
    pg_rows_free(rows);
}

static void of_many_who_spend_a_token_at_once_one_does_and_its_family_ends(void **state)
{
    (void)state;
    enum { ROUNDS = 40 };
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    int64_t anna = create("anna");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct race race = {.token = 1000 * i + 1};
        char family[32];
        snprintf(family, sizeof family, "family-%u", i);
        issue(anna, family, race.token);
        for (unsigned k = 0; k < RIVALS; k++)
            race.successors[k] = race.token + 1 + k;
        rivals_meet(rivals, RIVALS, spend_at_once, &race);
        unsigned winner = 0;
        size_t won = 0, repeated = 0;
        for (unsigned k = 0; k < RIVALS; k++) {
            if (race.outcomes[k] == SESSIONS_SPENT)
                winner = race.successors[k];
            won += race.outcomes[k] == SESSIONS_SPENT;
            repeated += race.outcomes[k] == SESSIONS_REPEATED;
            assert_true(race.outcomes[k] != SESSIONS_UNKNOWN &&
                        race.outcomes[k] != SESSIONS_EXPIRED);
        }
        assert_int_equal(won, 1);
        assert_int_equal(repeated, 1); // the next to come; those behind find it revoked
        assert_int_equal(spend(winner, race.token + 500, NOW), SESSIONS_REVOKED);
    }
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_token"), 2 * ROUNDS);
    rivals_close(rivals);
}

static void refresh_or_revoke(struct rival *rival)
{
    struct race *race = rival->context;
    if (rival->number == 0)
        spend_at_once(rival);
    else
        rival->err = sessions_revoke_user(rival->pg, race->user_id, NOW, &rival->why);
}

static void a_refresh_does_not_slip_out_of_a_revocation(void **state)
{
    (void)state;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    int64_t anna = create("anna");
    for (unsigned i = 0; i < 100; i++) {
        struct race race = {.token = 10 * i + 1, .user_id = anna, .successors = {10 * i + 2}};
        char family[32];
        snprintf(family, sizeof family, "family-%u", i);
        issue(anna, family, race.token);
        rivals_meet(rivals, 2, refresh_or_revoke, &race);
        assert_int_equal(spend(10 * i + 2, 10 * i + 3, NOW),
                         race.outcomes[0] == SESSIONS_SPENT ? SESSIONS_REVOKED : SESSIONS_UNKNOWN);
    }
    rivals_close(rivals);
}

static void log_in_or_change(struct rival *rival)
{
    struct race *race = rival->context;
    char hash[65];
    int64_t iat_ms = 0;
    bool is_changed = false;
    if (rival->number == 0)
        rival->err =
            sessions_issue(rival->pg, race->user_id, CHANGED_MS, hash_of(race->token, hash),
                           b("family"), NOW, LATER, &race->is_issued, &iat_ms, &rival->why);
    else if (rival->number == 1)
        rival->err = users_set_password(rival->pg, race->user_id, 0, b(HASH_2), NOW, &is_changed,
                                        &rival->why);
    else
        rival->err = users_disable(rival->pg, race->user_id, NOW, &is_changed, &rival->why);
}

static void a_login_with_the_old_password_does_not_outlive_its_change(void **state)
{
    (void)state;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    size_t issued = 0;
    for (unsigned i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "user-%u", i);
        struct race race = {.token = 10 * i + 1, .user_id = create(name)};
        // With every second one the account is disabled as well.
        rivals_meet(rivals, 2 + i % 2, log_in_or_change, &race);
        issued += race.is_issued;
        assert_int_equal(spend(10 * i + 1, 10 * i + 2, NOW),
                         race.is_issued ? SESSIONS_REVOKED : SESSIONS_UNKNOWN);
        pg_must(pg, "TRUNCATE refresh_token, refresh_family");
    }
    print_message("%zu of 100 logins were in time and ended\n", issued);
    rivals_close(rivals);
}

// ---- revoked access tokens

static size_t revocations(int64_t since_ms, struct sessions_revocation *ret, size_t max,
                          int64_t *ret_since_ms, struct pg_rows **rows)
{
    struct why why = {0};
    size_t count = 0;
    pg_rows_free(TAKE(*rows));
    assert_ok(sessions_revocations(pg, since_ms, ret, max, &count, ret_since_ms, rows, &why), &why);
    return count;
}

#define FAR INT64_C(4102444800000) // 2100

static void a_gateway_reads_what_was_revoked_since_it_last_looked(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct sessions_revocation seen[8];
    int64_t since_ms = -1;
    assert_int_equal(revocations(0, seen, 8, &since_ms, &rows), 0);
    assert_true(since_ms > 0);
    assert_ok(sessions_revoke_token(pg, b("jti-1"), FAR, &why), &why);
    assert_ok(sessions_revoke_token(pg, b("jti-1"), FAR, &why), &why);
    assert_ok(sessions_revoke_token(pg, b("over"), NOW / 2, &why), &why);
    assert_ok(sessions_revoke_user(pg, 17, FAR - 5, &why), &why);
    int64_t next_ms = 0;
    assert_int_equal(revocations(since_ms, seen, 8, &next_ms, &rows), 2);
    assert_true(!seen[0].is_user && is(seen[0].id, "jti-1") && seen[0].expires_at_ms == FAR);
    assert_true(seen[1].is_user && is(seen[1].id, "17") && seen[1].issued_before_ms == FAR - 5);
    assert_true(next_ms >= since_ms);

    // Long after, they are not read again; what a user's revocation has become is.
    pg_must(pg, "UPDATE revoked_token SET revoked_at = revoked_at - interval '1 hour'");
    assert_int_equal(revocations(next_ms, seen, 8, &since_ms, &rows), 0);
    assert_ok(sessions_revoke_user(pg, 17, FAR + 2000, &why), &why);
    assert_int_equal(revocations(since_ms, seen, 8, &since_ms, &rows), 1);
    assert_true(seen[0].is_user && seen[0].issued_before_ms == FAR + 2000);
    // One that starts reads all.
    assert_int_equal(revocations(0, seen, 8, &since_ms, &rows), 2);
}

// A token that was issued behind a revocation carries the next whole second.
static void a_further_revocation_in_the_same_second_ends_what_was_issued_between(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct sessions_revocation seen[8];
    int64_t since_ms = 0;
    static const struct {
        int64_t revoked_ms, issued_before_ms;
    } steps[] = {{FAR + 100, FAR + 100},
                 {FAR + 800, FAR + 1001},
                 {FAR + 1001, FAR + 2001},
                 {FAR + 9000, FAR + 9000}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_ok(sessions_revoke_user(pg, 18, steps[i].revoked_ms, &why), &why);
        assert_int_equal(revocations(0, seen, 8, &since_ms, &rows), 1);
        assert_int_equal(seen[0].issued_before_ms, steps[i].issued_before_ms);
    }
}

static void a_transaction_that_ends_late_is_not_missed(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(pg_close_p) struct pg *slow = pg_server_connect(url, sql_gateway_session);
    struct sessions_revocation seen[8];
    int64_t since_ms = 0;
    pg_must(slow, "BEGIN");
    assert_ok(sessions_revoke_token(slow, b("slow"), FAR, &why), &why);
    assert_ok(sessions_revoke_token(pg, b("quick"), FAR, &why), &why);
    assert_int_equal(revocations(0, seen, 8, &since_ms, &rows), 1);
    pg_must(slow, "COMMIT");
    assert_int_equal(revocations(since_ms, seen, 8, &since_ms, &rows), 2);
    assert_true(is(seen[0].id, "slow"));
}

static void many_revocations_come_page_by_page(void **state)
{
    (void)state;
    enum { MANY = 100, PAGE = 8 };
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct sessions_revocation seen[PAGE];
    bool is_seen[MANY] = {false};
    int64_t since_ms = 0;
    size_t count = 0, pages = 0;
    pg_must(pg, "INSERT INTO revoked_token (kind, id, expires_at, revoked_at) SELECT 'token', i, "
                "'2100-01-01', now() - (200 - i) * interval '3 ms' FROM generate_series(0, 99) AS "
                "i");
    do {
        count = revocations(since_ms, seen, PAGE, &since_ms, &rows);
        for (size_t i = 0; i < count; i++)
            is_seen[strtol((const char *)seen[i].id.data, NULL, 10)] = true;
        assert_true(++pages < MANY);
    } while (count == PAGE);
    for (size_t i = 0; i < MANY; i++)
        assert_true(is_seen[i]);
}

// ---- cleaning

static void what_is_over_is_deleted_and_nothing_else(void **state)
{
    (void)state;
    struct why why = {0};
    size_t deleted = 0;
    char hash[65];
    int64_t anna = create("anna");
    issue(anna, "old", 1);
    assert_int_equal(spend(1, 2, NOW), SESSIONS_SPENT);
    pg_must(pg, "UPDATE refresh_token SET expires_at = to_timestamp(1790000000) WHERE used_at IS "
                "NOT NULL");
    issue(anna, "new", 3);
    assert_ok(sessions_revoke_token(pg, b("over"), NOW, &why), &why);
    assert_ok(sessions_revoke_token(pg, b("good"), NOW + 1, &why), &why);
    assert_ok(users_invite(pg, hash_of(1, hash), "hr", NOW - INT64_C(31) * 86400000, &why), &why);
    assert_ok(users_invite(pg, hash_of(2, hash), "hr", NOW - INT64_C(29) * 86400000, &why), &why);
    pg_must(pg, "INSERT INTO signing_key (kid, public_key, sealed_key, signs_from, verifies_until) "
                "SELECT k, decode(repeat('00', 32), 'hex'), '', 'epoch', t FROM (VALUES ('a', "
                "to_timestamp(1790000000 - 90000)), ('b', to_timestamp(1790000000 - 80000)), ('c', "
                "NULL)) AS k (k, t)");
    pg_must(pg, "INSERT INTO login_throttle SELECT s, d, 1, 'epoch', 'epoch', "
                "to_timestamp(1790000000) - d * interval '1 day' FROM (VALUES ('account'), "
                "('address'), ('pair')) AS s (s), (VALUES (1), (3), (179), (181)) AS d (d)");
    // Two at most of each kind, until nothing is left to do.
    size_t all = 0, passes = 0;
    do {
        assert_ok(sessions_clean(pg, NOW, 2, &deleted, &why), &why);
        all += deleted;
    } while (deleted > 0 && ++passes < 20);
    assert_int_equal(all, 1 + 1 + 1 + 1 + 7);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_token"), 2);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_family"), 2);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM revoked_token WHERE id = 'good'"), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM signing_key WHERE kid IN ('b', 'c')"), 2);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM login_throttle WHERE scope = 'pair'"), 3);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM login_throttle WHERE scope <> 'pair' AND "
                                  "subject = '1'"),
                     2);
    assert_ok(sessions_clean(pg, LATER, 100, &deleted, &why), &why);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_token"), 0);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM refresh_family"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(a_refresh_token_is_spent_once_and_replaced),
        IN_DATABASE(a_spent_token_that_comes_again_ends_all_that_followed_from_its_login),
        IN_DATABASE(the_same_refresh_sent_again_has_the_same_answer),
        IN_DATABASE(a_token_ends_with_its_time_and_with_its_account),
        IN_DATABASE(a_logout_ends_one_login_of_ones_own),
        IN_DATABASE(a_login_is_told_from_when_on_its_tokens_are_good),
        IN_DATABASE(of_many_who_spend_a_token_at_once_one_does_and_its_family_ends),
        IN_DATABASE(a_refresh_does_not_slip_out_of_a_revocation),
        IN_DATABASE(a_login_with_the_old_password_does_not_outlive_its_change),
        IN_DATABASE(a_gateway_reads_what_was_revoked_since_it_last_looked),
        IN_DATABASE(a_further_revocation_in_the_same_second_ends_what_was_issued_between),
        IN_DATABASE(a_transaction_that_ends_late_is_not_missed),
        IN_DATABASE(many_revocations_come_page_by_page),
        IN_DATABASE(what_is_over_is_deleted_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
