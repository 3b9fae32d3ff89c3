// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "base/backoff.h"
#include "base/compiler.h"
#include "planner/limits.h"

#define NOON_MS     INT64_C(1785585600000) // 2026-08-01T12:00:00Z
#define MIDNIGHT_MS INT64_C(1785654000000) // the next one in Los Angeles

static const struct limits_result worked = {.result = BREAKER_WORKED};
static const struct limits_result failed = {.result = BREAKER_FAILED};

// Both clocks, so many ms after a noon.
static struct limits_now after(int64_t ms)
{
    return (struct limits_now){.mono_ms = 1000 + ms, .real_ms = NOON_MS + ms};
}

static struct limits *limits_of(struct limits_settings settings)
{
    settings.concurrency = settings.concurrency == 0 ? 1000 : settings.concurrency;
    return limits_new(&settings, after(0));
}

static enum limits_verdict ask(struct limits *limits, struct limits_call *call, int64_t at_ms,
                               int64_t *ret_wait_ms)
{
    return limits_may_start(limits, call, after(at_ms), ret_wait_ms, NULL);
}

static void expect_start(struct limits *limits, struct limits_call *call, int64_t at_ms)
{
    int64_t wait_ms = -1;
    assert_int_equal(ask(limits, call, at_ms, &wait_ms), LIMITS_START);
    assert_int_equal(wait_ms, 0);
}

static void expect_wait(struct limits *limits, struct limits_call call, int64_t at_ms, int64_t wait)
{
    int64_t wait_ms = -1;
    assert_int_equal(ask(limits, &call, at_ms, &wait_ms), LIMITS_WAIT);
    assert_int_equal(wait_ms, wait);
}

static void expect_stopped(struct limits *limits, struct limits_call call, int64_t at_ms,
                           int64_t wait, const char *code)
{
    struct why why = {0};
    int64_t wait_ms = -1;
    assert_int_equal(limits_may_start(limits, &call, after(at_ms), &wait_ms, &why), LIMITS_STOPPED);
    assert_int_equal(wait_ms, wait);
    assert_string_equal(why.code, code);
    assert_true(why.text[0] != '\0');
}

static void settle(struct limits *limits, const struct limits_call *call, int64_t at_ms)
{
    limits_settle(limits, call, &worked, after(at_ms));
}

static void a_quarter_of_the_slots_is_a_person_s(void **state)
{
    (void)state;
    CLEANUP(limits_free_p)
    struct limits *limits =
        limits_of((struct limits_settings){.concurrency = 8, .kept_percent = 25});
    struct limits_call others[6] = {0}, persons[2] = {{.is_request = true}, {.is_request = true}};
    const struct limits_call other = {0}, person = {.is_request = true};
    for (size_t i = 0; i < 6; i++)
        expect_start(limits, &others[i], 0);
    expect_wait(limits, other, 0, LIMITS_WAIT_OPEN);
    expect_start(limits, &persons[0], 0);
    expect_start(limits, &persons[1], 0);
    expect_wait(limits, person, 0, LIMITS_WAIT_OPEN);
    settle(limits, &persons[0], 1);
    expect_wait(limits, other, 1, LIMITS_WAIT_OPEN); // that slot is kept
    settle(limits, &others[0], 1);
    expect_start(limits, &others[0], 1);
}

static void persons_may_use_the_slots_of_all(void **state)
{
    (void)state;
    CLEANUP(limits_free_p)
    struct limits *limits =
        limits_of((struct limits_settings){.concurrency = 4, .kept_percent = 25});
    struct limits_call persons[4];
    for (size_t i = 0; i < 4; i++) {
        persons[i] = (struct limits_call){.is_request = true};
        expect_start(limits, &persons[i], 0);
    }
    expect_wait(limits, (struct limits_call){0}, 0, LIMITS_WAIT_OPEN);
}

