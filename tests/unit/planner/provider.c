// SPDX-License-Identifier: MIT
#include "unit/planner/reading.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/settings.h"
#include "planner/limits.h"

static void expect_refused(const struct provider_settings *settings, const char *named)
{
    struct why why = {0};
    assert_err(provider_check(settings, &why), ERR_FATAL, &why);
    if (strstr(why.text, named) == NULL)
        fail_msg("\"%s\" does not name %s", why.text, named);
    assert_null(strstr(why.text, "secret"));
}

static void settings_that_can_work_are_taken(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(provider_check(&gemini, &why), &why);
    assert_ok(provider_check(&openai, &why), &why);
    struct provider_settings settings = openai;
    settings.key = NULL; // a server of one's own needs none
    assert_ok(provider_check(&settings, &why), &why);
    settings.base_url = "http://llama:8080/v1";
    settings.allows_http = true;
    assert_ok(provider_check(&settings, &why), &why);
    settings = openai;
    settings.base_url = "https://router.huggingface.co/v1";
    settings.model = "openai/gpt-oss-120b:groq";
    assert_ok(provider_check(&settings, &why), &why);
}

static void gemini_needs_the_statement_that_its_key_is_paid_for(void **state)
{
    (void)state;
    struct provider_settings settings = gemini;
    settings.is_paid_tier = false;
    expect_refused(&settings, "GEMINI_PAID_TIER=yes");
    expect_refused(&settings, "read by people");
    settings = openai; // which has no such tiers
    assert_false(settings.is_paid_tier);
    assert_int_equal(provider_check(&settings, NULL), ERR_OK);
}

static void plain_http_is_for_one_s_own_network(void **state)
{
    (void)state;
    struct provider_settings settings = openai;
    settings.base_url = "http://203.0.113.7/v1";
    expect_refused(&settings, "LLM_ALLOW_HTTP");
    settings.base_url = "http://llama:8080";
    expect_refused(&settings, "OPENAI_BASE_URL");
    settings = gemini;
    settings.base_url = "http://generativelanguage.googleapis.com";
    expect_refused(&settings, "GEMINI_BASE_URL");
    settings.base_url = "https://generativelanguage.googleapis.com?key=secret";
    expect_refused(&settings, "GEMINI_BASE_URL");
}

static void what_is_missing_or_cannot_be_sent_is_named(void **state)
{
    (void)state;
    struct provider_settings settings = gemini;
    settings.key = "";
    expect_refused(&settings, "GEMINI_API_KEY");
    settings.base_url = "http://127.0.0.1:8080"; // a stand-in wants one too
    expect_refused(&settings, "GEMINI_API_KEY");
    settings.key = "secret\r\nX: y";
    expect_refused(&settings, "GEMINI_API_KEY");
    settings = gemini;
    settings.model = "";
    expect_refused(&settings, "GEMINI_MODEL");
    settings.model = "models/gemini-3.8-flash";
    expect_refused(&settings, "GEMINI_MODEL");
    settings.model = "a?key=b";
    expect_refused(&settings, "GEMINI_MODEL");
    settings = gemini;
    settings.thinking = "low";
    expect_refused(&settings, "GEMINI_THINKING");
    settings = gemini;
    settings.structured = provider_structured_from("json");
    expect_refused(&settings, "GEMINI_STRUCTURED");
    settings = gemini;
    settings.max_output_tokens = 8193;
    expect_refused(&settings, "GEMINI_MAX_OUTPUT_TOKENS");
    settings = gemini;
    settings.usd_out = (double)NAN;
    expect_refused(&settings, "GEMINI_PRICE_OUT");
    settings = gemini;
    settings.timeout_ms = 0;
    expect_refused(&settings, "LLM_TIMEOUT");
    settings = openai;
    settings.base_url = "https://router.huggingface.co/v1";
    settings.key = "";
    expect_refused(&settings, "OPENAI_API_KEY");
    settings = openai;
    settings.base_url = "";
    expect_refused(&settings, "OPENAI_BASE_URL");
    settings.base_url = openai.base_url;
    settings.model = "a model";
    expect_refused(&settings, "OPENAI_MODEL");
}

struct settings {
#define SETTING SETTING_MEMBER
#include "planner/settings.def"
#undef SETTING
};

static const struct setting table[] = {
#define SETTING SETTING_ROW
#include "planner/settings.def"
#undef SETTING
};

