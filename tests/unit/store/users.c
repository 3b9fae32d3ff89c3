// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/sessions.h"
#include "store/users.h"
#include "support/gateway_pg.h"

// Hashes only look like some here: what makes them is lib/auth.
#define HASH_1 "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaDE"
#define HASH_2 "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaDI"
#define BCRYPT "$2b$10$abcdefghijklmnopqrstuuJZbYfLr3RZ3gSKjLw7cAqwVF5Jw7h2O"

enum { NOW_S = 1790000000 };
#define NOW ((int64_t)NOW_S * 1000)

static int64_t create(const char *name, const char *role)
{
    struct why why = {0};
    bool is_created = false;
    int64_t id = 0;
    assert_ok(users_create(pg, b(name), b(HASH_1), role, &is_created, &id, &why), &why);
    assert_true(is_created && id > 0);
    return id;
}

static struct users_row read_back(int64_t id, struct pg_rows **rows)
{
    struct why why = {0};
    struct users_row user = {0};
    bool is_found = false;
    assert_ok(users_read_id(pg, id, &is_found, &user, rows, &why), &why);
    assert_true(is_found);
    return user;
}

static void a_name_is_kept_in_lower_case_and_refused_where_it_is_none(void **state)
{
    (void)state;
    struct why why = {0};
    char name[USERS_NAME_MAX + 1] = "untouched";
    assert_ok(users_fold_name(b("Anna.Maria+HR_1@Example-Co.fr"), name, &why), &why);
    assert_string_equal(name, "anna.maria+hr_1@example-co.fr");
    const char *const none[] = {"ab",          "",     "with blank", "a/b/c",
                                "caf\xc3\xa9", "a\"b", "new\nline"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_err(users_fold_name(b(none[i]), name, &why), ERR_REJECT, &why);
        assert_string_equal(why.code, "bad-username");
    }
    assert_err(users_fold_name(bytes_of("abc\0def", 7), name, &why), ERR_REJECT, &why);
    char most[USERS_NAME_MAX + 2];
    memset(most, 'x', sizeof most);
    assert_err(users_fold_name(bytes_of(most, USERS_NAME_MAX + 1), name, &why), ERR_REJECT, &why);
    assert_string_equal(name, "anna.maria+hr_1@example-co.fr");
    assert_ok(users_fold_name(bytes_of(most, USERS_NAME_MAX), name, &why), &why);
    assert_int_equal(strlen(name), USERS_NAME_MAX);
}

static void a_user_is_created_once_and_read_by_name_and_by_id(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *same = NULL;
    int64_t id = create("anna", "hr"), again = 0;
    bool is_created = false, is_found = true;
    // The same call again, whose first answer was lost; then somebody else with the same name.
    assert_ok(users_create(pg, b("anna"), b(HASH_1), "hr", &is_created, &again, &why), &why);
    assert_true(is_created && again == id);
    assert_ok(users_create(pg, b("anna"), b(HASH_2), "admin", &is_created, &again, &why), &why);
    assert_false(is_created);

    struct users_row user = {0};
    assert_ok(users_read(pg, b("anna"), &is_found, &user, &rows, &why), &why);
    assert_true(is_found && user.id == id && is(user.username, "anna"));
    assert_true(is(user.password_hash, HASH_1) && is(user.role, "hr") && !user.is_disabled);
    assert_true(user.created_at_ms > NOW - INT64_C(86400000) * 3650 &&
                user.created_at_ms == user.password_changed_at_ms);
    assert_true(read_back(id, &same).id == id);
    assert_ok(users_read(pg, b("bert"), &is_found, &user, &rows, &why), &why);
    assert_false(is_found);
    assert_ok(users_read_id(pg, id + 1000, &is_found, &user, &rows, &why), &why);
    assert_false(is_found);
}

