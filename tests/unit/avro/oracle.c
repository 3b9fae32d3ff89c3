// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>

#include "avro/program.h"
#include "base/compiler.h"
#include "base/text.h"
#include "support/avro_oracle.h"

// Thousands of random schemas' records, encoded by the Avro library and decoded by both: equal
// values. Then the same bytes broken: what our program accepts the library must accept with equal
// values, up to the last byte. What our program refuses the library refuses too, but for what it is
// known not to check (version 1.11):
//   bad-enum-index   it takes any index
//   bad-boolean      it takes any byte
//   invalid-utf8     it takes any bytes
//   trailing-bytes   it reads one value and stops: compared by how far it read
//   bad-varint       it takes the 10th byte of a number whole, though one bit of it fits
//   bad-length, too-many-items   it allocates what the length says before it looks for the bytes,
//   and
//                    loses that memory: such bodies are not shown to it

enum { SCHEMAS = 500, RECORDS = 14, MUTATIONS = 10, FIELDS = 12, WANTED_MAX = FIELDS };

static uint64_t seed = 0x9e3779b97f4a7c15U;

static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static unsigned random_below(unsigned limit)
{
    return (unsigned)(random_bits() % limit);
}

static unsigned names;

static void must(enum err err)
{
    assert_int_equal(err, ERR_OK);
}

// Kinds 0..7 are plain, 8 and 9 are enum and fixed, the rest have types inside.
static void write_type(struct text *out, unsigned depth, bool is_in_union)
{
    static const char *const plain[] = {"\"null\"",  "\"boolean\"", "\"int\"",   "\"long\"",
                                        "\"float\"", "\"double\"",  "\"bytes\"", "\"string\""};
    unsigned kind = random_below(depth == 0 ? 10 : 14);
    if (kind < 8) {
        must(text_append_string(out, plain[kind]));
    } else if (kind == 8) {
        must(text_printf(
            out, "{\"type\":\"enum\",\"name\":\"N%u\",\"symbols\":[\"A\",\"BB\",\"C\"]}", names++));
    } else if (kind == 9) {
        must(text_printf(out, "{\"type\":\"fixed\",\"name\":\"N%u\",\"size\":%u}", names,
                         1 + random_below(9)));
        names++;
    } else if (kind == 10 || (kind == 12 && is_in_union)) {
        must(text_append_string(out, "{\"type\":\"array\",\"items\":"));
        write_type(out, depth - 1, false);
        must(text_append_string(out, "}"));
    } else if (kind == 11) {
        must(text_append_string(out, "{\"type\":\"map\",\"values\":"));
        write_type(out, depth - 1, false);
        must(text_append_string(out, "}"));
    } else if (kind == 12) {
        bool is_null_first = random_below(2) == 0;
        must(text_append_string(out, is_null_first ? "[\"null\"," : "["));
        switch (random_below(4)) {
        case 0:
            must(text_append_string(out, "\"int\""));
            break;
        case 1:
            must(text_append_string(out, "\"string\""));
            break;
        case 2:
            must(text_append_string(out, "\"double\",\"string\",\"boolean\""));
            break;
        default:
            must(text_append_string(out, "\"long\",{\"type\":\"array\",\"items\":"));
            write_type(out, depth - 1, false);
            must(text_append_string(out, "}"));
        }
        must(text_append_string(out, is_null_first ? "]" : ",\"null\"]"));
    } else {
        must(text_printf(out, "{\"type\":\"record\",\"name\":\"N%u\",\"fields\":[", names++));
        unsigned count = 1 + random_below(3); // the library cannot hold arrays of empty records
        for (unsigned i = 0; i < count; i++) {
            must(text_printf(out, "%s{\"name\":\"f%u\",\"type\":", i == 0 ? "" : ",", i));
            write_type(out, depth - 1, false);
            must(text_append_string(out, "}"));
        }
        must(text_append_string(out, "]}"));
    }
}

static void write_schema(struct text *out)
{
    text_clear(out);
    names = 0;
    must(text_append_string(out, "{\"type\":\"record\",\"name\":\"Top\",\"fields\":["));
    for (unsigned i = 0; i < FIELDS; i++) {
        must(text_printf(out, "%s{\"name\":\"f%u\",\"type\":", i == 0 ? "" : ",", i));
        write_type(out, 3, false);
        must(text_append_string(out, "}"));
    }
    must(text_append_string(out, "]}"));
}

static int64_t random_integer(bool is_int)
{
    int64_t value = (int64_t)(random_bits() >> random_below(64));
    if (random_below(2) == 0)
        value = -value;
    return is_int ? (int32_t)value : value;
}

