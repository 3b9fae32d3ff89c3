// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "choose.h"

static void what_happens_without_a_provider(void **state)
{
    (void)state;
    static const struct {
        enum choose_state states[2];
        enum choice of_a_score, of_a_request;
    } cases[] = {
        {{CHOOSE_BUSY, CHOOSE_BUSY}, CHOICE_WAIT, CHOICE_WAIT},
        {{CHOOSE_STOPPED, CHOOSE_BUSY}, CHOICE_WAIT, CHOICE_WAIT},
        {{CHOOSE_GIVEN_UP, CHOOSE_BUSY}, CHOICE_WAIT, CHOICE_WAIT},
        {{CHOOSE_STOPPED, CHOOSE_STOPPED}, CHOICE_WAIT, CHOICE_UNAVAILABLE},
        {{CHOOSE_GIVEN_UP, CHOOSE_STOPPED}, CHOICE_WAIT, CHOICE_UNAVAILABLE},
        {{CHOOSE_STOPPED, CHOOSE_GIVEN_UP}, CHOICE_WAIT, CHOICE_UNAVAILABLE},
        {{CHOOSE_GIVEN_UP, CHOOSE_GIVEN_UP}, CHOICE_FAILED, CHOICE_FAILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(choose_without(cases[i].states, 2, false), cases[i].of_a_score);
        assert_int_equal(choose_without(cases[i].states, 2, true), cases[i].of_a_request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_happens_without_a_provider)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