static void text_in_a_name_is_never_a_statement(void **state)
{
    (void)state;
    struct why why = {0};
    struct users_row user = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    bool is_found = true;
    create("anna", "hr");
    assert_ok(users_read(pg, b("' OR '1'='1"), &is_found, &user, &rows, &why), &why);
    assert_false(is_found);
    assert_ok(users_read(pg, b("anna'; DROP TABLE users; --"), &is_found, &user, &rows, &why),
              &why);
    assert_false(is_found);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM users"), 1);
}

static void neither_a_password_nor_an_unknown_role_can_be_stored(void **state)
{
    (void)state;
    struct why why = {0};
    bool is_created = false;
    int64_t id = 0;
    const char *const hashes[] = {"correct horse battery staple", "", "$1$md5$crypt", "$2b"};
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        assert_err(users_create(pg, b("anna"), b(hashes[i]), "hr", &is_created, &id, &why),
                   ERR_REJECT, &why);
    assert_err(users_create(pg, b("anna"), b(HASH_1), "root", &is_created, &id, &why), ERR_REJECT,
               &why);
    assert_err(users_create(pg, b("Anna"), b(HASH_1), "hr", &is_created, &id, &why), ERR_REJECT,
               &why);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM users"), 0);
}

// A session of this user, whose family bears the name.
static void log_in(int64_t id, const char *family, unsigned token)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    char hash[65];
    bool is_issued = false;
    int64_t iat_ms = 0, changed_ms = read_back(id, &rows).password_changed_at_ms;
    assert_ok(sessions_issue(pg, id, changed_ms, hash_of(token, hash), b(family), NOW,
                             NOW + 1000000, &is_issued, &iat_ms, &why),
              &why);
    assert_true(is_issued);
}

#define OPEN_FAMILIES "SELECT count(*) FROM refresh_family WHERE revoked_at IS NULL"

static void another_password_ends_every_session_of_this_user_alone(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *before = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *after = NULL;
    int64_t anna = create("anna", "hr"), bert = create("bert", "viewer");
    log_in(anna, "anna-1", 1);
    log_in(anna, "anna-2", 2);
    log_in(bert, "bert-1", 3);
    int64_t changed_ms = read_back(anna, &before).password_changed_at_ms;
    bool is_changed = true;
    assert_ok(users_set_password(pg, anna, changed_ms - 1, b(HASH_2), NOW + 5, &is_changed, &why),
              &why);
    assert_false(is_changed);
    assert_int_equal(pg_value(pg, OPEN_FAMILIES), 3);
    for (int i = 0; i < 2; i++) { // the second time as after a lost connection
        assert_ok(users_set_password(pg, anna, changed_ms, b(HASH_2), NOW + 5, &is_changed, &why),
                  &why);
        assert_true(is_changed);
    }
    const struct users_row user = read_back(anna, &after);
    assert_true(is(user.password_hash, HASH_2) && user.password_changed_at_ms == NOW + 5);
    assert_int_equal(pg_value(pg, OPEN_FAMILIES), 1);
    assert_int_equal(pg_value(pg, OPEN_FAMILIES " AND family = 'bert-1'"), 1);
    // The second revocation ends also what was issued behind the first, which carries the next second.
    assert_int_equal(pg_value(pg, "SELECT extract(epoch FROM issued_before) * 1000 FROM "
                                  "revoked_token WHERE kind = 'user'"),
                     NOW + 1001);
    assert_ok(users_set_password(pg, 999999, 0, b(HASH_2), NOW, &is_changed, &why), &why);
    assert_false(is_changed);
    assert_ok(users_set_password(pg, anna, 0, b(HASH_1), NOW + 6, &is_changed, &why), &why);
    assert_true(is_changed);
}

static void a_better_hash_of_the_same_password_ends_nothing(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *before = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *after = NULL;
    int64_t anna = create("anna", "hr");
    log_in(anna, "anna-1", 1);
    int64_t changed_ms = read_back(anna, &before).password_changed_at_ms;
    assert_ok(users_upgrade_hash(pg, anna, b(BCRYPT), b(HASH_2), &why), &why);
    assert_true(is(read_back(anna, &after).password_hash, HASH_1)); // it was another one
    pg_rows_free(TAKE(after));
    assert_ok(users_upgrade_hash(pg, anna, b(HASH_1), b(HASH_2), &why), &why);
    const struct users_row user = read_back(anna, &after);
    assert_true(is(user.password_hash, HASH_2) && user.password_changed_at_ms == changed_ms);
    assert_int_equal(pg_value(pg, OPEN_FAMILIES), 1);
    log_in(anna, "anna-2", 2);
}