static void who_waits_for_the_rate_in_person_goes_first(void **state)
{
    (void)state;
    CLEANUP(limits_free_p)
    struct limits *limits = limits_of((struct limits_settings){.requests_per_minute = 60});
    struct limits_call other = {0}, person = {.is_request = true};
    expect_start(limits, &other, 0);
    expect_wait(limits, other, 0, 1000);
    expect_wait(limits, person, 200, 800);
    // The other asks first when the second is over, and still waits for the person.
    expect_wait(limits, other, 1000, 100);
    expect_start(limits, &person, 1010);
    expect_wait(limits, other, 1010, 1000);
    expect_start(limits, &other, 2010);
    // A person who went away holds nobody up for long.
    expect_wait(limits, (struct limits_call){.is_request = true}, 2010, 1000);
    expect_start(limits, &other, 3110);
}

static void tokens_are_reserved_and_settled(void **state)
{
    (void)state;
    CLEANUP(limits_free_p)
    struct limits *limits = limits_of((struct limits_settings){.tokens_per_minute = 60000});
    struct limits_call call = {.tokens = 2600};
    expect_start(limits, &call, 0); // 600 were there: 2,000 are owed
    expect_wait(limits, call, 0, 2600);
    const struct limits_result used = {.result = BREAKER_WORKED, .has_use = true, .tokens = 800};
    limits_settle(limits, &call, &used, after(100));
    expect_wait(limits, call, 100, 700); // 200 are owed, and 600 must be there
    struct limits_call next = {.tokens = 2600};
    expect_start(limits, &next, 800);
    limits_settle(limits, &next, &worked, after(900)); // use unknown: the estimate stands
    expect_wait(limits, call, 900, 2500);
}

static void the_day_s_requests_end_at_midnight(void **state)
{
    (void)state;
    CLEANUP(limits_free_p)
    struct limits *limits =
        limits_of((struct limits_settings){.requests_per_day = 2, .is_pacific_day = true});
    struct limits_call calls[2] = {{.tokens = 500}, {.tokens = 500}};
    int64_t midnight = MIDNIGHT_MS - NOON_MS;
    expect_start(limits, &calls[0], 0);
    expect_start(limits, &calls[1], 0);
    settle(limits, &calls[0], 10);
    expect_stopped(limits, (struct limits_call){.is_request = true}, 1000, midnight - 1000,
                   "requests-today");
    expect_stopped(limits, (struct limits_call){0}, midnight - 1, 1, "requests-today");
    struct limits_call next = {0};
    expect_start(limits, &next, midnight);
    const struct limits_result used = {.result = BREAKER_WORKED, .has_use = true, .tokens = 800};
    limits_settle(limits, &calls[1], &used, after(midnight + 5)); // of yesterday, not of today
    struct limits_state shown;
    limits_show(limits, after(midnight + 5), &shown);
    assert_int_equal(shown.today.requests, 1);
    assert_int_equal(shown.today.tokens, 0);
    // The clock is put back over midnight: the day goes on, it does not begin again.
    limits_show(limits, after(midnight - 1000), &shown);
    assert_int_equal(shown.today.requests, 1);
}

static void the_day_s_cost_counts_what_is_under_way(void **state)
{
    (void)state;
    CLEANUP(limits_free_p)
    struct limits *limits = limits_of((struct limits_settings){.micro_usd_per_day = 1000});
    struct limits_call calls[2] = {{.micro_usd = 400}, {.micro_usd = 400}};
    expect_start(limits, &calls[0], 0);
    expect_start(limits, &calls[1], 0);
    // 800 are reserved: a third call waits, since the two may turn out cheaper.
    expect_wait(limits, (struct limits_call){.micro_usd = 400}, 0, LIMITS_WAIT_OPEN);
    const struct limits_result cheap = {
        .result = BREAKER_WORKED, .has_use = true, .micro_usd = 100};
    limits_settle(limits, &calls[0], &cheap, after(1));
    struct limits_call third = {.micro_usd = 400};
    expect_start(limits, &third, 1); // 100 + 400 + 400
    limits_settle(limits, &calls[1], &worked, after(2));
    limits_settle(limits, &third, &worked, after(2));
    expect_stopped(limits, (struct limits_call){.micro_usd = 400}, 2, INT64_C(43200000) - 2,
                   "cost-today"); // 900 are used; the day ends at midnight UTC
}

