// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "csv/csv.h"

static const struct csv_options options = {
    .row_bytes_max = 4096, .field_bytes_max = 1024, .columns_max = 16};

// Reads `in` in pieces of `piece` bytes and writes what came out as text: a line per row, with its
// fields in brackets, so that two readings can be compared.
static void transcribe(const struct csv_options *with, struct bytes in, size_t piece,
                       struct text *out)
{
    CLEANUP(csv_free_p) struct csv *csv = csv_new(with);
    struct csv_row row;
    enum csv_step step;
    size_t at = 0;
    while ((step = csv_next(csv, &row)) != CSV_END) {
        if (step == CSV_MORE) {
            size_t room = 0;
            uint8_t *place = csv_room(csv, &room);
            size_t len = in.len - at < piece ? in.len - at : piece;
            if (len > room)
                len = room;
            if (len > 0)
                memcpy(place, in.data + at, len);
            csv_filled(csv, len);
            at += len;
            continue;
        }
        struct why why = {.code = "fine"};
        IGNORE(csv_check(csv, &row, &why)); // its code is part of the transcript
        assert_int_equal(text_printf(out, "%zu-%zu@%zu-%zu %s", row.line, row.last_line,
                                     (size_t)row.offset, (size_t)row.next_offset, why.code),
                         ERR_OK);
        for (size_t i = 0; i < row.count; i++) {
            assert_int_equal(text_append_string(out, " ["), ERR_OK);
            assert_int_equal(text_append(out, row.fields[i].data, row.fields[i].len), ERR_OK);
            assert_int_equal(text_append_string(out, "]"), ERR_OK);
        }
        assert_int_equal(text_append_string(out, "\n"), ERR_OK);
    }
}

static void expect(const char *in, const char *expected)
{
    CLEANUP(text_done) struct text out = TEXT_INIT(1 << 20);
    transcribe(&options, bytes_from_string(in), SIZE_MAX, &out);
    assert_string_equal(text_string(&out), expected);
}

static void fields_are_split_and_lines_counted(void **state)
{
    (void)state;
    expect("a,b\n1,2\n,\n", "1-1@0-4 fine [a] [b]\n2-2@4-8 fine [1] [2]\n3-3@8-10 fine [] []\n");
}

static void a_last_line_needs_no_line_end(void **state)
{
    (void)state;
    expect("a,b\n1,2", "1-1@0-4 fine [a] [b]\n2-2@4-7 fine [1] [2]\n");
    expect("a,b\n1,", "1-1@0-4 fine [a] [b]\n2-2@4-6 fine [1] []\n");
    expect("a,b\n1,\"2\"", "1-1@0-4 fine [a] [b]\n2-2@4-9 fine [1] [2]\n");
    expect("", "");
}

static void crlf_ends_lines_as_lf_does(void **state)
{
    (void)state;
    expect("a,b\r\n1,2\r\n\"3\",\"4\"\r\n5,6\r",
           "1-1@0-5 fine [a] [b]\n2-2@5-10 fine [1] [2]\n3-3@10-19 fine [3] [4]\n"
           "4-4@19-23 fine [5] [6]\n");
}

static void a_header_that_ends_with_cr_alone_makes_lines_end_so(void **state)
{
    (void)state;
    expect("a;b\r1;2\r\r\"3\";\"4\"\r5;\"6\n\r\"\r\"7\";8",
           "1-1@0-4 fine [a] [b]\n2-2@4-8 fine [1] [2]\n4-4@9-17 fine [3] [4]\n"
           "5-6@17-25 fine [5] [6\n\r]\n7-7@25-30 fine [7] [8]\n");
    expect("\"a\r\",\"b\"\r1,2\r", "1-2@0-9 fine [a\r] [b]\n3-3@9-13 fine [1] [2]\n");
    // Only the header decides, and a CR in front of an LF ends nothing.
    expect("a,b\n1,2\r3,4\n", "1-1@0-4 fine [a] [b]\n2-2@4-12 field-count [1] [2\r3] [4]\n");
    expect("a,b\r\r\n1,2\n", "1-1@0-6 fine [a] [b\r]\n2-2@6-10 fine [1] [2]\n");
    struct csv_options piped = options;
    piped.delimiter = '|';
    CLEANUP(text_done) struct text out = TEXT_INIT(1 << 20);
    transcribe(&piped, bytes_from_string("a|b\r1|2\r"), SIZE_MAX, &out);
    assert_string_equal(text_string(&out), "1-1@0-4 fine [a] [b]\n2-2@4-8 fine [1] [2]\n");
}

static void a_byte_order_mark_is_no_part_of_the_first_name(void **state)
{
    (void)state;
    expect("\xef\xbb\xbf"
           "a,b\n1,2\n",
           "1-1@3-7 fine [a] [b]\n2-2@7-11 fine [1] [2]\n");
    expect("\xef\xbb\xbf", "");
}