static void a_disabled_account_has_no_sessions_and_makes_none(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    int64_t anna = create("anna", "admin"), admins = 0, iat_ms = 0;
    create("chef", "admin");
    log_in(anna, "anna-1", 1);
    bool is_found = false, is_issued = true;
    assert_ok(users_count_admins(pg, &admins, &why), &why);
    assert_int_equal(admins, 2);
    assert_ok(users_disable(pg, anna, NOW + 5, &is_found, &why), &why);
    assert_true(is_found);
    assert_int_equal(pg_value(pg, OPEN_FAMILIES), 0);
    assert_ok(users_count_admins(pg, &admins, &why), &why);
    assert_int_equal(admins, 1);
    const struct users_row user = read_back(anna, &rows);
    assert_true(user.is_disabled);
    char hash[65];
    assert_ok(sessions_issue(pg, anna, user.password_changed_at_ms, hash_of(2, hash), b("anna-2"),
                             NOW, NOW + 1000, &is_issued, &iat_ms, &why),
              &why);
    assert_false(is_issued);
    assert_ok(users_enable(pg, anna, &is_found, &why), &why);
    assert_true(is_found);
    log_in(anna, "anna-3", 3);
    assert_ok(users_disable(pg, 999999, NOW, &is_found, &why), &why);
    assert_false(is_found);
    assert_ok(users_enable(pg, 999999, &is_found, &why), &why);
    assert_false(is_found);
}

static enum users_redeemed redeem(unsigned code, const char *name, const char *hash, int64_t now_ms,
                                  int64_t *id)
{
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    char code_hash[65];
    enum users_redeemed redeemed = USERS_NAME_TAKEN;
    struct bytes role = {0};
    assert_ok(users_redeem(pg, hash_of(code, code_hash), b(name), b(hash), now_ms, &redeemed, id,
                           &role, &rows, &why),
              &why);
    assert_true(redeemed != USERS_REDEEMED || is(role, "service"));
    return redeemed;
}

static void an_invite_makes_one_account_and_is_not_spent_by_a_taken_name(void **state)
{
    (void)state;
    struct why why = {0};
    char code[65];
    int64_t id = 0, again = 0;
    create("taken", "hr");
    for (int i = 0; i < 2; i++) // sent again
        assert_ok(users_invite(pg, hash_of(7, code), "service", NOW + 1000, &why), &why);
    assert_int_equal(redeem(8, "robot", HASH_1, NOW, &id), USERS_INVITE_INVALID);
    assert_int_equal(redeem(7, "robot", HASH_1, NOW + 1000, &id), USERS_INVITE_INVALID);
    assert_int_equal(redeem(7, "taken", HASH_2, NOW, &id), USERS_NAME_TAKEN);
    assert_int_equal(redeem(7, "robot", HASH_1, NOW, &id), USERS_REDEEMED);
    assert_int_equal(redeem(7, "robot", HASH_1, NOW, &again), USERS_REDEEMED); // sent again
    assert_int_equal(id, again);
    assert_int_equal(redeem(7, "second", HASH_2, NOW, &id), USERS_INVITE_INVALID);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM users"), 2);
    assert_int_equal(pg_value(pg, "SELECT used_by FROM user_invite"), again);
    assert_err(users_invite(pg, hash_of(9, code), "root", NOW, &why), ERR_REJECT, &why);
}

struct code {
    unsigned number;
    enum users_redeemed redeemed[RIVALS];
};