static void the_day_s_tokens_are_known_again_after_a_restart(void **state)
{
    (void)state;
    CLEANUP(limits_free_p)
    struct limits *limits =
        limits_of((struct limits_settings){.tokens_per_day = 10000, .is_pacific_day = true});
    assert_int_equal(limits_day_start_ms(limits, NOON_MS), MIDNIGHT_MS - 86400000);
    const struct limits_day ledger = {.requests = 5, .tokens = 9000, .micro_usd = 70};
    limits_load_day(limits, &ledger, after(0));
    expect_stopped(limits, (struct limits_call){.tokens = 1001}, 0, MIDNIGHT_MS - NOON_MS,
                   "tokens-today");
    struct limits_call call = {.tokens = 1000};
    expect_start(limits, &call, 0);
    struct limits_state shown;
    limits_show(limits, after(0), &shown);
    assert_int_equal(shown.today.requests, 6);
    assert_int_equal(shown.today.tokens, 10000);
    assert_int_equal(shown.today.micro_usd, 70);
    assert_int_equal(shown.in_flight, 1);
}

static void retries_are_a_fifth_of_the_calls_and_ten(void **state)
{
    (void)state;
    CLEANUP(limits_free_p) struct limits *limits = limits_of((struct limits_settings){0});
    struct limits_call first = {0}, retry = {.is_retry = true};
    for (int i = 0; i < 90; i++)
        expect_start(limits, &first, 0);
    int retries = 0;
    int64_t wait_ms = 0;
    while (ask(limits, &retry, 0, &wait_ms) == LIMITS_START)
        retries++;
    // Retries are calls as well: r <= (90 + r) / 5 + 10, rounded down as they come.
    assert_in_range(retries, 33, 35);
    expect_stopped(limits, retry, 0, 1000, "retry-budget");
    expect_start(limits, &first, 0); // others go on
    for (int i = 0; i < 10; i++)
        expect_start(limits, &retry, 61000); // a minute later ten are free again
    expect_start(limits, &retry, 61000);     // .. and a fifth of those ten, which is two
    expect_start(limits, &retry, 61000);
    expect_stopped(limits, retry, 61000, 1000, "retry-budget");
}

static void a_delay_that_the_server_named_holds_every_call(void **state)
{
    (void)state;
    CLEANUP(limits_free_p) struct limits *limits = limits_of((struct limits_settings){0});
    struct limits_call call = {0}, person = {.is_request = true};
    expect_start(limits, &call, 0);
    expect_start(limits, &call, 0);
    const struct limits_result later = {.result = BREAKER_FAILED, .delay_ms = 2838};
    const struct limits_result sooner = {.result = BREAKER_FAILED, .delay_ms = 100};
    limits_settle(limits, &call, &later, after(50));
    limits_settle(limits, &call, &sooner, after(60));
    expect_wait(limits, person, 60, 2828);
    expect_wait(limits, call, 2887, 1);
    expect_start(limits, &call, 2888);
}

static void fail_ten(struct limits *limits, int64_t at_ms)
{
    for (int i = 0; i < 10; i++) {
        struct limits_call call = {0};
        expect_start(limits, &call, at_ms);
        limits_settle(limits, &call, &failed, after(at_ms));
    }
}

static void an_open_breaker_stops_all_but_a_probe(void **state)
{
    (void)state;
    CLEANUP(limits_free_p) struct limits *limits = limits_of((struct limits_settings){0});
    struct limits_call probe = {.is_request = true};
    struct limits_state shown;
    fail_ten(limits, 0);
    expect_stopped(limits, probe, 1000, 4000, "breaker-open");
    limits_show(limits, after(1000), &shown);
    assert_true(shown.is_stopped);
    assert_int_equal(shown.until_ms, NOON_MS + 5000);
    assert_string_equal(shown.why.code, "breaker-open");
    expect_start(limits, &probe, 5000);
    assert_true(probe.is_probe);
    expect_stopped(limits, (struct limits_call){0}, 5000, LIMITS_WAIT_OPEN, "breaker-open");
    limits_show(limits, after(5000), &shown);
    assert_true(shown.is_stopped);
    assert_int_equal(shown.until_ms, 0);
    settle(limits, &probe, 5500);
    struct limits_call call = {0};
    expect_start(limits, &call, 5500);
    assert_false(call.is_probe);
}