static void quoted_fields_keep_delimiters_line_breaks_and_doubled_quotes(void **state)
{
    (void)state;
    expect("a,b,c\n\"x,y\",\"one\ntwo\r\nthree\",\"he said \"\"no\"\"\"\nd,e,f\n",
           "1-1@0-6 fine [a] [b] [c]\n"
           "2-4@6-46 fine [x,y] [one\ntwo\r\nthree] [he said \"no\"]\n"
           "5-5@46-52 fine [d] [e] [f]\n");
    expect("a,b\n\"\",\"\"\"\"\n", "1-1@0-4 fine [a] [b]\n2-2@4-12 fine [] [\"]\n");
}

static void a_quote_inside_an_unquoted_field_is_a_character(void **state)
{
    (void)state;
    expect("a,b\n5\" pipe,x\"\"\n", "1-1@0-4 fine [a] [b]\n2-2@4-16 fine [5\" pipe] [x\"\"]\n");
}

static void the_delimiter_is_the_commonest_of_the_header(void **state)
{
    (void)state;
    expect("a;b;c,d\n1;2;3\n", "1-1@0-8 fine [a] [b] [c,d]\n2-2@8-14 fine [1] [2] [3]\n");
    expect("a\tb\n1\t2\n", "1-1@0-4 fine [a] [b]\n2-2@4-8 fine [1] [2]\n");
    expect("\"a;;;\",b\n1,2\n", "1-1@0-9 fine [a;;;] [b]\n2-2@9-13 fine [1] [2]\n");
    expect("alone\n1\n", "1-1@0-6 fine [alone]\n2-2@6-8 fine [1]\n");
}

static void a_given_delimiter_is_not_looked_for(void **state)
{
    (void)state;
    struct csv_options piped = options;
    piped.delimiter = '|';
    CLEANUP(text_done) struct text out = TEXT_INIT(1 << 20);
    transcribe(&piped, bytes_from_string("a,b|c\n1|2\n"), SIZE_MAX, &out);
    assert_string_equal(text_string(&out), "1-1@0-6 fine [a,b] [c]\n2-2@6-10 fine [1] [2]\n");
}

static void lines_with_nothing_in_them_are_no_rows(void **state)
{
    (void)state;
    expect("a,b\n\n1,2\r\n\r\n\n3,4\n\n",
           "1-1@0-4 fine [a] [b]\n3-3@5-10 fine [1] [2]\n6-6@13-17 fine [3] [4]\n");
    expect("a,b\n  \n1,2\n \t\r\n ,\n\" \"\n\t",
           "1-1@0-4 fine [a] [b]\n3-3@7-11 fine [1] [2]\n5-5@15-18 fine [ ] []\n"
           "6-6@18-22 field-count [ ]\n");
}

static void a_row_with_another_number_of_fields_is_refused_alone(void **state)
{
    (void)state;
    expect("a,b\n1\n1,2,3\n1,2\n", "1-1@0-4 fine [a] [b]\n2-2@4-6 field-count [1]\n"
                                   "3-3@6-12 field-count [1] [2] [3]\n4-4@12-16 fine [1] [2]\n");
}

static void bytes_that_are_no_text_are_refused_by_row(void **state)
{
    (void)state;
    static const char in[] = "a,b\n1,\xff\n1,x\0y\n1,Zo\xc3\xab\n\xed\xa0\x80,2\n1,2\n";
    static const char expected[] = "1-1@0-4 fine [a] [b]\n2-2@4-8 invalid-utf8 [1] [\xff]\n"
                                   "3-3@8-14 nul-byte [1] [x\0y]\n4-4@14-21 fine [1] [Zo\xc3\xab]\n"
                                   "5-5@21-27 invalid-utf8 [\xed\xa0\x80] [2]\n"
                                   "6-6@27-31 fine [1] [2]\n";
    CLEANUP(text_done) struct text out = TEXT_INIT(1 << 20);
    transcribe(&options, bytes_of(in, sizeof in - 1), SIZE_MAX, &out);
    assert_int_equal(out.len, sizeof expected - 1);
    assert_memory_equal(out.data, expected, sizeof expected - 1);
}

static void what_follows_a_closing_quote_is_refused_up_to_the_line_end(void **state)
{
    (void)state;
    expect("a,b\n\"x\"y,2\n1,\"2\"\r3\n1,2\n",
           "1-1@0-4 fine [a] [b]\n2-2@4-11 bad-quote [x\"y] [2]\n"
           "3-3@11-19 bad-quote [1] [2\"\r3]\n4-4@19-23 fine [1] [2]\n");
}

