// SPDX-License-Identifier: MIT
#include "unit/planner/reading.h"

#include "json/json.h"

static void every_fault_and_its_variants_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(gemini_cases); i++)
        check_case(&gemini, &gemini_cases[i]);
}

static void read_case(const char *name, struct provider_answer *ret)
{
    size_t i = 0;
    while (i < ARRAY_LEN(gemini_cases) && strcmp(gemini_cases[i].name, name) != 0)
        i++;
    assert_true(i < ARRAY_LEN(gemini_cases));
    const struct reply_case *found = &gemini_cases[i];
    read_reply(&gemini, found->status, found->retry_after, bytes_from_string(found->body), ret);
}

static void a_quota_of_the_day_stops_until_midnight_in_los_angeles(void **state)
{
    (void)state;
    struct provider_answer answer;
    read_case("rpd", &answer);
    assert_int_equal(answer.stopped_until_ms, MIDNIGHT_MS);
    provider_answer_done(&answer);
    read_case("rpm, 9999999s", &answer);
    assert_int_equal(answer.stopped_until_ms, RECEIVED_MS + INT64_C(9999999000));
    provider_answer_done(&answer);
    read_case("rpm, a header of hours", &answer);
    assert_int_equal(answer.stopped_until_ms, RECEIVED_MS + 7200000);
    provider_answer_done(&answer);
}

static void the_use_is_what_the_reply_says_and_nothing_for_an_error(void **state)
{
    (void)state;
    struct provider_answer answer;
    read_case("good", &answer);
    assert_true(answer.has_use);
    assert_int_equal(answer.input_tokens, 512);
    assert_int_equal(answer.output_tokens, 96);
    assert_int_equal(answer.thought_tokens, 210);
    assert_int_equal(provider_tokens(&answer), 818);
    // 512 * 0.75 + 306 * 3.75 = 1531.5 millionths of a dollar
    assert_int_equal(provider_micro_usd(&gemini, &answer), 1532);
    assert_string_equal(answer.model_version, "gemini-3.8-flash");
    assert_false(answer.is_model_retiring);
    provider_answer_done(&answer);
    read_case("rpm", &answer);
    assert_true(answer.has_use);
    assert_int_equal(provider_tokens(&answer), 0);
    provider_answer_done(&answer);
    read_case("no_parts", &answer); // a reply of 200 that says nothing about it
    assert_false(answer.has_use);
    provider_answer_done(&answer);
    read_case("wire: cut in the middle", &answer);
    assert_false(answer.has_use);
    provider_answer_done(&answer);
}

static void numbers_that_no_server_can_mean_do_no_harm(void **state)
{
    (void)state;
    struct provider_answer answer;
    const char *body = "{\"usageMetadata\":{\"promptTokenCount\":-5,\"candidatesTokenCount\":"
                       "9223372036854775807,\"thoughtsTokenCount\":\"x\"},\"modelVersion\":\"a "
                       "b\\n\",\"modelStatus\":{\"modelStage\":\"DEPRECATED\"}}";
    read_reply(&gemini, 200, NULL, bytes_from_string(body), &answer);
    assert_int_equal(answer.input_tokens, 0);
    assert_int_equal(answer.output_tokens, 1 << 21);
    assert_int_equal(answer.thought_tokens, 0);
    assert_string_equal(answer.model_version, "");
    assert_true(answer.is_model_retiring);
    provider_answer_done(&answer);
}

static void html_with_status_200_is_asked_for_again_and_too_much_is_not_read(void **state)
{
    (void)state;
    struct provider_answer answer;
    struct provider_reply reply = {.status = 200,
                                   .content_type = bytes_from_string("text/html"),
                                   .body = bytes_from_string("<html>Log in</html>"),
                                   .received_ms = RECEIVED_MS};
    provider_read(&gemini, &reply, &answer);
    assert_int_equal(answer.outcome, PROVIDER_AGAIN);
    provider_answer_done(&answer);
    CLEANUP(text_done) struct text large = TEXT_INIT(4000000);
    for (int i = 0; i < 200000; i++)
        assert_int_equal(text_append_string(&large, "\"\\ud83d\","), ERR_OK);
    reply.body = text_bytes(&large);
    provider_read(&gemini, &reply, &answer);
    assert_int_equal(answer.outcome, PROVIDER_REGENERATE);
    assert_string_equal(answer.why.code, "answer-too-large");
    provider_answer_done(&answer);
}

