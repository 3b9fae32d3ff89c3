// SPDX-License-Identifier: MIT
#include "auth/role.h"

static const char *const names[AUTH_ROLES] = {
    [AUTH_ROLE_ADMIN] = "admin",
    [AUTH_ROLE_HR] = "hr",
    [AUTH_ROLE_VIEWER] = "viewer",
    [AUTH_ROLE_SERVICE] = "service",
};

const char *auth_role_name(enum auth_role role)
{
    return names[role];
}

bool auth_role_of(struct bytes name, enum auth_role *ret)
{
    for (int i = 0; i < AUTH_ROLES; i++)
        if (bytes_equal_string(name, names[i])) {
            *ret = (enum auth_role)i;
            return true;
        }
    return false;
}
