// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "avro/program.h"
#include "base/compiler.h"
#include "base/mem.h"

// Bytes and schemas written by hand: what the specification says, one rule a test.

enum {
    ANY = AVRO_TAKES_NULL | AVRO_TAKES_BOOLEAN | AVRO_TAKES_INTEGER | AVRO_TAKES_REAL |
          AVRO_TAKES_TEXT,
};

#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define BODY(literal)     bytes_of(literal, sizeof(literal) - 1)

static struct avro_program *compiled(const char *schema, const struct avro_field *fields,
                                     size_t count)
{
    struct why why = {0};
    struct avro_program *program = NULL;
    assert_ok(avro_program_compile(bytes_from_string(schema), fields, count, &program, &why), &why);
    return program;
}

static void assert_compile_refused(const char *schema, const struct avro_field *fields,
                                   size_t count, const char *code)
{
    struct why why = {0};
    struct avro_program *program = NULL;
    assert_err(avro_program_compile(bytes_from_string(schema), fields, count, &program, &why),
               ERR_REJECT, &why);
    assert_string_equal(why.code, code);
    assert_null(program);
}

// One wanted field "x" of type `type`, taken as `takes`.
static struct value read_x(const char *schema, unsigned takes, struct bytes body)
{
    const struct avro_field x = {"x", takes, true};
    struct avro_program *program CLEANUP(avro_program_free_p) = compiled(schema, &x, 1);
    struct why why = {0};
    struct value value = {0};
    assert_ok(avro_program_run(program, body, &value, &why), &why);
    return value;
}

static void assert_run_refused(const char *schema, const struct avro_field *fields, size_t count,
                               struct bytes body, const char *code)
{
    struct avro_program *program CLEANUP(avro_program_free_p) = compiled(schema, fields, count);
    struct why why = {0};
    struct value values[8] = {0};
    assert_err(avro_program_run(program, body, values, &why), ERR_REJECT, &why);
    if (strcmp(why.code, code) != 0)
        fail_msg("code %s, not %s: %s", why.code, code, why.text);
}

static void assert_x_refused(const char *schema, struct bytes body, const char *code)
{
    const struct avro_field x = {"x", ANY, true};
    assert_run_refused(schema, &x, 1, body, code);
    // The same bytes of the same type are refused alike where nobody wants the field.
    if (strcmp(code, "invalid-utf8") != 0 && strcmp(code, "schema-mismatch") != 0)
        assert_run_refused(schema, NULL, 0, body, code);
}

