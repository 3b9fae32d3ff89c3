// SPDX-License-Identifier: MIT
#include "json/json.h"

#include <string.h>

#include "json/quick.h"

// An object of numbers and texts, read without a tree. What is not there in such documents is not
// known here, and is told apart from nothing that is malformed: whoever hears "no" asks json_parse.

static bool read_value(struct scan *scan, struct value *ret)
{
    if (scan_char(scan, '"')) {
        *ret = (struct value){.kind = VALUE_TEXT, .text = scan_plain(scan)};
        return scan_char(scan, '"');
    }
    if (scan->end - scan->at >= 4 && memcmp(scan->at, "null", 4) == 0) {
        scan->at += 4;
        *ret = (struct value){.kind = VALUE_NULL};
        return true;
    }
    return scan_number(scan, ret);
}

static bool read_member(struct scan *scan, json_take *take, void *context)
{
    struct value value;
    scan_blanks(scan);
    if (!scan_char(scan, '"'))
        return false;
    struct bytes name = scan_plain(scan);
    if (!scan_char(scan, '"'))
        return false;
    scan_blanks(scan);
    if (!scan_char(scan, ':'))
        return false;
    scan_blanks(scan);
    if (!read_value(scan, &value))
        return false;
    scan_blanks(scan);
    return take(context, name, &value);
}

bool json_each_flat(struct bytes in, json_take *take, void *context)
{
    struct scan scan = {in.data, in.data + in.len};
    if (in.len == 0 || !utf8_is_valid(in))
        return false;
    scan_blanks(&scan);
    if (!scan_char(&scan, '{'))
        return false;
    do {
        if (!read_member(&scan, take, context))
            return false;
    } while (scan_char(&scan, ','));
    if (!scan_char(&scan, '}'))
        return false;
    scan_blanks(&scan);
    return scan.at == scan.end;
}
