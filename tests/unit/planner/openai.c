// SPDX-License-Identifier: MIT
#include "unit/planner/reading.h"

static void every_fault_and_every_server_s_way_is_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(openai_cases); i++)
        check_case(&openai, &openai_cases[i]);
}

static void reasoning_is_no_output_but_is_paid_for(void **state)
{
    (void)state;
    struct provider_answer answer;
    struct provider_settings settings = openai;
    settings.usd_in = 1;
    settings.usd_out = 2;
    read_reply(&settings, 200, NULL, bytes_from_string(openai_cases[0].body), &answer);
    assert_int_equal(answer.input_tokens, 400);
    assert_int_equal(answer.output_tokens, 180);
    assert_int_equal(answer.thought_tokens, 120);
    assert_int_equal(provider_micro_usd(&settings, &answer), 1000);
    assert_string_equal(answer.model_version, "m/x:y");
    provider_answer_done(&answer);
}

static void the_request_is_understood_by_all(void **state)
{
    (void)state;
    struct provider_request request;
    struct why why = {0};
    const struct provider_prompt prompt = {.system = bytes_from_string("Be brief."),
                                           .user = bytes_from_string("{}"),
                                           .max_output_tokens = 2048};
    assert_ok(provider_build(&openai, &prompt, &request, &why), &why);
    assert_string_equal(text_string(&request.url), "http://127.0.0.1:8080/v1/chat/completions");
    assert_string_equal(
        text_string(&request.body),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
        "{\"role\":\"user\",\"content\":\"{}\"}],\"max_tokens\":2048,"
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
        "\"name\":\"retention_plan\",\"strict\":true,\"schema\":{"
        "\"type\":\"object\",\"additionalProperties\":false,"
        "\"required\":[\"action_1\",\"action_2\",\"action_3\"],"
        "\"properties\":{\"action_1\":{\"type\":\"string\"},\"action_2\":{\"type\":\"string\"},"
        "\"action_3\":{\"type\":\"string\"}}}}}}");
    assert_int_equal(request.header_count, 3);
    assert_string_equal(request.headers[2].name, "Authorization");
    assert_string_equal(request.headers[2].value, "Bearer " SECRET_KEY);
    provider_request_done(&request);
}

static void a_server_that_takes_no_schema_or_no_key_gets_none(void **state)
{
    (void)state;
    struct provider_request request;
    struct why why = {0};
    struct provider_settings settings = openai;
    settings.structured = PROVIDER_JSON_OBJECT;
    settings.key = "";
    settings.base_url = "http://localhost:11434";
    const struct provider_prompt prompt = {.max_output_tokens = 7};
    assert_ok(provider_build(&settings, &prompt, &request, &why), &why);
    assert_string_equal(text_string(&request.url), "http://localhost:11434/v1/chat/completions");
    assert_non_null(strstr(text_string(&request.body),
                           "\"max_tokens\":7,\"response_format\":{\"type\":\"json_object\"}}"));
    assert_int_equal(request.header_count, 2);
    provider_request_done(&request);
    settings.structured = PROVIDER_JSON_NONE;
    assert_ok(provider_build(&settings, &prompt, &request, &why), &why);
    assert_null(strstr(text_string(&request.body), "response_format"));
    provider_request_done(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_and_every_server_s_way_is_told_apart),
        cmocka_unit_test(reasoning_is_no_output_but_is_paid_for),
        cmocka_unit_test(the_request_is_understood_by_all),
        cmocka_unit_test(a_server_that_takes_no_schema_or_no_key_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
