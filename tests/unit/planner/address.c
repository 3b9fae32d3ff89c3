// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/compiler.h"
#include "planner/address.h"

static struct address parse(const char *url)
{
    struct address address = {0};
    struct why why = {0};
    assert_ok(address_parse(url, &address, &why), &why);
    return address;
}

static void this_machine_and_private_numbers_are_private(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://localhost",     "http://LOCALHOST:8080", "http://llm.localhost/v1",
        "http://127.0.0.1",     "http://127.9.9.9:1/x",  "http://10.0.0.1",
        "http://172.16.0.1",    "http://172.31.255.255", "http://192.168.1.1:8000/v1",
        "http://[::1]:8080/v1", "http://[fd00::7]",      "https://10.1.2.3",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        if (!parse(urls[i]).is_private)
            fail_msg("%s is not private", urls[i]);
}

static void all_else_is_public(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://llama:8080",
        "http://example.com",
        "http://172.32.0.1",
        "http://11.0.0.1",
        "http://192.169.0.1",
        "http://[2001:db8::1]",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://127.1",
        "http://0x7f.0.0.1",
        "http://notlocalhost",
        "http://[::ffff:8.8.8.8]",
        "http://169.254.169.254",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        if (parse(urls[i]).is_private)
            fail_msg("%s is private", urls[i]);
}

static void slashes_at_the_end_are_cut_and_a_path_is_seen(void **state)
{
    (void)state;
    assert_true(bytes_equal_string(parse("https://a.example//").base, "https://a.example"));
    assert_false(parse("https://a.example/").has_path);
    assert_true(bytes_equal_string(parse("https://a.example/v1/").base, "https://a.example/v1"));
    assert_true(parse("https://a.example/v1").has_path);
    assert_true(parse("https://a.example").is_https);
    assert_false(parse("http://a.example").is_https);
}

static void what_is_no_address_or_holds_a_secret_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        NULL,
        "",
        "ftp://a",
        "a.example",
        "https:/a",
        "https://",
        "http:///v1",
        "https://[::1",
        "https://u:p@a",
        "https://a/?key=1",
        "https://a#x",
        "https://a b",
        "https://a\r\nX: y",
        "https://\xc3\xa9",
        "https://:80",
        "HTTPS://a",
    };
    struct address address = {0};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct why why = {0};
        assert_err(address_parse(urls[i], &address, &why), ERR_REJECT, &why);
        assert_true(why.text[0] != '\0');
    }
    char large[600];
    memset(large, 'a', sizeof large);
    memcpy(large, "https://", 8);
    large[sizeof large - 1] = '\0';
    assert_int_equal(address_parse(large, &address, NULL), ERR_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_and_private_numbers_are_private),
        cmocka_unit_test(all_else_is_public),
        cmocka_unit_test(slashes_at_the_end_are_cut_and_a_path_is_seen),
        cmocka_unit_test(what_is_no_address_or_holds_a_secret_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