static void an_unclosed_quote_takes_the_rest_of_the_file_and_says_so(void **state)
{
    (void)state;
    expect("a,b\n1,\"2\n3,4\n5,6\n",
           "1-1@0-4 fine [a] [b]\n2-4@4-17 unclosed-quote [1] [2\n3,4\n5,6\n]\n");
}

// What somebody typed into a field must never become a row, however long the text is.
static void rows_inside_an_overlong_quoted_field_stay_inside(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text in = TEXT_INIT(1 << 20), out = TEXT_INIT(1 << 20);
    assert_int_equal(text_append_string(&in, "a,b\n1,\""), ERR_OK);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(text_append_string(&in, "9,9\n"), ERR_OK);
    assert_int_equal(text_append_string(&in, "\"\n1,2\n"), ERR_OK);
    transcribe(&options, text_bytes(&in), 100, &out);
    assert_string_equal(text_string(&out), "1-1@0-4 fine [a] [b]\n2-2002@4-8009 row-too-long\n"
                                           "2003-2003@8009-8013 fine [1] [2]\n");
}

static void limits_refuse_the_row_and_no_other(void **state)
{
    (void)state;
    struct csv_options small = {.row_bytes_max = 20, .field_bytes_max = 5, .columns_max = 3};
    CLEANUP(text_done) struct text out = TEXT_INIT(1 << 20);
    transcribe(&small,
               bytes_from_string("a,b,c\n1,123456,3\n1,2,3,4\n1111,2222,3333,44444\n"
                                 "12345,12345,1234567\n12345,12345,123456\n1,2,3\n"),
               SIZE_MAX, &out);
    assert_string_equal(text_string(&out),
                        "1-1@0-6 fine [a] [b] [c]\n2-2@6-17 field-too-long [1] [123456] [3]\n"
                        "3-3@17-25 too-many-fields [1] [2] [3]\n4-4@25-46 row-too-long\n"
                        "5-5@46-66 field-too-long [12345] [12345] [1234567]\n"
                        "6-6@66-85 field-too-long [12345] [12345] [123456]\n"
                        "7-7@85-91 fine [1] [2] [3]\n");
}

static const char *const torture[] = {
    "\xef\xbb\xbf\"na\"\"me\";b;c\r\n\"one\r\n\"\"two\"\"\";;\"\"\r\n\r\n;;\r\n\"x\"y;2;3\r\n"
    "1;2\r\n1;\"a;b\";\xe2\x82\xac\r\nlast;\"line\";\"",
    "a,b\n\"\"\"\"\"\",\"\"\n\"\n\n\n\",\r\n\r,\r\n\"\"x,y\n\xff\xfe,1\nz,\"\"\"",
    "\xef\xbb",
    "\n\n\r\na\tb,\n1\t2\n\"\"\t\"\"\n",
    "\"\n",
    "a,b\n0123456789012345678901234567890123456789,1\n\"0123456789\n01234567890\"\"1234567890\n\",2"
    "\n1,2\n",
    "\"a\r\"\"\";b\r1;2\r\n\r\r\"x\r\ny\";\"\"\r;\r\"z\"",
    "a,b\r\r\n1,2\n \t \n                                            \n3,4\r",
};

static void it_makes_no_difference_where_the_bytes_were_cut(void **state)
{
    (void)state;
    struct csv_options small = {.row_bytes_max = 40, .field_bytes_max = 30, .columns_max = 8};
    const struct csv_options *const both[] = {&options, &small};
    for (size_t i = 0; i < ARRAY_LEN(torture) * 2; i++) {
        struct bytes in = bytes_from_string(torture[i / 2]);
        CLEANUP(text_done) struct text whole = TEXT_INIT(1 << 20);
        transcribe(both[i % 2], in, SIZE_MAX, &whole);
        for (size_t piece = 1; piece <= in.len; piece++) {
            CLEANUP(text_done) struct text cut = TEXT_INIT(1 << 20);
            transcribe(both[i % 2], in, piece, &cut);
            assert_int_equal(cut.len, whole.len);
            if (whole.len > 0)
                assert_memory_equal(cut.data, whole.data, whole.len);
        }
    }
}

