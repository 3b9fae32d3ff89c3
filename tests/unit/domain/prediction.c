// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/prediction.h"

static void names_of_bands_and_triggers_read_back(void **state)
{
    (void)state;
    for (int i = BAND_LOW; i <= BAND_UNKNOWN; i++) {
        enum band band = BAND_LOW;
        assert_true(band_from_text(bytes_from_string(band_name((enum band)i)), &band));
        assert_int_equal(band, i);
    }
    for (int i = TRIGGER_CHANGE; i <= TRIGGER_RESCORE; i++) {
        enum trigger trigger = TRIGGER_CHANGE;
        assert_true(trigger_from_text(bytes_from_string(trigger_name((enum trigger)i)), &trigger));
        assert_int_equal(trigger, i);
    }
}

static void other_names_are_none(void **state)
{
    (void)state;
    enum band band = BAND_LOW;
    enum trigger trigger = TRIGGER_CHANGE;
    assert_false(band_from_text(bytes_from_string("High"), &band));
    assert_false(band_from_text(bytes_of(NULL, 0), &band));
    assert_false(trigger_from_text(bytes_from_string("changes"), &trigger));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_bands_and_triggers_read_back),
        cmocka_unit_test(other_names_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