static void a_probe_that_may_not_start_leaves_the_breaker_open(void **state)
{
    (void)state;
    CLEANUP(limits_free_p) struct limits *limits = limits_of((struct limits_settings){0});
    const struct limits_result delay = {.result = BREAKER_FAILED, .delay_ms = 8000};
    struct limits_call slow = {0}, call = {0};
    struct limits_state shown;
    expect_start(limits, &slow, 0);
    fail_ten(limits, 0);
    limits_settle(limits, &slow, &delay, after(0));
    expect_wait(limits, call, 5000, 3000); // the breaker would let it through
    limits_show(limits, after(5000), &shown);
    assert_int_equal(shown.breaker, BREAKER_OPEN);
    expect_start(limits, &call, 8000);
    assert_true(call.is_probe);
}

static void a_stop_lasts_until_its_time_or_until_somebody_resumes(void **state)
{
    (void)state;
    CLEANUP(limits_free_p) struct limits *limits = limits_of((struct limits_settings){0});
    struct why key = {0}, daily = {0};
    struct limits_call call = {0};
    why_code(&key, ERR_OK, "key-refused", "the key");
    why_code(&daily, ERR_OK, "daily-quota", "the day");
    limits_stop(limits, &daily, NOON_MS + 5000);
    expect_stopped(limits, call, 1000, 4000, "daily-quota");
    limits_stop(limits, &key, NOON_MS + 2000); // shorter: changes nothing
    expect_stopped(limits, call, 1000, 4000, "daily-quota");
    expect_start(limits, &call, 5000);
    limits_stop(limits, &daily, NOON_MS + 9000);
    limits_stop(limits, &key, 0);
    limits_stop(limits, &daily, NOON_MS + 99000); // none is longer than that without an end
    expect_stopped(limits, call, 8000000, LIMITS_WAIT_OPEN, "key-refused");
    struct limits_state shown;
    limits_show(limits, after(8000000), &shown);
    assert_true(shown.is_stopped);
    assert_string_equal(shown.why.text, "the key");
    assert_int_equal(shown.until_ms, 0);
    limits_resume(limits);
    expect_start(limits, &call, 8000001);
    limits_show(limits, after(8000001), &shown);
    assert_false(shown.is_stopped);
}

static void resuming_closes_the_breaker_too(void **state)
{
    (void)state;
    CLEANUP(limits_free_p) struct limits *limits = limits_of((struct limits_settings){0});
    struct limits_call call = {0};
    fail_ten(limits, 0);
    limits_resume(limits);
    expect_start(limits, &call, 1);
}

enum { SLOTS = 64, HOURS = 3 };

struct running {
    struct limits_call call;
    int64_t ends_ms; // 0: free
};

// What a simulated run has seen.
struct tally {
    int64_t started, persons_started, person_wait_most_ms;
    int64_t in_flight, others_in_flight;
    int64_t starts[HOURS * 3600]; // by second
};

static void end_calls(struct limits *limits, struct running *running, struct tally *tally,
                      int64_t now_ms, uint64_t *random)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (running[i].ends_ms == 0 || running[i].ends_ms > now_ms)
            continue;
        const struct limits_result result = {
            .result = backoff_draw_ms(random, 9) == 0 ? BREAKER_FAILED : BREAKER_WORKED,
            .has_use = true,
            .tokens = 400 + backoff_draw_ms(random, 1200)};
        limits_settle(limits, &running[i].call, &result, after(now_ms));
        running[i].ends_ms = 0;
        tally->in_flight--;
        tally->others_in_flight -= !running[i].call.is_request;
    }
}

static bool start_one(struct limits *limits, struct running *running, struct tally *tally,
                      int64_t now_ms, bool is_request, uint64_t *random)
{
    struct limits_call call = {.is_request = is_request, .tokens = 2600};
    int64_t wait_ms = 0;
    if (ask(limits, &call, now_ms, &wait_ms) != LIMITS_START) {
        assert_true(wait_ms > 0);
        return false;
    }
    size_t i = 0;
    while (i < SLOTS && running[i].ends_ms != 0)
        i++;
    assert_true(i < SLOTS);
    running[i] = (struct running){call, now_ms + 200 + backoff_draw_ms(random, 1800)};
    tally->started++;
    tally->starts[now_ms / 1000]++;
    tally->in_flight++;
    tally->others_in_flight += !is_request;
    assert_true(tally->in_flight <= SLOTS && tally->others_in_flight <= SLOTS * 3 / 4);
    return true;
}

