// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/risk.h"

enum { DAY = 86400000 };

static struct risk_event scored(int64_t event_time, int64_t scored_at, double probability)
{
    return (struct risk_event){.key = {event_time, scored_at, scored_at},
                               .change = CHANGE_UPDATED,
                               .band = risk_band(probability, 0.25, 0.5),
                               .probability = probability,
                               .threshold = 0.5};
}

static struct risk_event departed(int64_t event_time, int64_t scored_at)
{
    return (struct risk_event){
        .key = {event_time, scored_at, scored_at}, .change = CHANGE_LEFT, .is_departure = true};
}

static struct risk_step apply(struct risk_state *state, struct risk_event event)
{
    struct risk_policy policy = risk_policy_default();
    struct risk_step step = risk_apply(&policy, state, &event);
    *state = step.next;
    return step;
}

static void bands_meet_at_their_edges(void **state)
{
    (void)state;
    assert_int_equal(risk_band(0, 0.25, 0.5), BAND_LOW);
    assert_int_equal(risk_band(nextafter(0.25, 0), 0.25, 0.5), BAND_LOW);
    assert_int_equal(risk_band(0.25, 0.25, 0.5), BAND_ELEVATED);
    assert_int_equal(risk_band(0.5, 0.25, 0.5), BAND_ELEVATED);
    assert_int_equal(risk_band(nextafter(0.5, 1), 0.25, 0.5), BAND_HIGH);
    assert_int_equal(risk_band(1, 0.25, 0.5), BAND_HIGH);
    assert_int_equal(risk_band((double)NAN, 0.25, 0.5), BAND_UNKNOWN);
}

static void keys_compare_by_event_time_then_scoring_then_place(void **state)
{
    (void)state;
    struct risk_key key = {5, 5, 5};
    assert_int_equal(risk_key_compare(key, key), 0);
    assert_true(risk_key_compare((struct risk_key){6, 0, 0}, key) > 0);
    assert_true(risk_key_compare((struct risk_key){4, 9, 9}, key) < 0);
    assert_true(risk_key_compare((struct risk_key){5, 6, 0}, key) > 0);
    assert_true(risk_key_compare((struct risk_key){5, 5, 4}, key) < 0);
    assert_true(risk_key_compare((struct risk_key){INT64_MIN, 0, 0},
                                 (struct risk_key){INT64_MAX, 0, 0}) < 0);
}

static void a_high_prediction_opens_one_episode_and_only_one(void **state)
{
    (void)state;
    struct risk_state now = {0};
    assert_false(apply(&now, scored(1, 10, 0.3)).opens);
    struct risk_step step = apply(&now, scored(2, 20, 0.9));
    assert_true(step.is_latest && step.opens && !step.is_stale);
    assert_true(now.is_open && now.opened_at_ms == 20);
    step = apply(&now, scored(3, 30, 0.95));
    assert_true(step.is_latest && !step.opens && step.closes == RISK_CLOSE_NONE);
    assert_true(now.opened_at_ms == 20);
}

static void it_closes_only_clearly_below_the_threshold(void **state)
{
    (void)state;
    struct risk_state now = {0};
    apply(&now, scored(1, 10, 0.9));
    assert_int_equal(apply(&now, scored(2, 20, 0.5)).closes, RISK_CLOSE_NONE);
    assert_int_equal(apply(&now, scored(3, 30, 0.5 - RISK_HYSTERESIS)).closes, RISK_CLOSE_NONE);
    assert_true(now.is_open);
    assert_int_equal(apply(&now, scored(4, 40, nextafter(0.5 - RISK_HYSTERESIS, 0))).closes,
                     RISK_CLOSE_FELL);
    assert_true(!now.is_open && now.was_closed && now.closed_at_ms == 40);
}

static void while_it_cools_down_none_is_opened_and_the_first_high_one_after_it_opens(void **state)
{
    (void)state;
    struct risk_state now = {0};
    apply(&now, scored(1, 10, 0.9));
    apply(&now, scored(2, 1000, 0.1));
    assert_false(apply(&now, scored(3, 2000, 0.9)).opens);
    assert_false(apply(&now, scored(4, 1000 + 7LL * DAY - 1, 0.9)).opens);
    struct risk_step step = apply(&now, scored(5, 1000 + 7LL * DAY, 0.9));
    assert_true(step.opens);
}