static void the_settings_of_a_program_make_providers_and_limits(void **state)
{
    (void)state;
    struct settings settings;
    struct why why = {0};
    int rest = 0;
    bool is_done = false;
    const struct settings_spec spec = {.program = "test",
                                       .purpose = "",
                                       .usage = "",
                                       .table = table,
                                       .count = ARRAY_LEN(table),
                                       .struct_bytes = sizeof settings};
    char *argv[] = {mem_dup("test"),
                    mem_dup("--gemini-api-key=k"),
                    mem_dup("--gemini-paid-tier=yes"),
                    mem_dup("--openai-base-url=http://127.0.0.1:8080"),
                    mem_dup("--openai-model=m"),
                    NULL};
    assert_ok(settings_load(&spec, &settings, 5, argv, &rest, &is_done, &why), &why);
    assert_ok(provider_check(&PROVIDER_GEMINI_SETTINGS(&settings), &why), &why);
    assert_ok(provider_check(&PROVIDER_OPENAI_SETTINGS(&settings), &why), &why);
    const struct limits_settings limits = LIMITS_SETTINGS(&settings, gemini, true);
    assert_int_equal(limits.micro_usd_per_day, 10000000);
    assert_int_equal(limits.requests_per_minute, 60);
    assert_int_equal(limits.kept_percent, 25);
    settings_free(&spec, &settings);
    for (size_t i = 0; i < 5; i++)
        free(argv[i]);
}

static void a_prompt_that_is_too_large_is_not_sent(void **state)
{
    (void)state;
    struct why why = {0};
    struct provider_request request = {0};
    CLEANUP(mem_free_p) uint8_t *large = mem_zalloc(PROVIDER_BODY_MAX);
    const struct provider_prompt prompt = {.user = bytes_of(large, PROVIDER_BODY_MAX)};
    assert_err(provider_build(&gemini, &prompt, &request, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "prompt-too-large");
    assert_err(provider_build(&openai, &prompt, &request, &why), ERR_REJECT, &why);
    assert_null(request.body.data);
}

static void a_call_without_a_reply_is_tried_again_unless_it_can_never_work(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        enum provider_outcome outcome;
        const char *said;
    } failures[] = {
        {ERR_RETRY, PROVIDER_AGAIN, "Connection refused"},
        {ERR_RETRY, PROVIDER_AGAIN, "Connection reset by peer"},
        {ERR_RETRY, PROVIDER_AGAIN, "Operation timed out"},
        {ERR_STOP, PROVIDER_AGAIN, "stopping"},
        {ERR_REJECT, PROVIDER_REGENERATE, "the answer is over 262144 bytes"},
        {ERR_FATAL, PROVIDER_STOP_CONFIG, "certificate is not trusted"},
    };
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct provider_answer answer;
        struct why why = {0};
        why_say(&why, failures[i].err, "%s", failures[i].said);
        provider_read_failure(&gemini, failures[i].err, &why, &answer);
        assert_int_equal(answer.outcome, failures[i].outcome);
        assert_non_null(strstr(answer.why.text, failures[i].said));
        assert_false(answer.has_use);
        assert_sound(&answer);
        provider_answer_done(&answer);
    }
}

static void estimates_round_up_and_more_tokens_have_an_end(void **state)
{
    (void)state;
    const struct provider_prompt prompt = {.system = bytes_from_string("12345"),
                                           .user = bytes_from_string("6789"),
                                           .max_output_tokens = 100};
    assert_int_equal(provider_estimate_tokens(&prompt), 103);
    // 3 * 0.75 + 100 * 3.75 = 377.25
    assert_int_equal(provider_estimate_micro_usd(&gemini, &prompt), 378);
    assert_int_equal(provider_more_tokens(2048), 4096);
    assert_int_equal(provider_more_tokens(4097), 8192);
    assert_int_equal(provider_more_tokens(8192), 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_that_can_work_are_taken),
        cmocka_unit_test(gemini_needs_the_statement_that_its_key_is_paid_for),
        cmocka_unit_test(plain_http_is_for_one_s_own_network),
        cmocka_unit_test(what_is_missing_or_cannot_be_sent_is_named),
        cmocka_unit_test(the_settings_of_a_program_make_providers_and_limits),
        cmocka_unit_test(a_prompt_that_is_too_large_is_not_sent),
        cmocka_unit_test(a_call_without_a_reply_is_tried_again_unless_it_can_never_work),
        cmocka_unit_test(estimates_round_up_and_more_tokens_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