static double random_double(void)
{
    static const double special[] = {
        0.0, -0.0, 1.0, (double)NAN, (double)INFINITY, -(double)INFINITY, 5e-324};
    if (random_below(3) == 0)
        return special[random_below(ARRAY_LEN(special))];
    uint64_t bits = random_bits();
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void fill(avro_value_t *value);

static void fill_text(avro_value_t *value, bool is_string)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "Sales",
                                        "Forschung & Entwicklung",
                                        "\xc3\xa4\xc3\xb6",
                                        "sixteen bytes...",
                                        "\xf0\x9f\x99\x82 and more text behind it"};
    const char *text = texts[random_below(ARRAY_LEN(texts))];
    union {
        const char *text;
        void *data;
    } cast = {.text = text};
    if (is_string)
        avro_value_set_string(value, text);
    else
        avro_value_set_bytes(value, cast.data, strlen(text));
}

static void fill_items(avro_value_t *value, bool is_map)
{
    unsigned count = random_below(4);
    for (unsigned i = 0; i < count; i++) {
        avro_value_t item;
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        if (is_map)
            avro_value_add(value, key, &item, NULL, NULL);
        else
            avro_value_append(value, &item, NULL);
        fill(&item);
    }
}

static void fill(avro_value_t *value)
{
    avro_value_t child;
    size_t count = 0;
    uint8_t fixed[16] = {1, 2, 3, 0xff, 0x80};
    avro_schema_t schema = avro_value_get_schema(value);
    switch ((int)avro_value_get_type(value)) {
    case AVRO_NULL:
        avro_value_set_null(value);
        break;
    case AVRO_BOOLEAN:
        avro_value_set_boolean(value, (int)random_below(2));
        break;
    case AVRO_INT32:
        avro_value_set_int(value, (int32_t)random_integer(true));
        break;
    case AVRO_INT64:
        avro_value_set_long(value, random_integer(false));
        break;
    case AVRO_FLOAT:
        avro_value_set_float(value, (float)random_integer(true) / 8);
        break;
    case AVRO_DOUBLE:
        avro_value_set_double(value, random_double());
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        fill_text(value, avro_value_get_type(value) == AVRO_STRING);
        break;
    case AVRO_ENUM:
        avro_value_set_enum(value, (int)random_below(3));
        break;
    case AVRO_FIXED:
        avro_value_set_fixed(value, fixed, (size_t)avro_schema_fixed_size(schema));
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        fill_items(value, avro_value_get_type(value) == AVRO_MAP);
        break;
    case AVRO_UNION:
        avro_value_set_branch(value, (int)random_below((unsigned)avro_schema_union_size(schema)),
                              &child);
        fill(&child);
        break;
    case AVRO_RECORD:
        avro_value_get_size(value, &count);
        for (size_t i = 0; i < count; i++) {
            avro_value_get_by_index(value, i, &child, NULL);
            fill(&child);
        }
        break;
    case AVRO_LINK:
        break;
    }
}

// A schema with our program for some of its fields, and the library's tools for all.
struct bench {
    struct text schema_text;
    avro_schema_t schema;
    avro_value_iface_t *iface;
    struct avro_program *program;
    unsigned places[WANTED_MAX]; // of the wanted fields in the record
    size_t wanted;
};

static bool is_plain(avro_schema_t schema)
{
    switch ((int)avro_typeof(schema)) {
    case AVRO_RECORD:
    case AVRO_FIXED:
    case AVRO_ARRAY:
    case AVRO_MAP:
        return false;
    case AVRO_UNION:
        for (size_t i = 0; i < avro_schema_union_size(schema); i++)
            if (!is_plain(avro_schema_union_branch(schema, (int)i)))
                return false;
        return true;
    default:
        return true;
    }
}

static void bench_open(struct bench *bench)
{
    static const char *const field_names[FIELDS] = {"f0", "f1", "f2", "f3", "f4",  "f5",
                                                    "f6", "f7", "f8", "f9", "f10", "f11"};
    write_schema(&bench->schema_text);
    struct bytes json = text_bytes(&bench->schema_text);
    assert_int_equal(
        avro_schema_from_json_length((const char *)json.data, json.len, &bench->schema), 0);
    bench->iface = avro_generic_class_from_schema(bench->schema);
    assert_non_null(bench->iface);
    struct avro_field fields[WANTED_MAX];
    bench->wanted = 0;
    for (unsigned i = FIELDS; i-- > 0;) { // another order than the writer's
        avro_schema_t field = avro_schema_record_field_get_by_index(bench->schema, (int)i);
        if (!is_plain(field) || random_below(3) == 0)
            continue;
        unsigned takes = AVRO_TAKES_NULL | AVRO_TAKES_BOOLEAN | AVRO_TAKES_REAL | AVRO_TAKES_TEXT;
        if (random_below(3) > 0)
            takes |= AVRO_TAKES_INTEGER;
        fields[bench->wanted] = (struct avro_field){field_names[i], takes, true};
        bench->places[bench->wanted++] = i;
    }
    struct why why = {0};
    assert_ok(avro_program_compile(json, fields, bench->wanted, &bench->program, &why), &why);
}