static void the_sentence_says_what_to_change_and_repeats_nothing_of_the_server(void **state)
{
    (void)state;
    struct provider_answer answer;
    const char *body = ERROR(401, "UNAUTHENTICATED", "bad key " SECRET_KEY, "");
    read_reply(&gemini, 401, NULL, bytes_from_string(body), &answer);
    assert_string_equal(answer.why.text, "gemini: the API key is refused (HTTP status 401); change "
                                         "this provider's API_KEY, then retentionctl llm resume");
    assert_true(provider_is_stop(answer.outcome));
    provider_answer_done(&answer);
}

static void the_request_is_the_one_that_the_documentation_recommends(void **state)
{
    (void)state;
    struct provider_request request;
    struct why why = {0};
    const struct provider_prompt prompt = {.system = bytes_from_string("Be \"brief\"."),
                                           .user = bytes_from_string("{\"level\":\"\xc3\xa9\"}"),
                                           .max_output_tokens = 4096};
    assert_ok(provider_build(&gemini, &prompt, &request, &why), &why);
    assert_string_equal(text_string(&request.url),
                        "https://generativelanguage.googleapis.com/v1beta/models/"
                        "gemini-3.8-flash:generateContent");
#define ONE "{\"type\":\"STRING\",\"description\":\"one concrete action, at most 200 characters\"}"
    assert_string_equal(
        text_string(&request.body),
        "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be \\\"brief\\\".\"}]},"
        "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"{\\\"level\\\":\\\"\xc3\xa9\\\"}"
        "\"}"
        "]}],\"generationConfig\":{\"maxOutputTokens\":4096,"
        "\"responseMimeType\":\"application/json\",\"responseSchema\":{\"type\":\"OBJECT\","
        "\"properties\":{\"action_1\":" ONE ",\"action_2\":" ONE ",\"action_3\":" ONE
        "},\"required\":[\"action_1\",\"action_2\",\"action_3\"],"
        "\"propertyOrdering\":[\"action_1\",\"action_2\",\"action_3\"]},"
        "\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}},\"store\":false}");
#undef ONE
    assert_int_equal(request.header_count, 4);
    assert_string_equal(request.headers[2].name, "x-goog-api-key");
    assert_string_equal(request.headers[2].value, SECRET_KEY);
    assert_string_equal(request.headers[3].value, "30");
    assert_null(strstr(text_string(&request.url), SECRET_KEY));
    assert_null(strstr(text_string(&request.body), SECRET_KEY));
    provider_request_done(&request);
}

static void thinking_and_schema_are_left_out_where_the_settings_say_so(void **state)
{
    (void)state;
    CLEANUP(json_free_p) struct json *body = NULL;
    struct provider_request request;
    struct why why = {0};
    struct provider_settings settings = gemini;
    settings.thinking = "";
    settings.structured = PROVIDER_JSON_NONE;
    settings.base_url = "http://127.0.0.1:9/proxy/v1/";
    const struct provider_prompt prompt = {.max_output_tokens = 5};
    assert_ok(provider_build(&settings, &prompt, &request, &why), &why);
    assert_string_equal(text_string(&request.url),
                        "http://127.0.0.1:9/proxy/v1/models/gemini-3.8-flash:generateContent");
    assert_ok(json_parse(text_bytes(&request.body), 10000, 20, &body, &why), &why);
    assert_int_equal(json_count(json_member(body, "generationConfig")), 1);
    assert_false(json_as_boolean(json_member(body, "store")));
    provider_request_done(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_and_its_variants_are_told_apart),
        cmocka_unit_test(a_quota_of_the_day_stops_until_midnight_in_los_angeles),
        cmocka_unit_test(the_use_is_what_the_reply_says_and_nothing_for_an_error),
        cmocka_unit_test(numbers_that_no_server_can_mean_do_no_harm),
        cmocka_unit_test(html_with_status_200_is_asked_for_again_and_too_much_is_not_read),
        cmocka_unit_test(the_sentence_says_what_to_change_and_repeats_nothing_of_the_server),
        cmocka_unit_test(the_request_is_the_one_that_the_documentation_recommends),
        cmocka_unit_test(thinking_and_schema_are_left_out_where_the_settings_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