static void a_late_event_is_stale_and_moves_nothing(void **state)
{
    (void)state;
    struct risk_state now = {0};
    apply(&now, scored(100, 10, 0.1));
    struct risk_step step = apply(&now, scored(99, 20, 0.9));
    assert_true(!step.is_latest && step.is_stale && !step.opens);
    assert_true(now.latest.event_time_ms == 100);
    step = apply(&now, departed(99, 30));
    assert_true(step.is_stale && !now.has_left);
    step = apply(&now, scored(100, 40, 0.9)); // scored again: the later scoring wins
    assert_true(step.is_latest && step.opens);
}

static void an_unknown_band_becomes_the_latest_but_moves_no_episode(void **state)
{
    (void)state;
    struct risk_state now = {0};
    apply(&now, scored(1, 10, 0.9));
    struct risk_event unknown = scored(2, 20, (double)NAN);
    struct risk_step step = apply(&now, unknown);
    assert_true(step.is_latest && step.closes == RISK_CLOSE_NONE && now.is_open);
    unknown.probability = 0;
    unknown.key.event_time_ms = 3;
    assert_int_equal(apply(&now, unknown).closes, RISK_CLOSE_NONE);
    assert_true(now.latest.event_time_ms == 3);
}

static void departure_closes_and_only_a_later_creation_counts_after_it(void **state)
{
    (void)state;
    struct risk_state now = {0};
    apply(&now, scored(1, 10, 0.9));
    struct risk_step step = apply(&now, departed(5, 20));
    assert_int_equal(step.closes, RISK_CLOSE_LEFT);
    assert_true(now.has_left && !now.is_open && now.closed_at_ms == 20);
    step = apply(&now, scored(9, 30, 0.9));
    assert_true(step.is_stale && !step.is_latest && now.has_left);
    struct risk_event created = scored(5, 8LL * DAY, 0.9);
    created.change = CHANGE_CREATED;
    assert_true(apply(&now, created).is_stale); // no later than the departure
    created.key.event_time_ms = 6;
    step = apply(&now, created);
    assert_true(step.is_latest && step.opens && !now.has_left);
}

static void a_departure_without_an_episode_closes_nothing(void **state)
{
    (void)state;
    struct risk_state now = {0};
    struct risk_step step = apply(&now, departed(5, 20));
    assert_true(step.is_latest && step.closes == RISK_CLOSE_NONE && now.has_left);
    assert_false(now.was_closed);
}

// What must hold whatever comes: episodes alternate, and the latest key never goes back.
static void any_sequence_keeps_the_invariants(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252U;
    struct risk_state now = {0};
    for (int i = 0; i < 20000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int64_t event_time = (int64_t)(random % 1000),
                scored_at = (int64_t)(random >> 20) % (90LL * DAY);
        struct risk_event event =
            random % 11 == 0 ? departed(event_time, scored_at)
                             : scored(event_time, scored_at, (double)(random >> 50) / 16384);
        if (random % 5 == 0)
            event.change = CHANGE_CREATED;
        struct risk_state before = now;
        struct risk_step step = apply(&now, event);
        assert_true(step.is_latest != step.is_stale);
        assert_false(step.opens && (before.is_open || event.is_departure || !step.is_latest));
        assert_false(step.closes != RISK_CLOSE_NONE && (!before.is_open || !step.is_latest));
        assert_false(now.has_left && now.is_open);
        if (before.is_known)
            assert_true(risk_key_compare(now.latest, before.latest) >= 0);
        if (i % 500 == 499)
            now = (struct risk_state){0};
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bands_meet_at_their_edges),
        cmocka_unit_test(keys_compare_by_event_time_then_scoring_then_place),
        cmocka_unit_test(a_high_prediction_opens_one_episode_and_only_one),
        cmocka_unit_test(it_closes_only_clearly_below_the_threshold),
        cmocka_unit_test(while_it_cools_down_none_is_opened_and_the_first_high_one_after_it_opens),
        cmocka_unit_test(a_late_event_is_stale_and_moves_nothing),
        cmocka_unit_test(an_unknown_band_becomes_the_latest_but_moves_no_episode),
        cmocka_unit_test(departure_closes_and_only_a_later_creation_counts_after_it),
        cmocka_unit_test(a_departure_without_an_episode_closes_nothing),
        cmocka_unit_test(any_sequence_keeps_the_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
