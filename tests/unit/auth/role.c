// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "auth/role.h"

static void roles_have_names_and_back(void **state)
{
    (void)state;
    static const char *const names[AUTH_ROLES] = {"admin", "hr", "viewer", "service"};
    for (int i = 0; i < AUTH_ROLES; i++) {
        enum auth_role role = AUTH_ROLE_ADMIN;
        assert_string_equal(auth_role_name((enum auth_role)i), names[i]);
        assert_true(auth_role_of(bytes_from_string(names[i]), &role));
        assert_int_equal(role, i);
    }
    static const char *const none[] = {"", "Admin", "admin ", "root", "h", "hrr"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_false(auth_role_of(bytes_from_string(none[i]), &(enum auth_role){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_have_names_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
