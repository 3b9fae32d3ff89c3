// SPDX-License-Identifier: MIT
#include "state.h"

#include <string.h>

#include "domain/employee.h"

// Which attribute a member is, or -1.
static int attribute_of(const struct features *features, const char *name)
{
    int at = features_find_header(features, bytes_from_string(name));
    for (size_t i = 0; at < 0 && i < features->count; i++)
        if (strcmp(features->attributes[i].column, name) == 0)
            at = (int)i;
    return at;
}

enum err state_read(const struct features *features, const struct json *object, struct value *ret,
                    struct why *why)
{
    bool is_there[FEATURES_MAX] = {false}, has_any = false;
    if (json_kind(object) != JSON_KIND_OBJECT)
        return why_say(why, ERR_REJECT, "the document is not an object");
    memset(ret, 0, features->count * sizeof *ret); // VALUE_NULL is 0
    void *iterator = NULL;
    const char *name = NULL;
    const struct json *node = NULL;
    while ((node = json_next(object, &iterator, &name)) != NULL) {
        int at = attribute_of(features, name);
        if (at < 0)
            continue;
        if (is_there[at])
            return why_say(why, ERR_REJECT, "%s stands twice", features->attributes[at].name);
        if (!json_as_value(node, &ret[at]))
            return why_say(why, ERR_REJECT, "%s is neither number nor text nor null",
                           features->attributes[at].name);
        is_there[at] = has_any = true;
    }
    if (!has_any)
        return why_say(why, ERR_REJECT, "no member is an attribute of the features file");
    return employee_check_attributes(features, ret, why);
}
