// SPDX-License-Identifier: MIT
#include "faults.h"

#include <string.h>

#include "base/compiler.h"

const struct fault_row fault_rows[FAULT_COUNT] = {
#define FAULT(name, number, kind, ...) {#name, number, KIND_##kind, {__VA_ARGS__}},
#include "faults.def"
#undef FAULT
};

size_t fault_variant_count(enum fault fault)
{
    size_t count = 0;
    while (count < VARIANTS_MAX && fault_rows[fault].variants[count] != NULL)
        count++;
    return count;
}

bool fault_find(struct bytes reference, enum fault *ret, int *ret_variant)
{
    const uint8_t *colon = reference.len == 0 ? NULL : memchr(reference.data, ':', reference.len);
    size_t len = colon == NULL ? reference.len : (size_t)(colon - reference.data);
    struct bytes name = bytes_of(reference.data, len);
    size_t i = 0;
    while (i < FAULT_COUNT && !bytes_equal_string(name, fault_rows[i].name))
        i++;
    if (i == FAULT_COUNT)
        return false;
    *ret = (enum fault)i;
    *ret_variant = 0;
    if (colon == NULL)
        return true;
    struct bytes variant = bytes_of(colon + 1, reference.len - len - 1);
    if (bytes_equal_string(variant, "*")) {
        *ret_variant = VARIANT_EACH;
        return true;
    }
    for (size_t k = 0; k < fault_variant_count(*ret); k++)
        if (bytes_equal_string(variant, fault_rows[i].variants[k])) {
            *ret_variant = (int)k;
            return true;
        }
    return false;
}

enum wire fault_wire(enum fault fault, int variant)
{
    return fault == FAULT_wire ? (enum wire)variant : WIRE_NONE;
}

bool wire_is_raw(enum wire wire)
{
    switch (wire) {
    case WIRE_DRIP:
    case WIRE_RESET:
    case WIRE_SHORT:
    case WIRE_CHUNKED:
    case WIRE_CHUNKED_OPEN:
    case WIRE_HEADERS_ONLY:
        return true;
    case WIRE_REFUSE:
    case WIRE_SILENT:
    case WIRE_GZIP:
    case WIRE_REDIRECT:
    case WIRE_LARGE:
    case WIRE_NONE:
        return false;
    }
    return false;
}