// Others press without end, a person comes now and then.
static void run(struct limits *limits, struct tally *tally)
{
    struct running running[SLOTS] = {0};
    uint64_t random = 99;
    int64_t person_since_ms = 0;
    *tally = (struct tally){0};
    for (int64_t now_ms = 1; now_ms < HOURS * INT64_C(3600000); now_ms += 10) {
        end_calls(limits, running, tally, now_ms, &random);
        if (person_since_ms == 0 && backoff_draw_ms(&random, 999) == 0)
            person_since_ms = now_ms;
        // The caller asks for the others first, which is the wrong way round.
        while (start_one(limits, running, tally, now_ms, false, &random))
            ;
        if (person_since_ms != 0 && start_one(limits, running, tally, now_ms, true, &random)) {
            int64_t waited_ms = now_ms - person_since_ms;
            tally->persons_started++;
            if (waited_ms > tally->person_wait_most_ms)
                tally->person_wait_most_ms = waited_ms;
            person_since_ms = 0;
        }
    }
}

// The most that any 60 whole seconds in a row have seen.
static int64_t worst_minute(const struct tally *tally)
{
    int64_t count = 0, worst = 0;
    for (size_t i = 0; i < ARRAY_LEN(tally->starts); i++) {
        count += tally->starts[i] - (i >= 60 ? tally->starts[i - 60] : 0);
        worst = count > worst ? count : worst;
    }
    return worst;
}

static void hours_of_pressing_keep_the_rate_and_let_persons_through(void **state)
{
    (void)state;
    static struct tally tally;
    CLEANUP(limits_free_p)
    struct limits *limits = limits_of((struct limits_settings){
        .concurrency = SLOTS, .kept_percent = 25, .requests_per_minute = 600});
    run(limits, &tally);
    int64_t most = 600 * 60 * HOURS;
    assert_true(tally.started <= most + 6 && tally.started * 100 >= most * 99);
    assert_true(worst_minute(&tally) <= 606);
    assert_true(tally.persons_started > 500);
    assert_true(tally.person_wait_most_ms <= 200); // twice the time between two calls
}

static void where_slots_are_the_limit_they_are_all_used(void **state)
{
    (void)state;
    static struct tally tally;
    CLEANUP(limits_free_p)
    struct limits *limits =
        limits_of((struct limits_settings){.concurrency = SLOTS, .kept_percent = 25});
    run(limits, &tally);
    // 48 slots of others, 1.1 s a call and up to 10 ms until its end is seen.
    int64_t most = HOURS * INT64_C(3600000) * 48 / 1105;
    assert_true(tally.started >= most * 97 / 100);
    assert_true(tally.person_wait_most_ms == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quarter_of_the_slots_is_a_person_s),
        cmocka_unit_test(persons_may_use_the_slots_of_all),
        cmocka_unit_test(who_waits_for_the_rate_in_person_goes_first),
        cmocka_unit_test(tokens_are_reserved_and_settled),
        cmocka_unit_test(the_day_s_requests_end_at_midnight),
        cmocka_unit_test(the_day_s_cost_counts_what_is_under_way),
        cmocka_unit_test(the_day_s_tokens_are_known_again_after_a_restart),
        cmocka_unit_test(retries_are_a_fifth_of_the_calls_and_ten),
        cmocka_unit_test(a_delay_that_the_server_named_holds_every_call),
        cmocka_unit_test(an_open_breaker_stops_all_but_a_probe),
        cmocka_unit_test(a_probe_that_may_not_start_leaves_the_breaker_open),
        cmocka_unit_test(a_stop_lasts_until_its_time_or_until_somebody_resumes),
        cmocka_unit_test(resuming_closes_the_breaker_too),
        cmocka_unit_test(hours_of_pressing_keep_the_rate_and_let_persons_through),
        cmocka_unit_test(where_slots_are_the_limit_they_are_all_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