// Bytes that mean something to the reader, at random: no crash, no endless loop, the same rows
// however they are cut, and every byte belongs to one row or to a blank line.
static void random_bytes_are_read_the_same_way_however_they_are_cut(void **state)
{
    (void)state;
    static const char alphabet[] = "a,\"\n\r;\t\xc3\xabx\"\n,";
    struct csv_options small = {.row_bytes_max = 60, .field_bytes_max = 20, .columns_max = 4};
    uint64_t seed = 88172645463325252U;
    for (int round = 0; round < 3000; round++) {
        char in[200];
        size_t len = 0;
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        for (size_t most = seed % sizeof in; len < most; len++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            in[len] = alphabet[seed % (sizeof alphabet)];
        }
        CLEANUP(text_done) struct text whole = TEXT_INIT(1 << 20), cut = TEXT_INIT(1 << 20);
        transcribe(&small, bytes_of(in, len), SIZE_MAX, &whole);
        transcribe(&small, bytes_of(in, len), 1 + seed % 7, &cut);
        assert_int_equal(cut.len, whole.len);
        if (whole.len > 0)
            assert_memory_equal(cut.data, whole.data, whole.len);
    }
}

static void reading_goes_on_at_the_start_of_any_row(void **state)
{
    (void)state;
    static const char in[] = "a;b\n1;2\n\"x\ny\";4\n5;6\n";
    CLEANUP(csv_free_p) struct csv *csv = csv_new(&options);
    struct csv_row row;
    size_t room = 0;
    assert_int_equal(csv_next(csv, &row), CSV_MORE);
    memcpy(csv_room(csv, &room), in, 4);
    csv_filled(csv, 4);
    assert_int_equal(csv_next(csv, &row), CSV_ROW);
    csv_seek(csv, 16, 5);
    assert_int_equal(csv_next(csv, &row), CSV_MORE);
    memcpy(csv_room(csv, &room), in + 16, 4);
    csv_filled(csv, 4);
    assert_int_equal(csv_next(csv, &row), CSV_ROW);
    assert_int_equal(row.line, 5);
    assert_int_equal(row.offset, 16);
    assert_int_equal(row.next_offset, 20);
    assert_true(bytes_equal_string(row.fields[0], "5"));
    assert_true(bytes_equal_string(row.fields[1], "6"));
    csv_room(csv, &room);
    csv_filled(csv, 0);
    assert_int_equal(csv_next(csv, &row), CSV_END);
    assert_int_equal(csv_delimiter(csv), ';');
}

static void a_file_larger_than_the_buffer_is_read_row_by_row(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text in = TEXT_INIT(8 << 20);
    assert_int_equal(text_append_string(&in, "id,text\n"), ERR_OK);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(text_printf(&in, "%d,\"row \"\"%d\"\" of many\"\n", i, i), ERR_OK);
    CLEANUP(csv_free_p) struct csv *csv = csv_new(&options);
    struct csv_row row;
    enum csv_step step;
    size_t at = 0, rows = 0;
    while ((step = csv_next(csv, &row)) != CSV_END) {
        if (step == CSV_MORE) {
            size_t room = 0;
            uint8_t *place = csv_room(csv, &room);
            size_t len = in.len - at < room ? in.len - at : room;
            memcpy(place, in.data + at, len);
            csv_filled(csv, len);
            at += len;
        } else if (rows++ > 0) {
            char expected[64];
            snprintf(expected, sizeof expected, "row \"%zu\" of many", rows - 2);
            assert_int_equal(row.fault, CSV_FINE);
            assert_true(bytes_equal_string(row.fields[1], expected));
            assert_int_equal(in.data[row.offset], expected[5]);
        }
    }
    assert_int_equal(rows, 50001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_split_and_lines_counted),
        cmocka_unit_test(a_last_line_needs_no_line_end),
        cmocka_unit_test(crlf_ends_lines_as_lf_does),
        cmocka_unit_test(a_header_that_ends_with_cr_alone_makes_lines_end_so),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_name),
        cmocka_unit_test(quoted_fields_keep_delimiters_line_breaks_and_doubled_quotes),
        cmocka_unit_test(a_quote_inside_an_unquoted_field_is_a_character),
        cmocka_unit_test(the_delimiter_is_the_commonest_of_the_header),
        cmocka_unit_test(a_given_delimiter_is_not_looked_for),
        cmocka_unit_test(lines_with_nothing_in_them_are_no_rows),
        cmocka_unit_test(a_row_with_another_number_of_fields_is_refused_alone),
        cmocka_unit_test(bytes_that_are_no_text_are_refused_by_row),
        cmocka_unit_test(what_follows_a_closing_quote_is_refused_up_to_the_line_end),
        cmocka_unit_test(an_unclosed_quote_takes_the_rest_of_the_file_and_says_so),
        cmocka_unit_test(rows_inside_an_overlong_quoted_field_stay_inside),
        cmocka_unit_test(limits_refuse_the_row_and_no_other),
        cmocka_unit_test(it_makes_no_difference_where_the_bytes_were_cut),
        cmocka_unit_test(random_bytes_are_read_the_same_way_however_they_are_cut),
        cmocka_unit_test(reading_goes_on_at_the_start_of_any_row),
        cmocka_unit_test(a_file_larger_than_the_buffer_is_read_row_by_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