static void bench_close(struct bench *bench)
{
    avro_program_free(TAKE(bench->program));
    avro_value_iface_decref(bench->iface);
    avro_schema_decref(bench->schema);
}

static void compare(const struct bench *bench, const struct value *ours, avro_value_t *theirs)
{
    for (size_t i = 0; i < bench->wanted; i++) {
        avro_value_t field;
        avro_value_get_by_index(theirs, bench->places[i], &field, NULL);
        if (!avro_oracle_is_same(&ours[i], &field))
            fail_msg("field %u differs; schema %s", bench->places[i],
                     text_string(&bench->schema_text));
    }
}

struct tally {
    size_t accepted;
    size_t refused;
};

static bool is_shown_to_the_library(const char *code)
{
    return strcmp(code, "truncated") == 0 || strcmp(code, "bad-union-index") == 0 ||
           strcmp(code, "trailing-bytes") == 0;
}

static void check_broken(const struct bench *bench, struct bytes body, avro_value_t *scratch,
                         struct tally *tally)
{
    struct value ours[WANTED_MAX] = {0};
    struct why why = {0};
    size_t used = 0;
    enum err err = avro_program_run(bench->program, body, ours, &why);
    if (err == ERR_OK) {
        tally->accepted++;
        if (!avro_oracle_reads(body, scratch, &used))
            fail_msg("the library refuses what we read: %s; schema %s", avro_strerror(),
                     text_string(&bench->schema_text));
        assert_int_equal(used, body.len);
        compare(bench, ours, scratch);
        return;
    }
    tally->refused++;
    assert_int_equal(err, ERR_REJECT);
    if (!is_shown_to_the_library(why.code))
        return;
    bool is_read = avro_oracle_reads(body, scratch, &used);
    if (strcmp(why.code, "trailing-bytes") == 0 ? !is_read || used >= body.len : is_read)
        fail_msg("the library %s what is %s; schema %s", is_read ? "reads" : "refuses", why.text,
                 text_string(&bench->schema_text));
}

static void mutate(const char *from, size_t len, char *to, size_t *ret_len)
{
    memcpy(to, from, len);
    switch (len == 0 ? 2 : random_below(4)) {
    case 0: // shorter
        len = random_below((unsigned)len);
        break;
    case 1: // another byte
        to[random_below((unsigned)len)] = (char)random_bits();
        break;
    case 2: // longer
        to[len++] = (char)random_bits();
        break;
    default: // another bit
        to[random_below((unsigned)len)] ^= (char)(1u << random_below(8));
    }
    *ret_len = len;
}

static void check_record(const struct bench *bench, avro_value_t *value, avro_value_t *scratch,
                         struct tally *tally)
{
    static char encoded[65536], broken[65536 + 1];
    avro_value_reset(value);
    fill(value);
    avro_writer_t writer = avro_writer_memory(encoded, sizeof encoded);
    assert_int_equal(avro_value_write(writer, value), 0);
    size_t len = (size_t)avro_writer_tell(writer), broken_len = 0;
    avro_writer_free(writer);
    struct value ours[WANTED_MAX] = {0};
    struct why why = {0};
    assert_ok(avro_program_run(bench->program, bytes_of(encoded, len), ours, &why), &why);
    compare(bench, ours, value);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        mutate(encoded, len, broken, &broken_len);
        // In memory of just its size, so that a read beyond the end is seen by AddressSanitizer.
        char *exact = malloc(broken_len == 0 ? 1 : broken_len);
        assert_non_null(exact);
        memcpy(exact, broken, broken_len);
        check_broken(bench, bytes_of(exact, broken_len), scratch, tally);
        free(exact);
    }
}

static void random_records_and_their_mutations_decode_as_with_the_library(void **state)
{
    (void)state;
    struct tally tally = {0};
    struct bench bench = {.schema_text = TEXT_INIT(65536)};
    for (unsigned i = 0; i < SCHEMAS; i++) {
        bench_open(&bench);
        avro_value_t value, scratch;
        avro_generic_value_new(bench.iface, &value);
        avro_generic_value_new(bench.iface, &scratch);
        for (unsigned r = 0; r < RECORDS; r++)
            check_record(&bench, &value, &scratch, &tally);
        avro_value_decref(&value);
        avro_value_decref(&scratch);
        bench_close(&bench);
    }
    text_done(&bench.schema_text);
    print_message("%d records; of %zu broken ones %zu were refused\n", SCHEMAS * RECORDS,
                  tally.accepted + tally.refused, tally.refused);
    assert_true(tally.accepted > 5000);
    assert_true(tally.refused > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_records_and_their_mutations_decode_as_with_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