static void redeem_at_once(struct rival *rival)
{
    struct code *code = rival->context;
    struct pg_rows *rows = NULL;
    char hash[65], name[32];
    int64_t id = 0;
    struct bytes role = {0};
    snprintf(name, sizeof name, "rival-%u-%zu", code->number, rival->number);
    rival->err = users_redeem(rival->pg, hash_of(code->number, hash), b(name), b(HASH_1), NOW,
                              &code->redeemed[rival->number], &id, &role, &rows, &rival->why);
    pg_rows_free(rows);
}

static void of_many_who_come_with_one_invite_one_gets_it(void **state)
{
    (void)state;
    enum { ROUNDS = 30 };
    struct why why = {0};
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct code code = {.number = i + 1};
        char hash[65];
        size_t won = 0, lost = 0;
        assert_ok(users_invite(pg, hash_of(code.number, hash), "hr", NOW + 1000, &why), &why);
        rivals_meet(rivals, RIVALS, redeem_at_once, &code);
        for (size_t k = 0; k < RIVALS; k++) {
            won += code.redeemed[k] == USERS_REDEEMED;
            lost += code.redeemed[k] == USERS_INVITE_INVALID;
        }
        assert_int_equal(won, 1);
        assert_int_equal(lost, RIVALS - 1);
    }
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM users"), ROUNDS);
    rivals_close(rivals);
}

static void an_import_takes_each_name_once(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    create("there", "hr");
    const struct users_import users[] = {{b("zoe"), b(BCRYPT), "hr"},
                                         {b("there"), b(BCRYPT), "admin"},
                                         {b("anna"), b(HASH_2), "viewer"},
                                         {b("zoe"), b(HASH_2), "admin"}};
    bool is_created[4] = {false, true, false, true};
    assert_ok(users_import(pg, users, 4, is_created, &why), &why);
    assert_true(is_created[0] && !is_created[1] && is_created[2] && !is_created[3]);
    struct users_row user = {0};
    bool is_found = false;
    assert_ok(users_read(pg, b("zoe"), &is_found, &user, &rows, &why), &why);
    assert_true(is_found && is(user.password_hash, BCRYPT) && is(user.role, "hr"));
    assert_ok(users_import(pg, users, 0, is_created, &why), &why);
    // One that cannot be stored takes the others with it: nothing is half imported.
    const struct users_import bad[] = {{b("carl"), b(BCRYPT), "hr"}, {b("dora"), b("plain"), "hr"}};
    assert_err(users_import(pg, bad, 2, is_created, &why), ERR_REJECT, &why);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM users"), 3);
}

static void a_list_goes_on_where_it_ended(void **state)
{
    (void)state;
    struct why why = {0};
    const char *const names[] = {"anna", "bert", "carl", "dora", "emil"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        create(names[i], "viewer");
    size_t seen = 0, count = 0;
    int64_t after = 0;
    do {
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        struct users_row page[2];
        assert_ok(users_list(pg, after, page, 2, &count, &rows, &why), &why);
        for (size_t i = 0; i < count; i++) {
            assert_true(is(page[i].username, names[seen++]) && page[i].id > after);
            after = page[i].id;
        }
    } while (count == 2);
    assert_int_equal(seen, ARRAY_LEN(names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_kept_in_lower_case_and_refused_where_it_is_none),
        IN_DATABASE(a_user_is_created_once_and_read_by_name_and_by_id),
        IN_DATABASE(text_in_a_name_is_never_a_statement),
        IN_DATABASE(neither_a_password_nor_an_unknown_role_can_be_stored),
        IN_DATABASE(another_password_ends_every_session_of_this_user_alone),
        IN_DATABASE(a_better_hash_of_the_same_password_ends_nothing),
        IN_DATABASE(a_disabled_account_has_no_sessions_and_makes_none),
        IN_DATABASE(an_invite_makes_one_account_and_is_not_spent_by_a_taken_name),
        IN_DATABASE(of_many_who_come_with_one_invite_one_gets_it),
        IN_DATABASE(an_import_takes_each_name_once),
        IN_DATABASE(a_list_goes_on_where_it_ended),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