static void primitives_are_read(void **state)
{
    (void)state;
    assert_int_equal(read_x(RECORD(FIELD("x", "\"int\"")), ANY, BODY("\x03")).integer, -2);
    assert_int_equal(read_x(RECORD(FIELD("x", "\"long\"")), ANY,
                            BODY("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
                         .integer,
                     INT64_MIN);
    assert_int_equal(read_x(RECORD(FIELD("x", "\"long\"")), ANY,
                            BODY("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
                         .integer,
                     INT64_MAX);
    assert_true(read_x(RECORD(FIELD("x", "\"boolean\"")), ANY, BODY("\x01")).boolean);
    assert_near(read_x(RECORD(FIELD("x", "\"double\"")), ANY, BODY("\0\0\0\0\0\0\xf8\x3f")).real,
                1.5, 0);
    assert_near(read_x(RECORD(FIELD("x", "\"float\"")), ANY, BODY("\0\0\xc0\x3f")).real, 1.5, 0);
    struct value text = read_x(RECORD(FIELD("x", "\"string\"")), ANY,
                               BODY("\x06"
                                    "foo"));
    assert_int_equal(text.kind, VALUE_TEXT);
    assert_true(bytes_equal_string(text.text, "foo"));
    assert_int_equal(read_x(RECORD(FIELD("x", "\"bytes\"")), ANY, BODY("\x00")).text.len, 0);
    assert_int_equal(read_x(RECORD(FIELD("x", "\"null\"")), ANY, BODY("")).kind, VALUE_NULL);
}

static void an_enum_is_its_symbol(void **state)
{
    (void)state;
    const struct avro_field x = {"x", AVRO_TAKES_TEXT, true};
    struct avro_program *program CLEANUP(avro_program_free_p) = compiled(
        RECORD(FIELD("x", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"BC\"]}")), &x, 1);
    struct value value = {0};
    struct why why = {0};
    assert_ok(avro_program_run(program, BODY("\x02"), &value, &why), &why);
    assert_true(bytes_equal_string(value.text, "BC"));
}

static void nan_and_infinity_pass(void **state)
{
    (void)state;
    const char *schema = RECORD(FIELD("x", "\"double\""));
    assert_true(isnan(read_x(schema, ANY, BODY("\0\0\0\0\0\0\xf8\x7f")).real));
    assert_true(isinf(read_x(schema, ANY, BODY("\0\0\0\0\0\0\xf0\x7f")).real));
}

static void unions_of_null_work_in_either_order_and_with_more_branches(void **state)
{
    (void)state;
    const char *first = RECORD(FIELD("x", "[\"null\",\"int\"]"));
    const char *last = RECORD(FIELD("x", "[\"int\",\"null\"]"));
    const char *three = RECORD(FIELD("x", "[\"string\",\"null\",\"double\",\"int\"]"));
    assert_int_equal(read_x(first, ANY, BODY("\x00")).kind, VALUE_NULL);
    assert_int_equal(read_x(first, ANY, BODY("\x02\x08")).integer, 4);
    assert_int_equal(read_x(last, ANY, BODY("\x02")).kind, VALUE_NULL);
    assert_int_equal(read_x(last, ANY, BODY("\x00\x08")).integer, 4);
    assert_true(bytes_equal_string(read_x(three, ANY, BODY("\x00\x02z")).text, "z"));
    assert_int_equal(read_x(three, ANY, BODY("\x02")).kind, VALUE_NULL);
    assert_near(read_x(three, ANY, BODY("\x04\0\0\0\0\0\0\xf8\x3f")).real, 1.5, 0);
    assert_int_equal(read_x(three, ANY, BODY("\x06\x05")).integer, -3);
}

static void whole_numbers_become_reals_where_only_reals_are_taken(void **state)
{
    (void)state;
    struct value value = read_x(RECORD(FIELD("x", "\"int\"")), AVRO_TAKES_REAL, BODY("\x0e"));
    assert_int_equal(value.kind, VALUE_REAL);
    assert_near(value.real, 7, 0);
    value = read_x(RECORD(FIELD("x", "[\"null\",\"long\"]")), AVRO_TAKES_REAL | AVRO_TAKES_NULL,
                   BODY("\x02\x0e"));
    assert_int_equal(value.kind, VALUE_REAL);
    assert_near(value.real, 7, 0);
}

static void a_field_that_the_writer_lacks_is_null(void **state)
{
    (void)state;
    const struct avro_field fields[] = {{"new", AVRO_TAKES_INTEGER | AVRO_TAKES_NULL, false},
                                        {"x", AVRO_TAKES_INTEGER, true}};
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(RECORD(FIELD("x", "\"int\"")), fields, 2);
    struct value values[2] = {{.kind = VALUE_TEXT}, {.kind = VALUE_TEXT}};
    struct why why = {0};
    assert_ok(avro_program_run(program, BODY("\x02"), values, &why), &why);
    assert_int_equal(values[0].kind, VALUE_NULL);
    assert_int_equal(values[1].integer, 1);
}

static void fields_are_matched_by_name_whatever_their_order_and_width(void **state)
{
    (void)state;
    const struct avro_field fields[] = {{"a", AVRO_TAKES_INTEGER | AVRO_TAKES_REAL, true},
                                        {"b", AVRO_TAKES_TEXT, true}};
    static const struct {
        const char *schema;
        struct bytes body;
        enum value_kind kind;
    } versions[] = {
        {RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"string\"")),
         {(const uint8_t *)"\x06\x02q", 3},
         VALUE_INTEGER},
        {RECORD(FIELD("b", "\"string\"") "," FIELD("a", "\"long\"")),
         {(const uint8_t *)"\x02q\x06", 3},
         VALUE_INTEGER},
        {RECORD(FIELD("b", "\"bytes\"") "," FIELD("gone", "\"long\"") "," FIELD("a", "\"double\"")),
         {(const uint8_t *)"\x02q\x06\0\0\0\0\0\0\x08\x40", 11},
         VALUE_REAL},
        {RECORD(FIELD("a", "\"float\"") "," FIELD("b", "\"string\"")),
         {(const uint8_t *)"\0\0\x40\x40\x02q", 6},
         VALUE_REAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct avro_program *program CLEANUP(avro_program_free_p) =
            compiled(versions[i].schema, fields, 2);
        struct value values[2] = {0};
        struct why why = {0};
        assert_ok(avro_program_run(program, versions[i].body, values, &why), &why);
        assert_int_equal(values[0].kind, versions[i].kind);
        assert_near(values[0].kind == VALUE_REAL ? values[0].real : (double)values[0].integer, 3,
                    0);
        assert_true(bytes_equal_string(values[1].text, "q"));
    }
}

// Behind each of these stands x, an int of value 5: it is found only if all before it was skipped.
#define EXTRA(type) RECORD(FIELD("extra", type) "," FIELD("x", "\"int\""))

static void extra_fields_of_any_type_are_skipped(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        struct bytes body;
    } cases[] = {
#define CASE(type, bytes)                                                                          \
    {                                                                                              \
        EXTRA(type),                                                                               \
        {                                                                                          \
            (const uint8_t *)bytes "\x0a", sizeof(bytes "\x0a") - 1                                \
        }                                                                                          \
    }
        CASE("\"null\"", ""),
        CASE("\"boolean\"", "\x01"),
        CASE("\"long\"", "\xfe\xff\x7f"),
        CASE("\"float\"", "1234"),
        CASE("\"double\"", "12345678"),
        CASE("\"bytes\"", "\x04\xff\xfe"),
        CASE("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", "abc"),
        CASE("{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}", ""),
        CASE("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "\x02"),
        CASE("{\"type\":\"array\",\"items\":\"int\"}", "\x04\x01\x02\x02\x03\x00"),
        CASE("{\"type\":\"array\",\"items\":\"int\"}", "\x03\x04\x01\x02\x00"), // -2, 2 bytes
        CASE("{\"type\":\"array\",\"items\":\"null\"}", "\x14\x06\x00"),
        CASE("{\"type\":\"array\",\"items\":\"null\"}", "\x13\x00\x00"), // -10, 0 bytes
        CASE("{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"string\"}}",
             "\x04\x02\x02z\x00\x00\x02\x00\x00"),
        CASE("{\"type\":\"map\",\"values\":[\"null\",\"string\"]}",
             "\x04\x02k\x00\x02l\x02\x04mn\x00"),
        CASE("{\"type\":\"map\",\"values\":\"null\"}", "\x02\x02k\x00"),
        CASE("{\"type\":\"record\",\"name\":\"S\",\"fields\":[" FIELD("i", "\"int\"") "," FIELD(
                 "u", "[\"null\",{\"type\":\"array\",\"items\":\"int\"},\"string\"]") "]}",
             "\x02\x02\x02\x02\x00"),
        CASE("[\"null\",{\"type\":\"map\",\"values\":\"int\"}]", "\x02\x02\x02k\x0c\x00"),
#undef CASE
    };
    const struct avro_field x = {"x", AVRO_TAKES_INTEGER, true};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct avro_program *program CLEANUP(avro_program_free_p) =
            compiled(cases[i].schema, &x, 1);
        struct value value = {0};
        struct why why = {0};
        enum err err = avro_program_run(program, cases[i].body, &value, &why);
        if (err != ERR_OK || value.integer != 5)
            fail_msg("case %zu (%s): %s", i, cases[i].schema, why.text);
        // Cut anywhere, it is refused: no read goes beyond the end.
        for (size_t len = 0; len < cases[i].body.len; len++)
            assert_int_equal(
                avro_program_run(program, bytes_of(cases[i].body.data, len), &value, &why),
                ERR_REJECT);
    }
}

static void broken_values_are_refused_with_their_code(void **state)
{
    (void)state;
    const char *text = RECORD(FIELD("x", "\"string\""));
    assert_x_refused(text, BODY(""), "truncated");
    assert_x_refused(text, BODY("\x80"), "truncated");
    assert_x_refused(text,
                     BODY("\x06"
                          "fo"),
                     "bad-length");
    assert_x_refused(text, BODY("\x01"), "bad-length");
    assert_x_refused(text, BODY("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "bad-length");
    assert_x_refused(text, BODY("\x02\xff"), "invalid-utf8");
    assert_x_refused(text,
                     BODY("\x12"
                          "12345678\xc3"),
                     "invalid-utf8");
    assert_x_refused(text, BODY("\x02zz"), "trailing-bytes");
    const char *integer = RECORD(FIELD("x", "\"int\""));
    assert_x_refused(integer, BODY("\x80\x80\x80\x80\x20"), "bad-varint"); // 2^32
    assert_x_refused(RECORD(FIELD("x", "\"long\"")),
                     BODY("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "bad-varint");
    assert_x_refused(RECORD(FIELD("x", "\"long\"")),
                     BODY("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"), "bad-varint");
    assert_x_refused(RECORD(FIELD("x", "\"boolean\"")), BODY("\x02"), "bad-boolean");
    assert_x_refused(RECORD(FIELD("x", "\"double\"")), BODY("1234567"), "truncated");
    assert_x_refused(RECORD(FIELD("x", "\"float\"")), BODY("123"), "truncated");
    const char *either = RECORD(FIELD("x", "[\"null\",\"int\"]"));
    assert_x_refused(either, BODY("\x04\x00"), "bad-union-index");
    assert_x_refused(either, BODY("\x01\x00"), "bad-union-index");
    assert_x_refused(RECORD(FIELD("x", "[\"null\",\"int\",\"string\"]")), BODY("\x06"),
                     "bad-union-index");
    const char *word = RECORD(FIELD("x", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}"));
    assert_x_refused(word, BODY("\x02"), "bad-enum-index");
    assert_x_refused(word, BODY("\x01"), "bad-enum-index");
}

static void hostile_blocks_are_refused_before_their_items(void **state)
{
    (void)state;
    const char *ints = RECORD(FIELD("a", "{\"type\":\"array\",\"items\":\"int\"}"));
    const char *nulls = RECORD(FIELD("a", "{\"type\":\"array\",\"items\":\"null\"}"));
    const char *map = RECORD(FIELD("a", "{\"type\":\"map\",\"values\":\"int\"}"));
    struct bytes huge = BODY("\x80\x80\x80\x80\x80\x01\x00");
    assert_run_refused(ints, NULL, 0, huge, "too-many-items");
    assert_run_refused(nulls, NULL, 0, huge, "too-many-items");
    assert_run_refused(map, NULL, 0, huge, "too-many-items");
    // -2^63 items of 0 bytes
    assert_run_refused(ints, NULL, 0, BODY("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"),
                       "too-many-items");
    // -1 item of 3 bytes, which has 1; of -1 byte; of more than there are
    assert_run_refused(ints, NULL, 0, BODY("\x01\x06\x02\x02\x02\x00"), "bad-length");
    assert_run_refused(ints, NULL, 0, BODY("\x01\x01\x02\x00"), "bad-length");
    assert_run_refused(ints, NULL, 0, BODY("\x01\x20\x02\x00"), "bad-length");
    assert_run_refused(nulls, NULL, 0, BODY("\x01\x02\x00\x00"), "bad-length");
    // no end
    assert_run_refused(ints, NULL, 0, BODY("\x02\x02"), "truncated");
}

static void null_and_strange_branches_are_refused_where_they_come(void **state)
{
    (void)state;
    const struct avro_field x = {"x", AVRO_TAKES_INTEGER, true};
    const char *schema = RECORD(FIELD("x", "[\"null\",\"int\",\"string\"]"));
    assert_run_refused(schema, &x, 1, BODY("\x00"), "null-value");
    assert_run_refused(schema, &x, 1, BODY("\x04\x02z"), "schema-mismatch");
    assert_int_equal(read_x(schema, AVRO_TAKES_INTEGER, BODY("\x02\x06")).integer, 3);
}

static void types_that_never_fit_are_refused_when_compiled(void **state)
{
    (void)state;
    const struct avro_field x = {"x", AVRO_TAKES_INTEGER | AVRO_TAKES_NULL, true};
    assert_compile_refused(RECORD(FIELD("x", "\"string\"")), &x, 1, "schema-mismatch");
    assert_compile_refused(RECORD(FIELD("x", "[\"null\",\"string\"]")), &x, 1, "schema-mismatch");
    assert_compile_refused(RECORD(FIELD("x", "{\"type\":\"array\",\"items\":\"int\"}")), &x, 1,
                           "schema-mismatch");
    assert_compile_refused(RECORD(FIELD("x", "\"double\"")), &x, 1, "schema-mismatch");
    assert_compile_refused(RECORD(FIELD("y", "\"int\"")), &x, 1, "schema-mismatch");
    assert_compile_refused("\"int\"", &x, 1, "schema-mismatch");
    assert_compile_refused("{\"type\":\"array\",\"items\":\"int\"}", &x, 1, "schema-mismatch");
}

static void hostile_schemas_are_refused(void **state)
{
    (void)state;
    assert_compile_refused("", NULL, 0, "bad-schema");
    assert_compile_refused("{", NULL, 0, "bad-schema");
    assert_compile_refused("{\"type\":\"nothing\"}", NULL, 0, "bad-schema");
    assert_compile_refused(RECORD(FIELD("x", "\"Unknown\"")), NULL, 0, "bad-schema");
    assert_compile_refused(RECORD(FIELD("x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}")),
                           NULL, 0, "bad-schema");
    assert_compile_refused(RECORD(FIELD("x", "\"R\"")), NULL, 0, "bad-schema"); // holds itself
    assert_compile_refused(RECORD(FIELD("next", "[\"null\",\"R\"]")), NULL, 0, "bad-schema");
    const struct avro_field x = {"x", ANY, true};
    assert_compile_refused(RECORD(FIELD("x", "\"int\"") "," FIELD("x", "\"int\"")), &x, 1,
                           "bad-schema");
}

static void a_schema_that_grows_by_references_is_refused(void **state)
{
    (void)state;
    // Each of T1 .. T9 has four fields of the type before it: 4^9 types in the end.
    struct text schema CLEANUP(text_done) = TEXT_INIT(16384);
    assert_int_equal(text_append_string(&schema, "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                                 "{\"name\":\"f0\",\"type\":{\"type\":\"record\","
                                                 "\"name\":\"T0\",\"fields\":[]}}"),
                     ERR_OK);
    for (unsigned i = 1; i < 10; i++)
        assert_int_equal(
            text_printf(
                &schema,
                ",{\"name\":\"f%u\",\"type\":{\"type\":\"record\",\"name\":\"T%u\","
                "\"fields\":[{\"name\":\"a\",\"type\":\"T%u\"},{\"name\":\"b\",\"type\":"
                "\"T%u\"},{\"name\":\"c\",\"type\":\"T%u\"},{\"name\":\"d\",\"type\":\"T%u\"}]}}",
                i, i, i - 1, i - 1, i - 1, i - 1),
            ERR_OK);
    assert_int_equal(text_append_string(&schema, "]}"), ERR_OK);
    assert_compile_refused(text_string(&schema), NULL, 0, "schema-too-large");
}

#define MAP RECORD(FIELD("x", "{\"type\":\"map\",\"values\":\"string\"}"))

static size_t read_map(const char *schema, struct bytes body, struct bytes items[][2])
{
    struct value value = read_x(schema, AVRO_TAKES_MAP | AVRO_TAKES_NULL, body);
    return avro_map_items(&value, items);
}

static void a_map_of_texts_is_its_items_in_their_order(void **state)
{
    (void)state;
    struct bytes items[AVRO_MAP_ITEMS_MAX][2];
    assert_int_equal(read_map(MAP, BODY("\x00"), items), 0);
    // Two blocks, the second with its size; an empty value.
    assert_int_equal(read_map(MAP, BODY("\x04\x02k\x02v\x02l\x00\x01\x08\x02m\x02w\x00"), items),
                     3);
    assert_true(bytes_equal_string(items[0][0], "k") && bytes_equal_string(items[0][1], "v"));
    assert_true(bytes_equal_string(items[1][0], "l") && bytes_equal_string(items[1][1], ""));
    assert_non_null(items[1][1].data);
    assert_true(bytes_equal_string(items[2][0], "m") && bytes_equal_string(items[2][1], "w"));
    const char *either = RECORD(FIELD("x", "[\"null\",{\"type\":\"map\",\"values\":\"string\"}]"));
    assert_int_equal(read_map(either, BODY("\x00"), items), 0);
    assert_int_equal(read_map(either, BODY("\x02\x02\x02k\x02v\x00"), items), 1);
}

static void the_field_behind_a_map_is_found(void **state)
{
    (void)state;
    const struct avro_field fields[] = {{"m", AVRO_TAKES_MAP, true},
                                        {"x", AVRO_TAKES_INTEGER, true}};
    const char *schema =
        RECORD(FIELD("m", "{\"type\":\"map\",\"values\":\"string\"}") "," FIELD("x", "\"int\""));
    struct avro_program *program CLEANUP(avro_program_free_p) = compiled(schema, fields, 2);
    struct bytes body = BODY("\x02\x02k\x02v\x00\x0a");
    struct value values[2] = {0};
    struct why why = {0};
    assert_ok(avro_program_run(program, body, values, &why), &why);
    assert_int_equal(values[1].integer, 5);
    for (size_t len = 0; len < body.len; len++)
        assert_int_equal(avro_program_run(program, bytes_of(body.data, len), values, &why),
                         ERR_REJECT);
}

// A map of `count` items whose names and values have these lengths.
static void put_map(struct text *out, unsigned count, unsigned name_len, unsigned value_len)
{
    static const char letters[256] = "";
    uint8_t head[2] = {(uint8_t)((2 * count & 0x7f) | 0x80), (uint8_t)(2 * count >> 7)};
    assert_int_equal(text_append(out, head, sizeof head), ERR_OK);
    for (unsigned i = 0; i < 2 * count; i++) {
        unsigned len = i % 2 == 0 ? name_len : value_len;
        uint8_t size[2] = {(uint8_t)((2 * len & 0x7f) | 0x80), (uint8_t)(2 * len >> 7)};
        assert_int_equal(text_append(out, size, sizeof size), ERR_OK);
        assert_int_equal(text_append(out, letters, len), ERR_OK);
    }
    assert_int_equal(text_append(out, "", 1), ERR_OK);
}

static void a_map_over_its_bounds_is_refused(void **state)
{
    (void)state;
    const struct avro_field x = {"x", AVRO_TAKES_MAP, true};
    static const struct {
        unsigned count, name_len, value_len;
        bool is_fine;
    } cases[] = {{64, 64, 64, true}, {65, 1, 1, false}, {1, 65, 1, false}, {1, 1, 65, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text body CLEANUP(text_done) = TEXT_INIT(65536);
        put_map(&body, cases[i].count, cases[i].name_len, cases[i].value_len);
        struct bytes items[AVRO_MAP_ITEMS_MAX][2];
        if (cases[i].is_fine)
            assert_int_equal(read_map(MAP, text_bytes(&body), items), cases[i].count);
        else
            assert_run_refused(MAP, &x, 1, text_bytes(&body), "map-too-large");
    }
    // 40 and 40 in two blocks
    struct text body CLEANUP(text_done) = TEXT_INIT(65536);
    put_map(&body, 40, 1, 1);
    body.len--;
    put_map(&body, 40, 1, 1);
    assert_run_refused(MAP, &x, 1, text_bytes(&body), "map-too-large");
}

// Bytes changed at random in a good map of two blocks: refused, or items that lie in the body.
static void mutated_maps_never_reach_beyond_the_body(void **state)
{
    (void)state;
    static const uint8_t good[] = "\x04\x0ctenure\x18"
                                  "2 to 5 years\x10overtime\x06yes\x01\x1a\x0c"
                                  "travel\x0arare!";
    const struct avro_field x = {"x", AVRO_TAKES_MAP, true};
    struct avro_program *program CLEANUP(avro_program_free_p) = compiled(MAP, &x, 1);
    struct bytes items[AVRO_MAP_ITEMS_MAX][2];
    struct value value = {0};
    uint64_t seed = 0x2545f4914f6cdd1dU;
    size_t taken = 0;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t *body CLEANUP(mem_free_p) = mem_array(sizeof good, 1); // a place for ASan to watch
        memcpy(body, good, sizeof good);
        for (unsigned changes = 1 + round % 3; changes > 0; changes--) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            body[(seed >> 33) % sizeof good] = (uint8_t)(seed >> 56);
        }
        if (avro_program_run(program, bytes_of(body, sizeof good), &value, NULL) != ERR_OK)
            continue;
        size_t count = avro_map_items(&value, items);
        for (size_t i = 0; i < 2 * count; i++) {
            struct bytes text = items[i / 2][i % 2];
            assert_true(text.data > body && text.data + text.len <= body + sizeof good);
        }
        taken += count > 0;
    }
    assert_true(taken > 1000 && taken < 19000);
}

static void broken_maps_are_refused_with_their_code(void **state)
{
    (void)state;
    const struct avro_field x = {"x", AVRO_TAKES_MAP, true};
    assert_run_refused(MAP, &x, 1, BODY(""), "truncated");
    assert_run_refused(MAP, &x, 1, BODY("\x02\x02k\x02v"), "truncated");
    assert_run_refused(MAP, &x, 1, BODY("\x80\x80\x80\x80\x80\x01\x00"), "too-many-items");
    assert_run_refused(MAP, &x, 1, BODY("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"),
                       "too-many-items");
    assert_run_refused(MAP, &x, 1, BODY("\x02\x02k\x0av\x00"), "bad-length");
    assert_run_refused(MAP, &x, 1, BODY("\x01\x0a\x02k\x02v\x00"), "bad-length");
    assert_run_refused(MAP, &x, 1, BODY("\x02\x02k\x02\xff\x00"), "invalid-utf8");
    assert_run_refused(MAP, &x, 1, BODY("\x00\x00"), "trailing-bytes");
    assert_compile_refused(RECORD(FIELD("x", "{\"type\":\"map\",\"values\":\"int\"}")), &x, 1,
                           "schema-mismatch");
    assert_compile_refused(RECORD(FIELD("x", "\"string\"")), &x, 1, "schema-mismatch");
}

static void a_fault_names_its_field_and_byte(void **state)
{
    (void)state;
    const struct avro_field x = {"salary_grade", AVRO_TAKES_TEXT, true};
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(RECORD(FIELD("id", "\"long\"") "," FIELD("salary_grade", "\"string\"")), &x, 1);
    struct value value = {0};
    struct why why = {0};
    assert_err(avro_program_run(program, BODY("\x80\x01\x08xy"), &value, &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "salary_grade"));
    assert_non_null(strstr(why.text, "byte 2 "));
    assert_int_equal(avro_program_run(program, BODY(""), &value, NULL), ERR_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_are_read),
        cmocka_unit_test(an_enum_is_its_symbol),
        cmocka_unit_test(nan_and_infinity_pass),
        cmocka_unit_test(unions_of_null_work_in_either_order_and_with_more_branches),
        cmocka_unit_test(whole_numbers_become_reals_where_only_reals_are_taken),
        cmocka_unit_test(a_field_that_the_writer_lacks_is_null),
        cmocka_unit_test(fields_are_matched_by_name_whatever_their_order_and_width),
        cmocka_unit_test(extra_fields_of_any_type_are_skipped),
        cmocka_unit_test(broken_values_are_refused_with_their_code),
        cmocka_unit_test(hostile_blocks_are_refused_before_their_items),
        cmocka_unit_test(null_and_strange_branches_are_refused_where_they_come),
        cmocka_unit_test(types_that_never_fit_are_refused_when_compiled),
        cmocka_unit_test(hostile_schemas_are_refused),
        cmocka_unit_test(a_schema_that_grows_by_references_is_refused),
        cmocka_unit_test(a_map_of_texts_is_its_items_in_their_order),
        cmocka_unit_test(the_field_behind_a_map_is_found),
        cmocka_unit_test(a_map_over_its_bounds_is_refused),
        cmocka_unit_test(mutated_maps_never_reach_beyond_the_body),
        cmocka_unit_test(broken_maps_are_refused_with_their_code),
        cmocka_unit_test(a_fault_names_its_field_and_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
